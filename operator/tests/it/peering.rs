//! A fleet that members in other clusters dial at a load balancer: the test plays the cloud, which gives it an address and moves it.

use crate::{seats::wait_for_sets, world};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{Patch, PatchParams};
use operator_core::api::{Validator, conditions::ConditionStatus};
use operator_trials::world::World;
use serde_json::{Value, json};

async fn edit(world: &World, peering: Value) {
    let change = json!({ "spec": { "peering": peering } });
    let fleets = world.api::<Validator>();
    fleets.patch("bank-a", &PatchParams::default(), &Patch::Merge(&change)).await.expect("accepted");
}

/// What a cloud's controller writes.
async fn give(world: &World, ingress: Value) {
    let status = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
    let services = world.api::<Service>();
    let params = PatchParams::default();
    services.patch_status("bank-a-peers", &params, &Patch::Merge(&status)).await.expect("given");
}

/// Waits until the fleet says so of its peering; the message.
async fn says(world: &World, status: ConditionStatus, reason: &str) -> String {
    world
        .until(&format!("PeeringReady {reason}"), || async {
            let conditions = world.fleet().await.status?.conditions;
            let said = conditions.into_iter().find(|condition| condition.kind == "PeeringReady")?;
            (said.status == status && said.reason == reason).then_some(said.message)
        })
        .await
}

/// Waits until the status names these endpoints, in order of the nodes.
async fn endpoints(world: &World, want: [Option<&str>; 4]) {
    world
        .until(&format!("{want:?}"), || async {
            let nodes = world.fleet().await.status?.nodes;
            let told: Vec<_> = nodes.iter().map(|node| node.endpoint.as_deref()).collect();
            (told == want).then_some(())
        })
        .await;
}

/// Waits until a ConfigMap says this.
async fn tells(world: &World, name: &str, words: &str) {
    let maps = world.api::<ConfigMap>();
    world
        .until(&format!("{words} in {name}"), || async {
            let data = maps.get(name).await.ok()?.data?;
            data.values().any(|text| text.contains(words)).then_some(())
        })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn where_members_in_other_clusters_dial_is_told_once_it_is_given_and_anew_when_it_moves() {
    let mut world = world("peering").await;
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    wait_for_sets(&world, 4).await;
    edit(&world, json!({ "type": "LoadBalancer" })).await;
    let told = says(&world, ConditionStatus::False, "WaitingForAddress").await;
    assert!(told.contains("bank-a-peers"), "{told}");
    endpoints(&world, [None; 4]).await;
    give(&world, json!([{ "ip": "203.0.113.7" }])).await;
    let told = says(&world, ConditionStatus::True, "AddressGiven").await;
    assert!(told.contains("203.0.113.7"), "{told}");
    let at = ["203.0.113.7:30303", "203.0.113.7:30304", "203.0.113.7:30305", "203.0.113.7:30306"];
    endpoints(&world, at.map(Some)).await;
    tells(&world, "trade-finance-network-info", "@203.0.113.7:30306").await;
    tells(&world, "bank-a-3-config", r#""203.0.113.7:30306""#).await;
    give(&world, json!([{ "ip": "2001:db8::7" }])).await;
    endpoints(
        &world,
        ["30303", "30304", "30305", "30306"]
            .map(|port| format!("[2001:db8::7]:{port}"))
            .each_ref()
            .map(|at| Some(at.as_str())),
    )
    .await;
    tells(&world, "trade-finance-network-info", "@[2001:db8::7]:30303").await;
    tells(&world, "bank-a-0-config", r#""[2001:db8::7]:30303""#).await;
    give(&world, json!([])).await;
    says(&world, ConditionStatus::False, "WaitingForAddress").await;
    endpoints(&world, [None; 4]).await;
    edit(&world, json!({ "type": "ClusterIP" })).await;
    world
        .until("no word of peering", || async {
            let conditions = world.fleet().await.status?.conditions;
            conditions.iter().all(|condition| condition.kind != "PeeringReady").then_some(())
        })
        .await;
    let gone = world.api::<Service>();
    world
        .until("no Service", || async { gone.get_opt("bank-a-peers").await.ok()?.is_none().then_some(()) })
        .await;
}
