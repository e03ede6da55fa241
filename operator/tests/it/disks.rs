use crate::{seats::wait_for_sets, world};
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use operator_core::api::{Condition, Validator};
use operator_trials::world::World;
use serde_json::json;

/// A fleet whose disks are of a class of its own, as the binder and the driver leave them: bound, with what was asked for.
async fn bound(test: &str, expandable: bool) -> (World, String) {
    let mut world = world(test).await;
    let class = world.namespace.clone();
    let object: StorageClass = serde_json::from_value(json!({
        "metadata": { "name": class }, "provisioner": "test.example/none", "allowVolumeExpansion": expandable,
    }))
    .expect("a class");
    let classes: Api<StorageClass> = Api::all(world.client.clone());
    classes.create(&PostParams::default(), &object).await.expect("the class");
    world.start();
    world.example("consortium.yaml").await;
    let fleet = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "bank-a" },
        "spec": {
            "consortiumRef": { "name": "trade-finance" }, "replicas": 2,
            "storage": { "size": "1Gi", "storageClassName": class, "accessMode": "ReadWriteOncePod" },
        },
    });
    world.apply(&fleet).await.expect("accepted");
    wait_for_sets(&world, 2).await;
    for disk in ["data-bank-a-0", "data-bank-a-1"] {
        has(&world, disk, "1Gi").await;
    }
    (world, class)
}

/// Plays the driver: the disk has this size.
async fn has(world: &World, disk: &str, size: &str) {
    let status = json!({ "status": { "phase": "Bound", "capacity": { "storage": size } } });
    let api = world.api::<PersistentVolumeClaim>();
    api.patch_status(disk, &PatchParams::default(), &Patch::Merge(&status)).await.expect("the disk's status");
}

async fn asked(world: &World, disk: &str) -> Option<String> {
    let claim = world.api::<PersistentVolumeClaim>().get(disk).await.ok()?;
    Some(claim.spec?.resources?.requests?.get("storage")?.0.clone())
}

async fn resize(world: &World, size: &str) -> Result<(), kube::Error> {
    let patch = json!({ "spec": { "storage": { "size": size } } });
    let api = world.api::<Validator>();
    api.patch("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
}

async fn condition(world: &World, kind: &str, reason: &str) -> Condition {
    world
        .until(&format!("{kind} {reason}"), || async {
            let status = world.fleet().await.status?;
            status
                .conditions
                .into_iter()
                .find(|c| c.kind == kind && (c.reason == reason || c.message.contains(reason)))
        })
        .await
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn editing_the_size_grows_one_disk_after_the_other_and_never_shrinks_one() {
    let (world, _) = bound("grow", true).await;
    let claim = world.api::<PersistentVolumeClaim>().get("data-bank-a-0").await.expect("the disk");
    assert_eq!(claim.spec.and_then(|spec| spec.access_modes), Some(vec!["ReadWriteOncePod".to_owned()]));
    resize(&world, "2Gi").await.expect("accepted");
    let grown = |disk: &'static str| {
        let world = &world;
        async move { (asked(world, disk).await? == "2Gi").then_some(()) }
    };
    world.until("the first disk asked to grow", || grown("data-bank-a-0")).await;
    let waits = condition(&world, "Ready", "data-bank-a-0 has 1Gi of 2Gi").await;
    let second = "data-bank-a-1 grows to 2Gi after the one before it";
    assert!(waits.message.contains(second), "{}", waits.message);
    assert_eq!(asked(&world, "data-bank-a-1").await.as_deref(), Some("1Gi"));
    has(&world, "data-bank-a-0", "2Gi").await;
    world.until("the second disk asked to grow", || grown("data-bank-a-1")).await;
    let refusal = resize(&world, "1536Mi").await.expect_err("refused").to_string();
    assert!(refusal.contains("cannot shrink"), "{refusal}");
    resize(&world, "2048Mi").await.expect("the same size in another unit");
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_class_that_does_not_expand_stalls_the_fleet_with_the_servers_reason_and_the_way_out() {
    let (world, _) = bound("rigid", false).await;
    resize(&world, "2Gi").await.expect("accepted");
    let stalled = condition(&world, "Stalled", "VolumeNotExpandable").await;
    for word in ["spec.storage.size", "data-bank-a-0", "allowVolumeExpansion", "docs/operator.md"] {
        assert!(stalled.message.contains(word), "{word}: {}", stalled.message);
    }
    assert_eq!(asked(&world, "data-bank-a-0").await.as_deref(), Some("1Gi"));
    // No disk has grown, so the edit can be taken back.
    resize(&world, "1Gi").await.expect("accepted");
    condition(&world, "Stalled", "NotStalled").await;
}
