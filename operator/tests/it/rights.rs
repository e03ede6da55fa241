//! What few manifests make the operator do, so that every right of the chart is used by a test.

use crate::world;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Pod, Service},
    networking::v1::NetworkPolicy,
};
use kube::api::{Patch, PatchParams, PostParams};
use operator_core::api::Validator;
use operator_trials::world::World;
use serde_json::json;

async fn with_set(test: &str) -> (World, StatefulSet) {
    let mut world = world(test).await;
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let sets = world.api::<StatefulSet>();
    let set = world.until("a StatefulSet", || async { sets.get_opt("bank-a-0").await.ok()? }).await;
    (world, set)
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_fleet_that_stops_to_answer_json_rpc_loses_the_service_and_the_rule_that_lets_clients_in() {
    let (world, _) = with_set("norpc").await;
    let (services, policies) = (world.api::<Service>(), world.api::<NetworkPolicy>());
    let rules = || async { Some(policies.get_opt("bank-a").await.ok()??.spec?.ingress?.len()) };
    let before = world.until("the policy", rules).await;
    world.until("the Service", || async { services.get_opt("bank-a-rpc").await.ok()? }).await;
    let none = json!({ "spec": { "rpc": { "type": "None" } } });
    let fleets = world.api::<Validator>();
    fleets.patch("bank-a", &PatchParams::default(), &Patch::Merge(&none)).await.expect("accepted");
    world
        .until("the Service gone", || async {
            services.get_opt("bank-a-rpc").await.ok()?.is_none().then_some(())
        })
        .await;
    world.until("one rule less", || async { (rules().await? + 1 == before).then_some(()) }).await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_broken_pod_of_an_older_revision_is_restarted() {
    let (world, set) = with_set("restart").await;
    let mut labels = set.metadata.labels.clone().expect("labels");
    labels.insert("controller-revision-hash".to_owned(), "older".to_owned());
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "bank-a-0-0", "labels": labels },
        "spec": { "containers": [{ "name": "validator", "image": "x" }] },
    }))
    .expect("a pod");
    let pods = world.api::<Pod>();
    pods.create(&PostParams::default(), &pod).await.expect("created");
    let revision = json!({ "status": { "replicas": 1, "updateRevision": "newer" } });
    let sets = world.api::<StatefulSet>();
    sets.patch_status("bank-a-0", &PatchParams::default(), &Patch::Merge(&revision))
        .await
        .expect("a revision");
    world
        .until("the pod gone", || async { pods.get_opt("bank-a-0-0").await.ok()?.is_none().then_some(()) })
        .await;
}
