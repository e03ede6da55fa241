//! Everything in a namespace that is not ours to edit: as it was, and what is different now.

use super::mirror::Snapshot;
use crate::world::World;
use kube::{
    Client,
    core::ApiResource,
    discovery::{Discovery, Scope, verbs},
};
use operator_core::{
    names::{APPLIED, MANAGER},
    node_pool,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Groups in which an operator makes objects, and our own.
const GROUPS: [&str; 7] = [
    "",
    "apps",
    "policy",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    node_pool::GROUP,
    operator_core::api::GROUP,
];
/// Made by Kubernetes or by the part that plays it, or a record of what happened.
const NOT_CHILDREN: [&str; 7] =
    ["Pod", "Event", "Endpoints", "ControllerRevision", "ReplicaSet", "PodTemplate", "ReplicationController"];

/// Ours and Azure's, which discovery shows a little after the group, and that a little after the path of the objects.
const INSTALLED: [&str; 3] = ["Consortium", "Validator", node_pool::KIND];

/// Those that this API server has, with our own, as soon as discovery shows all of them.
pub async fn kinds(world: &World) -> Vec<ApiResource> {
    world.until(&format!("{INSTALLED:?} in discovery"), || discovered(&world.client)).await
}

/// `None` as long as some are missing, or a group is listed whose versions are not.
async fn discovered(client: &Client) -> Option<Vec<ApiResource>> {
    let discovery = Discovery::new(client.clone()).filter(&GROUPS).run().await.ok()?;
    let resources = discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
    let kinds = resources.filter(|(resource, capabilities)| {
        capabilities.scope == Scope::Namespaced
            && capabilities.supports_operation(verbs::LIST)
            && capabilities.supports_operation(verbs::WATCH)
            && !NOT_CHILDREN.contains(&resource.kind.as_str())
    });
    let kinds: Vec<ApiResource> = kinds.map(|(resource, _)| resource).collect();
    let is_there = |wanted: &&str| kinds.iter().any(|kind| kind.kind == **wanted);
    INSTALLED.iter().all(is_there).then_some(kinds)
}

/// What is not as it was, a line each. Keys, disks and pools may have been added: they outlive what they were made for.
#[must_use]
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for ((kind, name), old) in before {
        match after.get(&(kind.clone(), name.clone())) {
            None => lines.push(format!("{kind} {name} is gone")),
            Some(new) if Arc::ptr_eq(old, new) => {}
            Some(new) => {
                let remade = old["metadata"]["uid"] != new["metadata"]["uid"];
                let (old, new) = (masked(kind, old, remade), masked(kind, new, remade));
                compare(&format!("{kind} {name}"), &old, &new, &mut lines);
            }
        }
    }
    let added = after.iter().filter(|(key, _)| !before.contains_key(*key));
    lines.extend(
        added
            .filter(|((kind, _), object)| !is_kept(kind, object))
            .map(|((kind, name), _)| format!("{kind} {name} is new")),
    );
    lines
}

/// Kinds of which something is different.
#[must_use]
pub fn changed_kinds(before: &Snapshot, after: &Snapshot) -> std::collections::BTreeSet<String> {
    differences(before, after).iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

/// Items of a list do not say their kind themselves.
fn is_kept(kind: &str, object: &Value) -> bool {
    ["Secret", "PersistentVolumeClaim", "ManagedClustersAgentPool"].contains(&kind)
        && object["metadata"].get("ownerReferences").is_none()
}

/// Without times, versions and identities; of what was made anew also without what Kubernetes gave it.
fn masked(kind: &str, object: &Value, remade: bool) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.remove(key);
        }
        if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            // What is made once and never overwritten is made by a POST, which counts as an update; a field that is applied since
            // then is taken from that entry for good.
            let posted =
                |entry: &Value| entry["manager"] == json!(MANAGER) && entry["operation"] == json!("Update");
            entries.retain(|entry| entry["subresource"].is_null() && !posted(entry));
            for entry in entries {
                entry["time"] = json!(null);
            }
        }
    }
    if let Some(status) = object["status"].as_object_mut() {
        status.remove("observedGeneration");
    }
    if let (true, Some(spec)) = (remade, object["spec"].as_object_mut()) {
        for key in ["clusterIP", "clusterIPs"] {
            spec.remove(key);
        }
    }
    match kind {
        "Service" => without_node_ports(&mut object),
        "ConfigMap" => without_issue(&mut object),
        // The disruption controller's to write, and the API server's when it lets a pod go.
        "PodDisruptionBudget" => object["status"] = Value::Null,
        _ => {}
    }
    object
}

