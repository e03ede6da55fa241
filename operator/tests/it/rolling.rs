use crate::seats::{live, validating, wait_for_sets};
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, Pod, Secret},
        events::v1::Event,
        policy::v1::PodDisruptionBudget,
    },
    jiff::{SignedDuration, Timestamp, Unit},
};
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use operator_core::{
    api::{Condition, Validator, conditions::ConditionStatus, validator::Phase},
    names::{ACCEPT_JOURNAL_LOSS, IGNORE_QUORUM},
};
use operator_trials::{fake_network::FakeNetwork, world::World};
use serde_json::json;

/// Plays the StatefulSet controller: the pods are of revision `a`, the sets are at `b`.
pub(crate) async fn outdate(world: &World, fleet: &str, nodes: u32) {
    for node in 0..nodes {
        let label = json!({ "metadata": { "labels": { "controller-revision-hash": "a" } } });
        let pods = world.api::<Pod>();
        pods.patch(&format!("{fleet}-{node}-0"), &PatchParams::default(), &Patch::Merge(&label))
            .await
            .expect("a pod");
    }
    for node in 0..nodes {
        let status = json!({ "status": { "replicas": 1, "updateRevision": "b" } });
        let sets = world.api::<StatefulSet>();
        let name = format!("{fleet}-{node}");
        sets.patch_status(&name, &PatchParams::default(), &Patch::Merge(&status)).await.expect("a set");
    }
}

