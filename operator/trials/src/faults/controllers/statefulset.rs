//! The StatefulSet controller's part.

use super::{Controllers, find, of_kind, text};
use crate::faults::history::{Kind, Objects};
use alloy_primitives::{hex, keccak256};
use kube::api::PostParams;
use serde_json::{Value, json};

/// The revision of a set's template.
pub(super) fn revision(set: &Value) -> String {
    let template = set["spec"]["template"].to_string();
    format!("{}-{}", text(set, "/metadata/name"), hex::encode(&keccak256(template)[..5]))
}

impl Controllers {
    pub(super) async fn statefulsets(&self, objects: &Objects) {
        for (name, set) in of_kind(objects, "StatefulSet") {
            if !set["metadata"]["deletionTimestamp"].is_null() {
                continue;
            }
            let pod = find(objects, "Pod", &format!("{name}-0"));
            if pod.is_none() {
                self.make(name, set).await;
            }
            let status = status(set, pod);
            if set["status"] != status {
                self.patch_status("StatefulSet", name, status).await;
            }
        }
    }

    async fn make(&self, name: &str, set: &Value) {
        let template = &set["spec"]["template"];
        let mut metadata = template["metadata"].clone();
        metadata["name"] = json!(format!("{name}-0"));
        metadata["labels"]["controller-revision-hash"] = json!(revision(set));
        metadata["labels"]["statefulset.kubernetes.io/pod-name"] = json!(format!("{name}-0"));
        metadata["labels"]["apps.kubernetes.io/pod-index"] = json!("0");
        metadata["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": set["metadata"]["uid"],
            "controller": true, "blockOwnerDeletion": true,
        }]);
        let mut spec = template["spec"].clone();
        spec["hostname"] = json!(format!("{name}-0"));
        spec["subdomain"] = set["spec"]["serviceName"].clone();
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec });
        let (Ok(pod), Some(kind)) = (serde_json::from_value(pod), Kind::named("Pod")) else { return };
        let _ = self.api(kind).create(&PostParams::default(), &pod).await;
    }
}

fn status(set: &Value, pod: Option<&Value>) -> Value {
    let update = revision(set);
    let pod = pod.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let ready = pod.is_some_and(is_ready);
    let pods_revision = pod.map(|pod| text(pod, "/metadata/labels/controller-revision-hash").to_owned());
    let updated = pods_revision.as_deref() == Some(update.as_str());
    // As with `OnDelete`: the current revision moves once every pod is of the new one.
    let before = text(set, "/status/currentRevision");
    let current = if updated || before.is_empty() { update.clone() } else { before.to_owned() };
    let count = |is: bool| i32::from(is);
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"],
        "replicas": count(pod.is_some()), "availableReplicas": count(ready),
        "currentRevision": current, "updateRevision": update, "collisionCount": 0,
    });
    // Zero is left out by the API server.
    for (field, is) in [
        ("readyReplicas", ready),
        ("updatedReplicas", updated),
        ("currentReplicas", pods_revision.as_deref() == Some(current.as_str())),
    ] {
        if is {
            status[field] = json!(1);
        } else if !set["status"][field].is_null() {
            status[field] = json!(0);
        }
    }
    status
}

/// The pod's Ready condition.
pub(super) fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
