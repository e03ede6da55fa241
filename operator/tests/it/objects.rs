use crate::world;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use operator_trials::world::World;
use serde_json::json;

async fn applied(test: &str) -> World {
    let mut world = world(test).await;
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let sets = world.api::<StatefulSet>();
    world
        .until("four StatefulSets", || async {
            (sets.list(&ListParams::default()).await.ok()?.items.len() == 4).then_some(())
        })
        .await;
    world
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn two_manifests_become_every_object_of_the_network() {
    let world = applied("objects").await;
    for node in 0..4 {
        for secret in ["identity", "p2p"] {
            world.api::<Secret>().get(&format!("bank-a-{node}-{secret}")).await.expect("the key");
        }
        world.api::<ConfigMap>().get(&format!("bank-a-{node}-config")).await.expect("the configuration");
        let disk =
            world.api::<PersistentVolumeClaim>().get(&format!("data-bank-a-{node}")).await.expect("the disk");
        assert!(disk.owner_references().is_empty(), "a disk outlives its fleet");
    }
    for service in ["bank-a-nodes", "bank-a-rpc"] {
        world.api::<Service>().get(service).await.expect("the Service");
    }
    world.api::<ServiceAccount>().get("bank-a").await.expect("the ServiceAccount");
    world.api::<PodDisruptionBudget>().get("trade-finance-validators").await.expect("the budget");
    for config in ["trade-finance-genesis", "trade-finance-network-info"] {
        world.api::<ConfigMap>().get(config).await.expect("the ConfigMap");
    }
    let (secrets, _) = world.treasure().await;
    assert_eq!(secrets.len(), 10, "two keys a node and two accounts");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn further_passes_write_nothing() {
    let world = applied("settled").await;
    world.two_more_passes().await;
    let before = world.counter("quorate_operator_writes_total").await;
    world.two_more_passes().await;
    assert_eq!(world.counter("quorate_operator_writes_total").await, before);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn an_edited_child_is_put_back_and_a_deleted_one_returns() {
    let world = applied("drift").await;
    let services = world.api::<Service>();
    let edit = json!({ "spec": { "publishNotReadyAddresses": false } });
    services.patch("bank-a-nodes", &PatchParams::default(), &Patch::Merge(&edit)).await.expect("edited");
    world
        .until("the edit put back", || async {
            let spec = services.get("bank-a-nodes").await.ok()?.spec?;
            (spec.publish_not_ready_addresses == Some(true)).then_some(())
        })
        .await;
    services.delete("bank-a-rpc", &DeleteParams::default()).await.expect("deleted");
    world.until("the Service back", || async { services.get_opt("bank-a-rpc").await.ok()? }).await;
}