pub(crate) async fn annotate(world: &World, name: &str, value: &str) {
    let patch = json!({ "metadata": { "annotations": { name: value } } });
    let api = world.api::<Validator>();
    api.patch("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("annotated");
}

async fn condition(world: &World, fleet: &str, kind: &str, says: &str) -> Condition {
    world
        .until(&format!("{kind}: {says}"), || async {
            let status = world.api::<Validator>().get(fleet).await.ok()?.status?;
            let found = status.conditions.into_iter().find(|condition| condition.kind == kind)?;
            (found.reason == says || found.message.contains(says)).then_some(found)
        })
        .await
}

async fn event(world: &World, reason: &str) -> Event {
    world
        .until(&format!("event {reason}"), || async {
            let events = world.api::<Event>().list(&ListParams::default()).await.ok()?;
            events.items.into_iter().find(|event| event.reason.as_deref() == Some(reason))
        })
        .await
}

pub(crate) async fn gone(world: &World, network: &FakeNetwork, pods: &[String]) -> String {
    world
        .until("a pod gone", || async {
            // Whenever the operator has changed the budget it is looked at again.
            network.disruption_controller(world).await;
            let here = world.api::<Pod>().list(&ListParams::default()).await.ok()?;
            let here: Vec<_> = here.items.iter().map(ResourceExt::name_any).collect();
            let gone: Vec<_> = pods.iter().filter(|pod| !here.contains(*pod)).collect();
            assert!(gone.len() <= 1, "two nodes down by choice: {gone:?}");
            gone.first().map(|pod| pod.strip_suffix("-0").expect("a pod of a set").to_owned())
        })
        .await
}

async fn least(world: &World) -> Option<i32> {
    let budget = world.api::<PodDisruptionBudget>().get("trade-finance-validators").await.ok()?;
    match budget.spec?.min_available? {
        k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(least) => Some(least),
        k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::String(_) => None,
    }
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn outdated_nodes_are_evicted_one_after_the_other_and_only_as_the_disruption_budget_allows() {
    let (world, network) = live("rolling", 21).await;
    let pods: Vec<_> = (0..4).map(|node| format!("bank-a-{node}-0")).collect();
    outdate(&world, "bank-a", 4).await;
    // No disruption controller has looked at the budget yet, so the API server evicts nobody.
    condition(&world, "bank-a", "Ready", "disruption budget").await;
    assert_eq!(world.api::<Pod>().list(&ListParams::default()).await.expect("pods").items.len(), 4);
    for node in 0..4 {
        let stopped = gone(&world, &network, &pods).await;
        assert_eq!(stopped, format!("bank-a-{node}"), "in order");
        network.again(&world, &stopped, "b").await;
    }
    validating(&world, 4).await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_seat_that_falls_silent_closes_the_budget_and_its_return_opens_it() {
    let (world, network) = live("budget", 22).await;
    world.until("an open budget", || async { (least(&world).await? == 3).then_some(()) }).await;
    // What somebody adds to it is looked at, and left alone.
    let reads = "quorate_operator_api_requests_total{verb=\"get\",resource=\"poddisruptionbudgets\"";
    let before = world.counter(reads).await.expect("metrics");
    let note = json!({ "metadata": { "annotations": { "policy.example/seen": "yes" } } });
    let params = PatchParams { field_manager: Some("policy".to_owned()), ..PatchParams::default() };
    let budgets = world.api::<PodDisruptionBudget>();
    budgets
        .patch_metadata("trade-finance-validators", &params, &Patch::Merge(&note))
        .await
        .expect("annotated");
    world.until("a look", || async { (world.counter(reads).await? > before).then_some(()) }).await;
    let seat = network.state.lock().expect("lock").seats[3];
    network.state.lock().expect("lock").silent = vec![seat];
    world.until("a closed budget", || async { (least(&world).await? == 4).then_some(()) }).await;
    let message = world
        .until("a reason", || async {
            let status = world.consortium().await.status?;
            let drainable = status.conditions.into_iter().find(|condition| condition.kind == "Drainable")?;
            (drainable.status == ConditionStatus::False).then_some(drainable.message)
        })
        .await;
    // Its node is up and says nothing of a fault: it may vote any moment.
    assert!(message.contains(&format!("the others hear the seat {seat}")), "{message}");
    network.state.lock().expect("lock").silent.clear();
    world.until("an open budget", || async { (least(&world).await? == 3).then_some(()) }).await;
}

/// What an eviction that was granted and never carried out leaves in the budget; `None` takes it out again.
async fn counts(world: &World, pod: &str, at: Option<Timestamp>) {
    let at = at.map(|at| at.round(Unit::Second).expect("a time").to_string());
    let status = json!({ "status": {
        "currentHealthy": 4, "desiredHealthy": 3, "disruptionsAllowed": 0, "expectedPods": 4,
        "disruptedPods": { pod: at },
    } });
    let budgets = world.api::<PodDisruptionBudget>();
    let (name, params) = ("trade-finance-validators", PatchParams::default());
    budgets.patch_status(name, &params, &Patch::Merge(&status)).await.expect("counted");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn an_eviction_that_was_cut_off_is_told_to_those_who_drain_and_carried_out_where_it_was_for_a_restart()
{
    let (world, network) = live("lapsed", 29).await;
    let drainable = |status: ConditionStatus, says: &'static str| {
        let world = &world;
        async move {
            let what = format!("Drainable {status:?}: {says}");
            let found = || async {
                let conditions = world.consortium().await.status?.conditions;
                let found = conditions.into_iter().find(|condition| condition.kind == "Drainable")?;
                (found.status == status && found.message.contains(says)).then_some(found.reason)
            };
            world.until(&what, found).await
        }
    };
    drainable(ConditionStatus::True, "one node may be drained").await;
    let since = Timestamp::now() - SignedDuration::from_secs(30);
    counts(&world, "bank-a-1-0", Some(since)).await;
    let reason = drainable(ConditionStatus::False, "an eviction of bank-a-1-0 came to nothing").await;
    assert_eq!(reason, "DisruptionBudget");
    counts(&world, "bank-a-1-0", None).await;
    drainable(ConditionStatus::True, "one node may be drained").await;

    // The operator that evicted this one did not live to see it through: the budget has nothing left for anybody.
    counts(&world, "bank-a-0-0", Some(Timestamp::now())).await;
    let pods = world.api::<Pod>();
    let uid = pods.get("bank-a-0-0").await.expect("a pod").metadata.uid;
    outdate(&world, "bank-a", 4).await;
    world
        .until("the granted pod gone", || async {
            let found = pods.get_opt("bank-a-0-0").await.ok()?;
            found.is_none_or(|pod| pod.metadata.uid != uid).then_some(())
        })
        .await;
    let told = event(&world, "NodeRestarts").await;
    assert!(told.note.expect("a note").contains("bank-a-0 restarts"));
    // That grant was for one pod: nobody else goes, and once this one is back the real controller forgets it.
    let here = pods.list(&ListParams::default()).await.expect("pods").items.len();
    assert_eq!(here, 3, "no other");
    counts(&world, "bank-a-0-0", None).await;
    network.again(&world, "bank-a-0", "b").await;
    let rest: Vec<_> = (1..4).map(|node| format!("bank-a-{node}-0")).collect();
    assert_eq!(gone(&world, &network, &rest).await, "bank-a-1", "the next one by an eviction of its own");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn the_override_restarts_nodes_of_a_halted_network_and_every_use_of_it_is_an_event() {
    let (world, network) = live("override", 23).await;
    let pods: Vec<_> = (0..4).map(|node| format!("bank-a-{node}-0")).collect();
    let seats = network.state.lock().expect("lock").seats.clone();
    network.state.lock().expect("lock").silent = seats[2..].to_vec();
    outdate(&world, "bank-a", 4).await;
    let refused = condition(&world, "bank-a", "Ready", IGNORE_QUORUM).await;
    assert_eq!(
        world.api::<Pod>().list(&ListParams::default()).await.expect("pods").items.len(),
        4,
        "{refused:?}"
    );
    annotate(&world, IGNORE_QUORUM, "true").await;
    let stopped = gone(&world, &network, &pods).await;
    let used = event(&world, "QuorumIgnored").await;
    let note = used.note.unwrap_or_default();
    assert!(note.contains(&stopped) && note.contains(IGNORE_QUORUM), "{note}");
    assert_eq!(used.type_.as_deref(), Some("Warning"));
    let overridden = condition(&world, "bank-a", "Overridden", IGNORE_QUORUM).await;
    assert_eq!(overridden.status, ConditionStatus::True);
    event(&world, "Overridden").await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn an_accepted_loss_of_a_journal_reaches_the_nodes_configurations_and_shows_as_an_override() {
    let (world, _network) = live("journal", 24).await;
    world
        .until("the journal on record", || async {
            let identity = world.api::<Secret>().get("bank-a-0-identity").await.ok()?;
            identity.annotations().contains_key("quorate.dev/journal-id").then_some(())
        })
        .await;
    let lost = format!("0x{}", "ee".repeat(32));
    annotate(&world, ACCEPT_JOURNAL_LOSS, &lost).await;
    world
        .until("the loss accepted", || async {
            let config = world.api::<ConfigMap>().get("bank-a-0-config").await.ok()?;
            let text = &config.data?["node.json"];
            (text.contains("acceptLoss") && text.contains(&lost)).then_some(())
        })
        .await;
    let overridden = condition(&world, "bank-a", "Overridden", ACCEPT_JOURNAL_LOSS).await;
    assert_eq!(overridden.status, ConditionStatus::True);
    event(&world, "Overridden").await;
    annotate(&world, ACCEPT_JOURNAL_LOSS, "all").await;
    let stalled = condition(&world, "bank-a", "Stalled", "InvalidSpec").await;
    assert!(stalled.message.contains(ACCEPT_JOURNAL_LOSS), "{}", stalled.message);
}

async fn observing(world: &World, count: usize) {
    world
        .until("observing nodes and Ready", || async {
            let status = world.api::<Validator>().get("readers").await.ok()?.status?;
            let ready =
                status.conditions.iter().any(|c| c.kind == "Ready" && c.status == ConditionStatus::True);
            let all = status.nodes.iter().filter(|node| node.phase == Phase::Observing).count();
            (ready && all == count && status.nodes.len() == count).then_some(())
        })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn observers_hold_no_seat_stop_at_once_and_restart_while_the_network_cannot_spare_a_seat() {
    let (world, mut network): (World, FakeNetwork) = live("observers", 25).await;
    let readers = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "readers" },
        "spec": { "consortiumRef": { "name": "trade-finance" }, "replicas": 2, "role": "Observer" },
    });
    world.apply(&readers).await.expect("accepted");
    wait_for_sets(&world, 6).await;
    network.kubelet(&world, false).await;
    observing(&world, 2).await;
    assert!(world.api::<Secret>().get_opt("readers-0-identity").await.expect("read").is_none());
    assert_eq!(network.state.lock().expect("lock").seats.len(), 4);
    let seat = network.state.lock().expect("lock").seats[3];
    network.state.lock().expect("lock").silent = vec![seat];
    outdate(&world, "readers", 2).await;
    let pods = ["readers-0-0".to_owned(), "readers-1-0".to_owned()];
    let stopped = gone(&world, &network, &pods).await;
    network.again(&world, &stopped, "b").await;
    let stopped = gone(&world, &network, &pods).await;
    network.again(&world, &stopped, "b").await;
    observing(&world, 2).await;
    let one = json!({ "spec": { "replicas": 1 } });
    let api = world.api::<Validator>();
    api.patch_scale("readers", &PatchParams::default(), &Patch::Merge(&one)).await.expect("scaled");
    wait_for_sets(&world, 5).await;
}
