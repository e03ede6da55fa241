//! The kubelet's word on a node's pod, and what others make of it.

use serde_json::{Value, json};

/// Its container runs, at this address, and is ready or not.
#[must_use]
pub fn running(ip: &str, ready: bool) -> Value {
    let is = if ready { "True" } else { "False" };
    json!({
        "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }],
        "conditions": [
            { "type": "PodScheduled", "status": "True" }, { "type": "Initialized", "status": "True" },
            { "type": "ContainersReady", "status": is }, { "type": "Ready", "status": is },
        ],
        "containerStatuses": [{
            "name": "validator", "ready": ready, "started": true, "restartCount": 0, "image": "", "imageID": "",
            "state": { "running": {} },
        }],
    })
}

/// Its container ends at once, for this reason.
#[must_use]
pub fn failing(message: &str) -> Value {
    json!({ "phase": "Pending", "containerStatuses": [{
        "name": "validator", "ready": false, "started": false, "restartCount": 1, "image": "", "imageID": "",
        "state": { "waiting": { "reason": "CrashLoopBackOff", "message": message } },
    }] })
}

/// The pod's Ready condition.
#[must_use]
pub fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

#[cfg(test)]
mod tests {
    use super::{failing, is_ready, running};
    use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
    use operator_core::observed::PodObserved;
    use serde_json::json;

    #[test]
    fn the_operator_reads_a_played_pod_as_it_is_meant() {
        let read = |status| {
            let pod: Pod = serde_json::from_value(json!({ "status": status })).expect("a pod");
            PodObserved::read(&pod, Timestamp::UNIX_EPOCH)
        };
        assert!(is_ready(&json!({ "status": running("127.1.2.3", true) })));
        let up = read(running("127.1.2.3", true));
        assert!(up.ready && up.is_up() && up.ip.as_deref() == Some("127.1.2.3"));
        assert!(!is_ready(&json!({ "status": running("127.1.2.3", false) })));
        assert!(!read(running("127.1.2.3", false)).ready);
        assert!(!read(failing("no genesis")).is_up());
    }
}
