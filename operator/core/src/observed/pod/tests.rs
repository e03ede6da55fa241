use super::{PodObserved, fault, says_disk_full};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn pod(status: &Value) -> Pod {
    let object = json!({
        "metadata": { "name": "bank-a-0-0", "uid": "u", "labels": { "controller-revision-hash": "r" } },
        "spec": { "nodeName": "host-1", "containers": [] },
        "status": status,
    });
    serde_json::from_value(object).expect("a pod")
}

fn waiting(reason: &str, message: &str, last: &Value) -> Value {
    json!({
        "phase": "Pending",
        "conditions": [{ "type": "PodScheduled", "status": "True" }],
        "containerStatuses": [{
            "name": "validator", "image": "x", "imageID": "", "ready": false, "restartCount": 3,
            "state": { "waiting": { "reason": reason, "message": message } }, "lastState": last,
        }],
    })
}

fn ended(reason: &str, code: i32, message: &str) -> Value {
    json!({ "terminated": { "reason": reason, "exitCode": code, "message": message } })
}

#[test]
fn what_keeps_a_pod_from_running_has_a_word_the_clusters_own_message_and_a_cure() {
    let unschedulable = json!({ "phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available",
    }] });
    let evicted =
        json!({ "phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory." });
    let none = json!({});
    let cases = [
        (
            waiting("ImagePullBackOff", "Back-off pulling image \"x\"", &none),
            "ImagePullFailed",
            "pulling image",
            "spec.image",
        ),
        (waiting("ErrImagePull", "not found", &none), "ImagePullFailed", "not found", "imagePullSecrets"),
        (
            waiting("CreateContainerConfigError", "secret \"bank-a-0-p2p\" not found", &none),
            "ContainerConfigFailed",
            "bank-a-0-p2p",
            "restore",
        ),
        (unschedulable, "Unschedulable", "0/3 nodes", "spec.resources"),
        (
            waiting(
                "CrashLoopBackOff",
                "back-off 40s",
                &ended("Error", 1, "quorate-validator: No space left on device"),
            ),
            "DiskFull",
            "exit code 1 (Error) quorate-validator: No space left",
            "spec.storage.size",
        ),
        (
            waiting("CrashLoopBackOff", "back-off 40s", &ended("Error", 2, "node.json: unknown field `x`")),
            "CrashLoop",
            "exit code 2 (Error) node.json: unknown field",
            "kubectl logs --previous",
        ),
        (
            waiting("CrashLoopBackOff", "back-off 40s", &ended("OOMKilled", 137, "")),
            "OutOfMemory",
            "exit code 137",
            "spec.resources.limits.memory",
        ),
        (waiting("CrashLoopBackOff", "back-off 40s restarting", &none), "CrashLoop", "back-off 40s", "log"),
        (evicted, "Evicted", "low on resource: memory", "spec.resources.requests"),
    ];
    for (status, word, says, cure) in cases {
        let trouble = PodObserved::read(&pod(&status), at(0)).trouble.expect("trouble");
        assert_eq!(trouble.reason, Some(word), "{status}");
        assert!(trouble.message.contains(says), "{word}: {}", trouble.message);
        assert!(trouble.explained().contains(cure), "{word}: {}", trouble.explained());
    }
}

#[test]
fn what_passes_by_itself_asks_nobody_for_help() {
    for reason in ["ContainerCreating", "PodInitializing"] {
        let object = pod(&waiting(reason, "", &json!({})));
        let trouble = PodObserved::read(&object, at(0)).trouble.expect("a reason");
        assert_eq!((trouble.reason, trouble.explained().as_str()), (None, reason));
    }
    assert!(PodObserved::awaits_volumes(&pod(&waiting("ContainerCreating", "", &json!({})))));
    assert!(!PodObserved::awaits_volumes(&pod(&waiting("CrashLoopBackOff", "", &json!({})))));
}

#[test]
fn a_mount_that_fails_is_named_with_the_kubelets_words() {
    let creating = PodObserved::read(&pod(&waiting("ContainerCreating", "", &json!({}))), at(0));
    let trouble =
        creating.with_mount_failure("Multi-Attach error for volume \"pvc-1\"").trouble.expect("trouble");
    assert_eq!(trouble.reason, Some("MountFailed"));
    assert!(trouble.message.contains("Multi-Attach"), "{}", trouble.message);
}

#[test]
fn a_pod_that_outstays_its_deletion_by_a_minute_has_lost_its_node() {
    let mut object = pod(&json!({ "phase": "Running" }));
    object.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(1_000)));
    assert_eq!(PodObserved::read(&object, at(1_060)).trouble, None);
    let trouble = PodObserved::read(&object, at(1_061)).trouble.expect("trouble");
    assert_eq!(trouble.reason, Some("NodeLost"));
    assert!(trouble.message.contains("host-1"), "{}", trouble.message);
}

#[test]
fn a_full_disk_is_recognised_in_the_words_of_the_node_and_of_the_kernel() {
    assert!(says_disk_full("vote journal: No space left on device (os error 28)"));
    assert!(says_disk_full("journal: disk full"));
    assert!(!says_disk_full("imports have stopped"));
    assert_eq!(fault("vote journal: no space left on device").reason, Some("DiskFull"));
    assert_eq!(fault("block 7 differs from the sealed one").reason, Some("NodeFailed"));
}
