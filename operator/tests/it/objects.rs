use crate::world;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
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

/// Somebody else's annotation on a child of ours.
async fn annotate<K>(world: &World, name: &str)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let note = json!({ "metadata": { "annotations": { "policy.example/seen": "yes" } } });
    let params = PatchParams { field_manager: Some("policy".to_owned()), ..PatchParams::default() };
    world.api::<K>().patch_metadata(name, &params, &Patch::Merge(&note)).await.expect("annotated");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn what_others_add_to_a_child_is_read_once_and_left_alone() {
    let world = applied("foreign-child").await;
    world.two_more_passes().await;
    let before = world.counter("quorate_operator_writes_total").await;
    let reads = || world.counter("quorate_operator_api_requests_total{verb=\"get\"");
    let read_before = reads().await.expect("metrics");
    annotate::<Service>(&world, "bank-a-rpc").await;
    annotate::<ServiceAccount>(&world, "bank-a").await;
    annotate::<ConfigMap>(&world, "bank-a-0-config").await;
    annotate::<StatefulSet>(&world, "bank-a-0").await;
    annotate::<NetworkPolicy>(&world, "bank-a").await;
    world.until("five reads", || async { (reads().await? >= read_before + 5).then_some(()) }).await;
    let read = reads().await.expect("metrics");
    world.two_more_passes().await;
    assert_eq!(reads().await, Some(read), "looked at once");
    assert_eq!(world.counter("quorate_operator_writes_total").await, before);
    let kept = world.api::<Service>().get("bank-a-rpc").await.expect("the Service");
    assert!(kept.annotations().contains_key("policy.example/seen"));
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_field_of_ours_that_is_removed_comes_back_though_nobody_owns_its_absence() {
    let world = applied("removed").await;
    let services = world.api::<Service>();
    let removal = json!({ "metadata": { "labels": { "quorate.dev/network": null } } });
    services.patch("bank-a-nodes", &PatchParams::default(), &Patch::Merge(&removal)).await.expect("removed");
    world
        .until("the label back", || async {
            let service = services.get("bank-a-nodes").await.ok()?;
            service.labels().contains_key("quorate.dev/network").then_some(())
        })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_disk_of_the_right_name_that_a_person_made_is_taken_as_it_is() {
    let mut world = world("disk").await;
    let disk: PersistentVolumeClaim = serde_json::from_value(json!({
        "metadata": { "name": "data-bank-a-0" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "7Gi" } } },
    }))
    .expect("a disk");
    world.api().create(&PostParams::default(), &disk).await.expect("made");
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let sets = world.api::<StatefulSet>();
    world.until("its StatefulSet", || async { sets.get_opt("bank-a-0").await.ok()? }).await;
    let kept = world.api::<PersistentVolumeClaim>().get("data-bank-a-0").await.expect("the disk");
    assert!(kept.labels().is_empty(), "left as it was");
}
