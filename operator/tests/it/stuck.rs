use crate::{seats::wait_for_sets, world};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod, events::v1::Event};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use operator_core::api::{Condition, conditions::ConditionStatus};
use operator_trials::world::World;
use serde_json::{Value, json};

async fn created(test: &str) -> World {
    let mut world = world(test).await;
    world.start();
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    wait_for_sets(&world, 4).await;
    world
}

/// A pod of the node as a kubelet would leave it.
pub(crate) async fn pod(world: &World, node: &str, waiting: &str, last: &Value) {
    let set = world.api::<StatefulSet>().get(node).await.expect("the StatefulSet");
    let object: Pod = serde_json::from_value(json!({
        "metadata": { "name": format!("{node}-0"), "labels": set.labels() },
        "spec": { "containers": [{ "name": "validator", "image": "x" }] },
    }))
    .expect("a pod");
    let pods = world.api::<Pod>();
    pods.create(&PostParams::default(), &object).await.expect("the pod");
    let status = json!({ "status": {
        "conditions": [{ "type": "PodScheduled", "status": "True" }],
        "containerStatuses": [{
            "name": "validator", "image": "x", "imageID": "", "ready": false, "restartCount": 2,
            "state": { "waiting": { "reason": waiting, "message": "as the kubelet says" } }, "lastState": last,
        }],
    } });
    pods.patch_status(&format!("{node}-0"), &PatchParams::default(), &Patch::Merge(&status))
        .await
        .expect("stuck");
}

async fn degraded(world: &World, word: &str) -> Condition {
    world
        .until(word, || async {
            let status = world.fleet().await.status?;
            let degraded = status.conditions.into_iter().find(|condition| condition.kind == "Degraded")?;
            (degraded.status == ConditionStatus::True && degraded.message.contains(word)).then_some(degraded)
        })
        .await
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn stuck_pods_are_named_in_the_fleets_condition_with_what_to_do() {
    let world = created("stuck").await;
    pod(&world, "bank-a-0", "ImagePullBackOff", &json!({})).await;
    let condition = degraded(&world, "bank-a-0").await;
    assert_eq!(condition.reason, "ImagePullFailed");
    assert!(condition.message.contains("as the kubelet says") && condition.message.contains("spec.image"));
    let ended = json!({ "terminated": {
        "reason": "Error", "exitCode": 1, "message": "quorate-validator: journal: No space left on device",
    } });
    pod(&world, "bank-a-1", "CrashLoopBackOff", &ended).await;
    let condition = degraded(&world, "bank-a-1").await;
    assert!(condition.message.contains("raise spec.storage.size"), "{}", condition.message);
    assert!(condition.message.contains("bank-a-0"), "the other is still named: {}", condition.message);
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_disk_that_cannot_be_mounted_is_named_in_the_kubelets_own_words() {
    let world = created("mount").await;
    pod(&world, "bank-a-2", "ContainerCreating", &json!({})).await;
    let event: Event = serde_json::from_value(json!({
        "metadata": { "name": "bank-a-2-0.1", "namespace": world.namespace },
        "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Warning", "reason": "FailedAttachVolume",
        "action": "Attach", "reportingController": "attachdetach-controller", "reportingInstance": "test",
        "note": "Multi-Attach error for volume: it is already used by another node",
        "regarding": { "kind": "Pod", "namespace": world.namespace, "name": "bank-a-2-0" },
    }))
    .expect("an event");
    world.api::<Event>().create(&PostParams::default(), &event).await.expect("the event");
    let condition = degraded(&world, "Multi-Attach").await;
    assert_eq!(condition.reason, "MountFailed");
    assert!(condition.message.contains("bank-a-2"), "{}", condition.message);
}
