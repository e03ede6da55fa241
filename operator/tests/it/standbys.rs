//! Fleets whose identities can move, against a real API server: rights, Leases, the way there and back, and what is told. The tests play the
//! nodes: they say that there are records, and who holds what.

use crate::{
    rolling::annotate,
    seats::{live, wait_for_sets},
};
use alloy_primitives::Address;
use chain::status::{Fence, FenceRole};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    coordination::v1::Lease,
    core::v1::{ConfigMap, Secret},
    events::v1::Event,
    networking::v1::NetworkPolicy,
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use operator_core::{
    api::{
        Validator,
        conditions::ConditionStatus,
        validator::{NodeState, Phase},
    },
    names::{FENCE_RECORD, SKIP_UNSEAT},
};
use operator_trials::{
    fake_network::{FakeNetwork, own_fence},
    world::{World, delete_and_wait},
};
use serde_json::{Value, json};

async fn edit(world: &World, spec: Value) -> Result<Validator, kube::Error> {
    let patch = json!({ "spec": spec });
    world.api::<Validator>().patch("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await
}

async fn identity(world: &World, index: u32) -> Address {
    let secret = world.api::<Secret>().get(&format!("bank-a-{index}-identity")).await.expect("a key");
    secret.annotations()["quorate.dev/address"].parse().expect("an address")
}

async fn config(world: &World, node: &str) -> Option<Value> {
    let config = world.api::<ConfigMap>().get_opt(&format!("{node}-config")).await.ok()??;
    serde_json::from_str(&config.data?["node.json"]).ok()
}

/// Waits for a node's state.
async fn node(world: &World, name: &str, what: &str, is: impl Fn(&NodeState) -> bool) {
    world
        .until(&format!("{name}: {what}"), || async {
            let nodes = world.fleet().await.status?.nodes;
            nodes.iter().any(|node| node.name == name && is(node)).then_some(())
        })
        .await;
}

async fn ready(world: &World, summary: &str) {
    world
        .until(&format!("Ready with {summary}"), || async {
            let status = world.fleet().await.status?;
            let ready =
                status.conditions.iter().any(|c| c.kind == "Ready" && c.status == ConditionStatus::True);
            (ready && status.summary.as_deref() == Some(summary)).then_some(())
        })
        .await;
}

async fn event(world: &World, reason: &str, words: &str) {
    world
        .until(&format!("event {reason}: {words}"), || async {
            let events = world.api::<Event>().list(&ListParams::default()).await.ok()?;
            let told = |event: &Event| {
                event.reason.as_deref() == Some(reason)
                    && event.note.as_deref().is_some_and(|note| note.contains(words))
            };
            events.items.iter().any(told).then_some(())
        })
        .await;
}

/// Whether the fleet's nodes may do this to a Lease.
async fn may(world: &World, verb: &str, lease: Option<&str>) -> bool {
    let attributes = ResourceAttributes {
        group: Some("coordination.k8s.io".to_owned()),
        resource: Some("leases".to_owned()),
        namespace: Some(world.namespace.clone()),
        name: lease.map(str::to_owned),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{}:bank-a", world.namespace)),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews: Api<SubjectAccessReview> = Api::all(world.client.clone());
    let reviewed = reviews.create(&PostParams::default(), &review).await.expect("reviewed");
    reviewed.status.is_some_and(|status| status.allowed)
}

/// The Leases of identities: name and whole object.
async fn leases(world: &World) -> Vec<(String, Lease)> {
    let leases = world.api::<Lease>().list(&ListParams::default()).await.expect("Leases");
    leases.items.into_iter().map(|lease| (lease.name_any(), lease)).collect()
}

/// The nodes have made their records, and say so: each holds its own.
async fn record(world: &World, network: &FakeNetwork) {
    for (name, _) in leases(world).await {
        let patch = json!({ "metadata": { "annotations": { FENCE_RECORD: "AAAA" } } });
        let api = world.api::<Lease>();
        api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("a record");
    }
    for index in 0..4 {
        let identity = identity(world, index).await;
        network.state.lock().expect("lock").fences.insert(identity, own_fence());
    }
}

/// A network of four with a spare that is up.
async fn with_spare(test: &str, net: u8) -> (World, FakeNetwork) {
    let (world, mut network) = live(test, net).await;
    edit(&world, json!({ "standbys": 1 })).await.expect("accepted");
    world.until("Leases", || async { (leases(&world).await.len() == 4).then_some(()) }).await;
    record(&world, &network).await;
    wait_for_sets(&world, 5).await;
    network.kubelet(&world, false).await;
    ready(&world, "4/4 validating, 1/1 standing by").await;
    (world, network)
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_fleet_that_gets_a_spare_gets_leases_a_right_to_them_and_the_spare_once_there_are_records() {
    let (world, mut network) = live("spare", 51).await;
    assert!(
        leases(&world).await.is_empty()
            && world.api::<Role>().get_opt("bank-a-fence").await.expect("read").is_none()
    );
    assert!(config(&world, "bank-a-0").await.expect("a file")["identity"]["fence"].is_null());
    edit(&world, json!({ "standbys": 1 })).await.expect("accepted");
    world.until("Leases", || async { (leases(&world).await.len() == 4).then_some(()) }).await;
    let made = leases(&world).await;
    for (name, lease) in &made {
        assert!(lease.owner_references().is_empty(), "{name} goes with nobody");
        assert!(!lease.annotations().contains_key(FENCE_RECORD), "{name}: the record is its node's to make");
    }
    let own = &made[0].0;
    world.until("the right", || async { may(&world, "patch", Some(own)).await.then_some(()) }).await;
    assert!(may(&world, "get", Some(own)).await);
    for (verb, lease) in [
        ("patch", Some("quorate-operator")),
        ("get", Some("quorate-operator")),
        ("list", None),
        ("create", None),
        ("delete", Some(own.as_str())),
    ] {
        assert!(!may(&world, verb, lease).await, "{verb} {lease:?}");
    }
    let binding = world.api::<RoleBinding>().get("bank-a-fence").await.expect("a binding");
    assert_eq!(binding.owner_references().len(), 1, "it goes with the fleet");
    let told = |asked: bool| {
        let world = &world;
        move || async move {
            let fence = config(world, "bank-a-0").await?["identity"]["fence"].clone();
            (fence.is_object() && (fence["initialise"] == true) == asked).then_some(fence)
        }
    };
    let fence = world.until("told to make the first record", told(true)).await;
    assert_eq!(fence["holder"], format!("{}/bank-a-0", world.namespace));
    let set = world.api::<StatefulSet>().get("bank-a-0").await.expect("a set");
    let volumes = json!(set.spec.template.spec.expect("a pod").volumes);
    assert!(volumes.to_string().contains("kube-root-ca.crt"), "{volumes}");
    let policy = world.api::<NetworkPolicy>().get("bank-a").await.expect("a policy");
    assert!(json!(policy.spec).to_string().contains("6443"), "the API server is reached");
    node(&world, "bank-a-standby-0", "waits for records", |node| {
        node.phase == Phase::Provisioning
            && node.reason.as_deref().is_some_and(|why| why.contains("bank-a-3"))
    })
    .await;
    assert_eq!(world.api::<StatefulSet>().list(&ListParams::default()).await.expect("sets").items.len(), 4);
    record(&world, &network).await;
    wait_for_sets(&world, 5).await;
    world.until("told no more", told(false)).await;
    let spare = config(&world, "bank-a-standby-0").await.expect("a file");
    assert_eq!((spare["standbyFor"].as_array().map(Vec::len), &spare["identity"]), (Some(4), &Value::Null));
    network.kubelet(&world, false).await;
    ready(&world, "4/4 validating, 1/1 standing by").await;
    world.two_more_passes().await;
    let (written, before) = (world.counter("quorate_operator_writes_total").await, leases(&world).await);
    world.two_more_passes().await;
    assert_eq!(world.counter("quorate_operator_writes_total").await, written, "settled means silent");
    let version =
        |all: &[(String, Lease)]| all.iter().map(|(_, lease)| lease.resource_version()).collect::<Vec<_>>();
    assert_eq!(version(&leases(&world).await), version(&before), "nobody but the nodes writes Leases");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn who_holds_what_and_what_is_wrong_is_told_by_name() {
    let (world, network) = with_spare("takeover", 52).await;
    let first = identity(&world, 0).await;
    let say = |identity: Address, fence: Fence| {
        network.state.lock().expect("lock").fences.insert(identity, fence);
    };
    let holder = Some(format!("{}/bank-a-standby-0", world.namespace));
    say(first, Fence { role: FenceRole::Standby, holder, epoch: 2, ..own_fence() });
    node(&world, "bank-a-0", "held by the spare", |node| {
        node.phase == Phase::Standby && node.held_by.as_deref() == Some("bank-a-standby-0")
    })
    .await;
    node(&world, "bank-a-standby-0", "votes", |node| {
        node.phase == Phase::Validating && node.holds.as_deref() == Some("bank-a-0")
    })
    .await;
    event(&world, "IdentityMoved", "bank-a-standby-0 holds the identity of bank-a-0").await;
    say(first, Fence { epoch: 3, ..own_fence() });
    ready(&world, "4/4 validating, 1/1 standing by").await;
    event(&world, "IdentityReturned", "bank-a-0 holds its identity again").await;
    let second = identity(&world, 1).await;
    let away = Fence {
        role: FenceRole::Stopped,
        reason: Some("store_away".to_owned()),
        message: Some("the API server answers 403".to_owned()),
        ..own_fence()
    };
    say(second, away);
    let told = world
        .until("Degraded", || async {
            let conditions = world.fleet().await.status?.conditions;
            let degraded = conditions.into_iter().find(|condition| condition.kind == "Degraded")?;
            (degraded.reason == "FenceStoreAway").then_some(degraded.message)
        })
        .await;
    assert!(told.contains("bank-a-1") && told.contains("bank-a-fence"), "{told}");
    say(second, own_fence());
    ready(&world, "4/4 validating, 1/1 standing by").await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_fence_is_never_taken_away_spares_may_go_and_leases_outlive_the_fleet() {
    let (world, _network) = with_spare("keeps", 53).await;
    let refused = edit(&world, json!({ "standbys": 0 })).await.expect_err("refused").to_string();
    assert!(refused.contains("immutable") && refused.contains("spec.fence"), "{refused}");
    let moved = json!({ "fence": { "azureBlob": {
        "containerUrl": "https://a.blob.core.windows.net/fence",
        "tenantId": "11111111-1111-1111-1111-111111111111", "clientId": "22222222-2222-2222-2222-222222222222",
    } } });
    let refused = edit(&world, moved).await.expect_err("refused").to_string();
    assert!(refused.contains("immutable") && refused.contains("azureBlob"), "{refused}");
    edit(&world, json!({ "standbys": 0, "fence": {} })).await.expect("accepted");
    wait_for_sets(&world, 4).await;
    ready(&world, "4/4 validating").await;
    assert!(config(&world, "bank-a-0").await.expect("a file")["identity"]["fence"].is_object());
    let refused = edit(&world, json!({ "fence": null })).await.expect_err("refused").to_string();
    assert!(refused.contains("immutable"), "{refused}");
    annotate(&world, SKIP_UNSEAT, "true").await;
    delete_and_wait::<Validator>(&world, "bank-a").await;
    let left = leases(&world).await;
    assert_eq!(left.len(), 4);
    assert!(left.iter().all(|(_, lease)| lease.annotations().contains_key(FENCE_RECORD)));
    // The same manifest without its fence: its keys have voted under one.
    world.example("validator.yaml").await;
    let told = world
        .until("FenceGone", || async {
            let conditions = world.fleet().await.status?.conditions;
            let stalled = conditions.into_iter().find(|condition| condition.kind == "Stalled")?;
            (stalled.reason == "FenceGone").then_some(stalled.message)
        })
        .await;
    assert!(told.contains("bank-a-0-identity") && told.contains("spec.fence"), "{told}");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_right_that_somebody_widens_or_hands_on_is_put_back() {
    let (world, _network) = with_spare("right", 56).await;
    let (roles, bindings) = (world.api::<Role>(), world.api::<RoleBinding>());
    let wider = json!({ "rules": [{ "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"] }] });
    roles.patch("bank-a-fence", &PatchParams::default(), &Patch::Merge(&wider)).await.expect("edited");
    world
        .until("the right as it was", || async {
            let rules = roles.get("bank-a-fence").await.ok()?.rules?;
            (rules.len() == 1 && rules[0].verbs == ["get", "patch"]).then_some(())
        })
        .await;
    let subject = json!({ "kind": "ServiceAccount", "name": "default", "namespace": world.namespace });
    let handed_on = json!({ "subjects": [subject] });
    bindings.patch("bank-a-fence", &PatchParams::default(), &Patch::Merge(&handed_on)).await.expect("edited");
    world
        .until("whose it was", || async {
            let subjects = bindings.get("bank-a-fence").await.ok()?.subjects?;
            (subjects.len() == 1 && subjects[0].name == "bank-a").then_some(())
        })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn what_a_fence_cannot_be_is_refused_with_the_field() {
    let (world, _network) = live("nofence", 54).await;
    let blob = |more: Value| {
        let mut blob = json!({ "containerUrl": "https://a.blob.core.windows.net/fence" });
        for (field, value) in more.as_object().expect("fields") {
            blob[field] = value.clone();
        }
        blob
    };
    let id = "11111111-1111-1111-1111-111111111111";
    for (spec, words) in [
        (json!({ "standbys": 17 }), "spec.standbys"),
        (json!({ "standbys": -1 }), "spec.standbys"),
        (json!({ "fence": { "leaseSeconds": 1 } }), "spec.fence.leaseSeconds"),
        (json!({ "fence": { "site": "No Label" } }), "spec.fence.site"),
        (json!({ "fence": { "preferred": false } }), "needs spec.fence.azureBlob"),
        (json!({ "fence": { "azureBlob": blob(json!({})) } }), "tenantId and clientId are needed"),
        (json!({ "fence": { "azureBlob": blob(json!({ "tenantId": id })) } }), "given both or not at all"),
        (
            json!({ "fence": { "kubernetesLease": {}, "azureBlob": blob(json!({ "tenantId": id, "clientId": id })) } }),
            "at most one of",
        ),
        (
            json!({ "fence": { "preferred": false, "azureBlob": blob(json!({ "tenantId": id, "clientId": id })) } }),
            "create false",
        ),
    ] {
        let refused = edit(&world, spec.clone()).await.expect_err("refused").to_string();
        assert!(refused.contains(words), "{spec}: {refused}");
    }
}
