//! Additions to the nodes' pods.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use crate::api::formats::{LABEL_VALUE, OBJECT_NAME, TAINT_KEY};
use k8s_openapi::api::core::v1::Affinity;
use kube_derive::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Additions to the pods.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.labels) || self.labels.all(k, !k.startsWith('quorate.dev/') && !k.startsWith('app.kubernetes.io/') && !k.startsWith('kubernetes.azure.com/'))")
        .message("spec.pod.labels must not use the prefixes quorate.dev/, app.kubernetes.io/ and kubernetes.azure.com/"),
    validation = Rule::new("!has(self.annotations) || self.annotations.all(k, !k.startsWith('quorate.dev/'))")
        .message("spec.pod.annotations must not use the prefix quorate.dev/"),
)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// Secrets with registry credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub image_pull_secrets: Vec<SecretRef>,
    /// Taints that the pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// Affinity, as in a pod; replaces the preferred spread over hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "affinity_schema")]
    pub affinity: Option<Affinity>,
    /// Name of the PriorityClass of the pods, the cluster's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub priority_class_name: Option<String>,
    /// Labels of the pods, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 63, "pattern": LABEL_VALUE}))]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 4096}))]
    pub annotations: BTreeMap<String, String>,
}

/// A Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret, of type `kubernetes.io/dockerconfigjson`.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

/// A taint that is tolerated, as in a pod.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.key) || (has(self.operator) && self.operator == 'Exists')")
        .message("spec.pod.tolerations: a toleration without key needs operator Exists"),
    validation = Rule::new("!has(self.value) || self.value == '' || !has(self.operator) || self.operator != 'Exists'")
        .message("spec.pod.tolerations: a toleration with operator Exists has no value"),
)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the taint; every key when absent with `Exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 316), regex(pattern = TAINT_KEY))]
    pub key: Option<String>,
    /// How key and value are compared, `Equal` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// Value of the taint, for `Equal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = LABEL_VALUE))]
    pub value: Option<String>,
    /// Effect of the taint; every effect when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
}

/// How key and value are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// The key is enough.
    Exists,
    /// Key and value.
    Equal,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// Keeps new pods away.
    NoSchedule,
    /// Keeps new pods away if it can.
    PreferNoSchedule,
    /// Drives pods out.
    NoExecute,
}

/// A pod's affinity, its schema without descriptions: they would be most of the CRD.
fn affinity_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<Affinity>();
    strip_descriptions(schema.ensure_object().values_mut());
    schema.remove("description");
    schema
}

/// The value's depth bounds the recursion: it is the compiled-in schema of a Kubernetes type.
fn strip_descriptions<'a>(values: impl Iterator<Item = &'a mut serde_json::Value>) {
    for value in values {
        match value {
            serde_json::Value::Object(object) => {
                if object.get("description").is_some_and(serde_json::Value::is_string) {
                    object.remove("description");
                }
                strip_descriptions(object.values_mut());
            }
            serde_json::Value::Array(list) => strip_descriptions(list.iter_mut()),
            _ => {}
        }
    }
}
