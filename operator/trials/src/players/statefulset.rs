//! The StatefulSet controller with `OnDelete` and one replica: the pod it makes, and its status. No `ControllerRevision` objects, no
//! claim templates.

use super::pod::is_ready;
use alloy_primitives::{hex, keccak256};
use serde_json::{Value, json};

const REVISION: &str = "controller-revision-hash";

fn name(set: &Value) -> &str {
    set["metadata"]["name"].as_str().unwrap_or_default()
}

/// Name of a set's one pod.
#[must_use]
pub fn pod_of(set: &str) -> String {
    format!("{set}-0")
}

/// The revision of a set's template: equal ones have equal revisions.
#[must_use]
pub fn revision(set: &Value) -> String {
    let template = set["spec"]["template"].to_string();
    format!("{}-{}", name(set), hex::encode(&keccak256(template)[..5]))
}

/// The pod that is made from the template as it stands, whole.
#[must_use]
pub fn made(set: &Value) -> Value {
    let (name, template) = (name(set), &set["spec"]["template"]);
    let pod = pod_of(name);
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(pod);
    metadata["labels"][REVISION] = json!(revision(set));
    metadata["labels"]["statefulset.kubernetes.io/pod-name"] = json!(pod);
    metadata["labels"]["apps.kubernetes.io/pod-index"] = json!("0");
    metadata["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": set["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    }]);
    let mut spec = template["spec"].clone();
    spec["hostname"] = json!(pod);
    spec["subdomain"] = set["spec"]["serviceName"].clone();
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}

/// The same with one container and nothing that it mounts: what a template names besides (ServiceAccount tokens, priority
/// classes, disks) need not be there.
#[must_use]
pub fn made_plain(set: &Value) -> Value {
    let template = &set["spec"]["template"];
    let image = template["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    plain(name(set), template["metadata"].clone(), image, Some(&revision(set)))
}

/// A pod of a set of which only the metadata is known.
#[must_use]
pub fn plain(set: &str, mut metadata: Value, image: &str, revision: Option<&str>) -> Value {
    metadata["name"] = json!(pod_of(set));
    if let Some(revision) = revision {
        metadata["labels"][REVISION] = json!(revision);
    }
    let container = json!({ "name": "validator", "image": image });
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": { "containers": [container] } })
}

/// What the controller says of a set whose pod is this one.
#[must_use]
pub fn status(set: &Value, pod: Option<&Value>) -> Value {
    let update = revision(set);
    let pod = pod.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let ready = pod.is_some_and(is_ready);
    let of_pod = pod.map(|pod| pod["metadata"]["labels"][REVISION].as_str().unwrap_or_default());
    let updated = of_pod == Some(update.as_str());
    // As with `OnDelete`: the current revision moves once every pod is of the new one.
    let before = set["status"]["currentRevision"].as_str().unwrap_or_default();
    let current = if updated || before.is_empty() { update.as_str() } else { before };
    let count = |is: bool| i32::from(is);
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"],
        "replicas": count(pod.is_some()), "availableReplicas": count(ready),
        "currentRevision": current, "updateRevision": update, "collisionCount": 0,
    });
    // Zero is left out by the API server.
    for (field, is) in
        [("readyReplicas", ready), ("updatedReplicas", updated), ("currentReplicas", of_pod == Some(current))]
    {
        if is {
            status[field] = json!(1);
        } else if !set["status"][field].is_null() {
            status[field] = json!(0);
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::{made, made_plain, revision, status};
    use crate::players::pod::running;
    use serde_json::{Value, json};

    fn set(image: &str) -> Value {
        json!({
            "metadata": { "name": "bank-a-0", "uid": "u", "generation": 2 },
            "spec": { "serviceName": "nodes", "template": {
                "metadata": { "labels": { "app": "x" } },
                "spec": { "containers": [{ "name": "validator", "image": image }], "priorityClassName": "high" },
            } },
        })
    }

    #[test]
    fn a_pod_is_of_the_revision_of_the_template_that_made_it() {
        let (old, new) = (set("a"), set("b"));
        assert_eq!(revision(&old), revision(&set("a")));
        assert_ne!(revision(&old), revision(&new));
        let (whole, plain) = (made(&old), made_plain(&old));
        for pod in [&whole, &plain] {
            assert_eq!(pod["metadata"]["name"], "bank-a-0-0");
            assert_eq!(pod["metadata"]["labels"]["controller-revision-hash"], json!(revision(&old)));
            assert_eq!(pod["metadata"]["labels"]["app"], "x");
            assert_eq!(pod["spec"]["containers"][0]["image"], "a");
        }
        assert_eq!(whole["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(
            (&whole["spec"]["priorityClassName"], &plain["spec"]["priorityClassName"]),
            (&json!("high"), &Value::Null)
        );
    }

    #[test]
    fn the_current_revision_moves_once_the_pod_is_of_the_new_one() {
        let mut old = set("a");
        let mut pod = made(&old);
        pod["status"] = running("127.1.2.3", true);
        let first = status(&old, Some(&pod));
        assert_eq!((&first["readyReplicas"], &first["updatedReplicas"]), (&json!(1), &json!(1)));
        old["status"] = first;
        let mut edited = set("b");
        edited["status"] = old["status"].clone();
        let rolling = status(&edited, Some(&pod));
        assert_eq!(rolling["currentRevision"], json!(revision(&old)));
        assert_eq!(rolling["updateRevision"], json!(revision(&edited)));
        assert_eq!(rolling["updatedReplicas"], 0, "said, since it was said before");
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!(status(&edited, Some(&pod))["replicas"], 0, "one that goes is none");
        let renewed = made(&edited);
        assert_eq!(status(&edited, Some(&renewed))["currentRevision"], json!(revision(&edited)));
    }
}
