use crate::world;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Secret},
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use operator_core::{
    api::{Consortium, Validator},
    names::{NETWORK_FINALIZER, SKIP_UNSEAT},
};
use operator_trials::world::{World, delete_and_wait};
use serde_json::json;

async fn running(test: &str) -> World {
    let mut world = world(test).await;
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    wait_for_sets(&world).await;
    world
}

async fn wait_for_sets(world: &World) {
    let sets = world.api::<StatefulSet>();
    world
        .until("four StatefulSets", || async {
            (sets.list(&ListParams::default()).await.ok()?.items.len() == 4).then_some(())
        })
        .await;
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn deletion_leaves_keys_disks_and_genesis_and_the_same_manifests_find_them() {
    let world = running("deletion").await;
    let before = world.treasure().await;
    let skip = json!({ "metadata": { "annotations": { SKIP_UNSEAT: "true" } } });
    world
        .api::<Validator>()
        .patch("bank-a", &PatchParams::default(), &Patch::Merge(&skip))
        .await
        .expect("annotated");
    delete_and_wait::<Validator>(&world, "bank-a").await;
    delete_and_wait::<Consortium>(&world, "trade-finance").await;
    assert_eq!(world.treasure().await, before);
    let disks = world.api::<PersistentVolumeClaim>().list(&ListParams::default()).await.expect("disks");
    assert_eq!(disks.items.len(), 4);
    // No garbage collector runs here.
    world
        .api::<StatefulSet>()
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .expect("gone");
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    wait_for_sets(&world).await;
    assert_eq!(world.treasure().await, before, "same keys, same genesis");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_fleet_whose_network_cannot_be_asked_waits_and_names_the_bypass() {
    let world = running("bypass").await;
    world.api::<Validator>().delete("bank-a", &DeleteParams::default()).await.expect("asked");
    let message = world
        .until("an explanation", || async {
            let status = world.fleet().await.status?;
            let ready = status.conditions.into_iter().find(|condition| condition.kind == "Ready")?;
            (ready.reason == "NoNodeAnswers").then_some(ready.message)
        })
        .await;
    assert!(message.contains(SKIP_UNSEAT), "{message}");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_lost_key_whose_disk_is_there_stalls_the_fleet_instead_of_making_another() {
    let world = running("keylost").await;
    world.api::<Secret>().delete("bank-a-1-identity", &DeleteParams::default()).await.expect("deleted");
    let message = world
        .until("Stalled", || async {
            let status = world.fleet().await.status?;
            let stalled = status.conditions.into_iter().find(|condition| condition.kind == "Stalled")?;
            (stalled.reason == "KeyLost").then_some(stalled.message)
        })
        .await;
    assert!(message.contains("bank-a-1-identity"), "{message}");
    assert!(world.api::<Secret>().get_opt("bank-a-1-identity").await.expect("read").is_none());
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_consortium_that_is_deleted_stays_until_no_fleet_names_it() {
    let world = running("fleetsfirst").await;
    let before = world.treasure().await;
    let (networks, fleets) = (world.api::<Consortium>(), world.api::<Validator>());
    networks.delete("trade-finance", &DeleteParams::default()).await.expect("asked");
    let message = world
        .until("an explanation", || async {
            let status = world.consortium().await.status?;
            let ready = status.conditions.into_iter().find(|condition| condition.kind == "Ready")?;
            (ready.reason == "FleetsRemain").then_some(ready.message)
        })
        .await;
    assert!(message.contains("bank-a") && message.contains(NETWORK_FINALIZER), "{message}");
    let skip = json!({ "metadata": { "annotations": { SKIP_UNSEAT: "true" } } });
    fleets.patch("bank-a", &PatchParams::default(), &Patch::Merge(&skip)).await.expect("annotated");
    delete_and_wait::<Validator>(&world, "bank-a").await;
    world
        .until("the Consortium gone", || async {
            networks.get_opt("trade-finance").await.ok()?.is_none().then_some(())
        })
        .await;
    assert_eq!(world.treasure().await, before);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_genesis_that_is_not_the_specs_stalls_the_consortium_and_is_kept() {
    let world = running("othergenesis").await;
    let before = world.treasure().await;
    // As a person takes a deletion back: its fleet goes on meanwhile.
    let networks = world.api::<Consortium>();
    networks.delete("trade-finance", &DeleteParams::default()).await.expect("asked");
    let free = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    networks.patch("trade-finance", &PatchParams::default(), &free).await.expect("freed");
    let manifest = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium", "metadata": { "name": "trade-finance" },
        "spec": {
            "member": { "alias": "bank-a", "admin": { "secret": {} }, "operator": { "secret": {} } },
            "create": { "chainId": 7, "fleets": ["bank-a"] },
        },
    });
    world.apply(&manifest).await.expect("accepted");
    let message = world
        .until("Stalled", || async {
            let status = world.consortium().await.status?;
            let stalled = status.conditions.into_iter().find(|condition| condition.kind == "Stalled")?;
            (stalled.reason == "GenesisMismatch").then_some(stalled.message)
        })
        .await;
    assert!(message.contains("chain id 10101") && message.contains('7'), "{message}");
    assert_eq!(world.treasure().await, before);
}