/// A Service that is a load balancer's once more gets other ports from the API server.
fn without_node_ports(service: &mut Value) {
    if let Some(spec) = service["spec"].as_object_mut() {
        spec.remove("healthCheckNodePort");
    }
    for port in service["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.remove("nodePort");
        }
    }
}

/// A network info that says again what it said before was issued later.
fn without_issue(config: &mut Value) {
    let text = config["data"]["network-info.json"].as_str();
    let Some(Ok(Value::Object(mut info))) = text.map(serde_json::from_str) else { return };
    info.retain(|field, _| !["issuedAt", "signature"].contains(&field.as_str()));
    config["data"]["network-info.json"] = Value::Object(info);
    if let Some(annotations) = config["metadata"]["annotations"].as_object_mut() {
        annotations.remove(APPLIED);
    }
}

/// The objects' own depth bounds the recursion.
pub(super) fn compare(at: &str, old: &Value, new: &Value, lines: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let value = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(&format!("{at}/{key}"), &value(old), &value(new), lines);
            }
        }
        (old, new) if old != new => lines.push(format!("{at}: was {old}, is {new}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{APPLIED, Snapshot, differences};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn snapshot(objects: &[(&str, Value)]) -> Snapshot {
        objects
            .iter()
            .map(|(kind, body)| (((*kind).to_owned(), "a".to_owned()), Arc::new(body.clone())))
            .collect()
    }

    #[test]
    fn times_and_versions_are_no_difference_but_everything_else_is() {
        let before = snapshot(&[(
            "Service",
            json!({ "metadata": { "uid": "1", "resourceVersion": "5" }, "spec": { "type": "ClusterIP", "clusterIP": "10.0.0.1" } }),
        )]);
        let later = snapshot(&[(
            "Service",
            json!({ "metadata": { "uid": "1", "resourceVersion": "9" }, "spec": { "type": "ClusterIP", "clusterIP": "10.0.0.1" } }),
        )]);
        assert_eq!(differences(&before, &later), Vec::<String>::new());
        let remade = snapshot(&[(
            "Service",
            json!({ "metadata": { "uid": "2" }, "spec": { "type": "ClusterIP", "clusterIP": "10.0.0.7" } }),
        )]);
        assert_eq!(differences(&before, &remade), Vec::<String>::new());
        let other = snapshot(&[(
            "Service",
            json!({ "metadata": { "uid": "1" }, "spec": { "type": "LoadBalancer", "clusterIP": "10.0.0.1" } }),
        )]);
        assert_eq!(
            differences(&before, &other),
            ["Service a/spec/type: was \"ClusterIP\", is \"LoadBalancer\""]
        );
        assert_eq!(differences(&before, &Snapshot::new()), ["Service a is gone"]);
    }

    #[test]
    fn a_network_info_may_be_issued_again_if_it_says_the_same() {
        let config = |issued: u64, chain: u64| {
            let info = json!({ "chainId": chain, "issuedAt": issued, "signature": issued }).to_string();
            let annotations = json!({ APPLIED: info.len() });
            snapshot(&[(
                "ConfigMap",
                json!({ "metadata": { "annotations": annotations }, "data": { "network-info.json": info } }),
            )])
        };
        assert_eq!(differences(&config(1, 7), &config(22, 7)), Vec::<String>::new());
        assert_eq!(
            differences(&config(1, 7), &config(22, 8)),
            ["ConfigMap a/data/network-info.json/chainId: was 7, is 8"]
        );
    }

    #[test]
    fn only_keys_and_disks_may_be_left_over() {
        let owned = json!({ "metadata": { "ownerReferences": [{}] } });
        let left =
            snapshot(&[("Secret", json!({ "metadata": {} })), ("ConfigMap", json!({ "metadata": {} }))]);
        assert_eq!(differences(&Snapshot::new(), &left), ["ConfigMap a is new"]);
        assert_eq!(differences(&Snapshot::new(), &snapshot(&[("Secret", owned)])), ["Secret a is new"]);
    }
}
