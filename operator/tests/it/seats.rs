use crate::world;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Secret},
};
use kube::{ResourceExt, api::ListParams};
use operator_core::api::{Validator, conditions::ConditionStatus, validator::Phase};
use operator_trials::{
    fake_network::FakeNetwork,
    world::{World, delete_and_wait},
};

pub(crate) async fn validating(world: &World, count: usize) {
    world
        .until(&format!("{count} validating nodes and Ready"), || async {
            let status = world.fleet().await.status?;
            let ready =
                status.conditions.iter().any(|c| c.kind == "Ready" && c.status == ConditionStatus::True);
            let validating = status.nodes.iter().filter(|node| node.phase == Phase::Validating).count();
            (ready && validating == count && status.nodes.len() == count).then_some(())
        })
        .await;
}

pub(crate) async fn live(test: &str, net: u8) -> (World, FakeNetwork) {
    let mut world = world(test).await;
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let mut network = FakeNetwork::new(&world, net).await;
    wait_for_sets(&world, 4).await;
    network.kubelet(&world, true).await;
    validating(&world, 4).await;
    (world, network)
}

pub(crate) async fn wait_for_sets(world: &World, count: usize) {
    let sets = world.api::<StatefulSet>();
    world
        .until("StatefulSets", || async {
            (sets.list(&ListParams::default()).await.ok()?.items.len() == count).then_some(())
        })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_running_network_shows_seats_quorum_and_joined_and_then_falls_silent() {
    let (world, _network) = live("live", 1).await;
    let status = world
        .until("a Ready consortium", || async {
            let status = world.consortium().await.status?;
            let is = |kind: &str| {
                status.conditions.iter().any(|c| c.kind == kind && c.status == ConditionStatus::True)
            };
            (is("Ready") && is("Joined") && is("QuorumHealthy")).then(|| status.clone())
        })
        .await;
    assert_eq!(status.summary.as_deref(), Some("4/4 seats, tolerates 1"));
    assert_eq!(status.members[0].alias, "bank-a");
    let identity = world.api::<Secret>().get("bank-a-0-identity").await.expect("the key");
    assert!(identity.annotations().contains_key("quorate.dev/journal-id"), "the journal is recorded");
    let configs = world.api::<ConfigMap>();
    world
        .until("the journal required from now on", || async {
            let config = configs.get("bank-a-0-config").await.ok()?;
            config.data?["node.json"].contains("require").then_some(())
        })
        .await;
    world.two_more_passes().await;
    let before = world.counter("quorate_operator_writes_total").await;
    world.two_more_passes().await;
    assert_eq!(world.counter("quorate_operator_writes_total").await, before);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn scaling_gives_a_seat_to_a_synced_node_and_takes_it_before_the_node_stops() {
    let (world, mut network) = live("scale", 2).await;
    world.replicas(5).await;
    wait_for_sets(&world, 5).await;
    assert_eq!(network.state.lock().expect("lock").seats.len(), 4, "no seat without a node");
    network.kubelet(&world, false).await;
    validating(&world, 5).await;
    world.replicas(4).await;
    wait_for_sets(&world, 4).await;
    assert_eq!(network.state.lock().expect("lock").seats.len(), 4, "the seat went first");
    assert_eq!(network.state.lock().expect("lock").most_seats, 5);
    world.api::<Secret>().get("bank-a-4-identity").await.expect("the key stays");
    world.api::<PersistentVolumeClaim>().get("data-bank-a-4").await.expect("the disk stays");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_fleet_that_is_the_whole_network_is_let_go_with_its_seats() {
    let (world, network) = live("whole", 3).await;
    delete_and_wait::<Validator>(&world, "bank-a").await;
    assert_eq!(network.state.lock().expect("lock").seats.len(), 4);
}
