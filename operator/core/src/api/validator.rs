//! `Validator`: a fleet of this member's nodes.
#![expect(clippy::duplicated_attributes, reason = "every printer column has a type of its own")]
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use super::{
    conditions::Condition,
    formats::{CIDR, IMAGE, LABEL, OBJECT_NAME, QUANTITY},
};
use k8s_openapi::api::core::v1::Affinity;
use kube_derive::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fleet of nodes.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "quorate.dev",
    version = "v1alpha1",
    kind = "Validator",
    namespaced,
    status = "ValidatorStatus",
    derive = "PartialEq",
    category = "quorate",
    shortname = "vali",
    doc = "A fleet of this member's nodes.",
    selectable = ".spec.consortiumRef.name",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(json_path = ".spec.consortiumRef.name", name = "Consortium", type_ = "string"),
    printcolumn(json_path = ".status.summary", name = "Nodes", type_ = "string"),
    printcolumn(json_path = ".status.rpc.http", name = "RPC", type_ = "string"),
    printcolumn(
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        name = "Ready",
        type_ = "string"
    ),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date"),
    printcolumn(
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        name = "Message",
        type_ = "string",
        priority = 1
    )
)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.consortiumRef == oldSelf.consortiumRef")
        .message("spec.consortiumRef is immutable: make a new Validator for another network"),
    validation = Rule::new("self.role == oldSelf.role")
        .message("spec.role is immutable: make a second Validator for the other role"),
    validation = Rule::new("has(self.storage) == has(oldSelf.storage) && (!has(self.storage) || self.storage == oldSelf.storage)")
        .message("spec.storage is immutable in this version"),
)]
#[serde(rename_all = "camelCase")]
pub struct ValidatorSpec {
    /// The network, in the same namespace.
    pub consortium_ref: ConsortiumRef,
    /// Number of nodes.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub replicas: i32,
    /// What the nodes do.
    #[serde(default)]
    pub role: Role,
    /// Where the identities' keys are; in generated Secrets when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
    /// The nodes' disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// CPU and memory of one node; sensible ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Node image; the operator's own default when absent, then kept until this field is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = IMAGE))]
    pub image: Option<String>,
    /// Additions to the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Pod>,
    /// An AKS node pool made for validators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_pool: Option<NodePool>,
    /// JSON-RPC over HTTP and WebSocket; a ClusterIP Service when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<Rpc>,
}

const fn one() -> i32 {
    1
}

/// A `Consortium` of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsortiumRef {
    /// Name of the `Consortium`; it cannot be changed.
    #[schemars(length(min = 1, max = 40), regex(pattern = LABEL))]
    pub name: String,
}

/// What the nodes of a fleet do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Role {
    /// They hold seats and vote.
    #[default]
    Validator,
    /// They read and submit, and hold no seat.
    Observer,
}

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// In Secrets, one per identity, made when there is none and never changed.
    pub secret: KeySecrets,
}

/// Secrets with the identities' keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySecrets {
    /// Whether the operator makes the Secrets that are missing; `true` when absent. With `false` it waits for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
}

/// Disks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Size of one node's disk, `50Gi` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = QUANTITY))]
    pub size: Option<String>,
    /// Storage class, the cluster's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub storage_class_name: Option<String>,
}

/// CPU and memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What is set aside for a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Amounts>,
    /// What a node may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Amounts>,
}

/// An amount of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// Cores, as `500m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = QUANTITY))]
    pub cpu: Option<String>,
    /// Bytes, as `1Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = QUANTITY))]
    pub memory: Option<String>,
}

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
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 63}))]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the taint; every key when absent with `Exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 316))]
    pub key: Option<String>,
    /// How key and value are compared, `Equal` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// Value of the taint, for `Equal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
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

/// An AKS node pool that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePool {
    /// Name of the pool: the pods go only to nodes labelled `kubernetes.azure.com/agentpool: <name>`, and tolerate the taint
    /// `quorate.dev/validators`.
    #[schemars(length(min = 1, max = 12), regex(pattern = "^[a-z][a-z0-9]*$"))]
    pub name: String,
}

/// JSON-RPC.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.exposure) || self.exposure != 'Public' || (has(self.sourceRanges) && size(self.sourceRanges) > 0)")
        .message("spec.rpc.exposure Public needs spec.rpc.sourceRanges: name who may connect"),
    validation = Rule::new("(!has(self.exposure) && !has(self.sourceRanges)) || (has(self.type) && self.type == 'LoadBalancer')")
        .message("spec.rpc.exposure and spec.rpc.sourceRanges need spec.rpc.type LoadBalancer"),
)]
#[serde(rename_all = "camelCase")]
pub struct Rpc {
    /// Kind of Service, `ClusterIP` when absent; `None` for fleets that answer nobody but the operator.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<RpcType>,
    /// Who can reach a load balancer, `Internal` when absent: only the virtual network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Address ranges that may connect, as `203.0.113.0/24`; required with `Public`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 43), regex(pattern = CIDR)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub source_ranges: Vec<String>,
    /// Annotations of the RPC Service, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 4096}))]
    pub annotations: BTreeMap<String, String>,
    /// JSON-RPC namespaces that the nodes answer; `eth`, `net` and `web3` when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 9))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Vec<RpcNamespace>,
}

/// Kind of the RPC Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RpcType {
    /// Behind a load balancer.
    LoadBalancer,
    /// Inside the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// No Service.
    None,
}

/// Who can reach a load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Exposure {
    /// The virtual network.
    #[default]
    Internal,
    /// The world, within `sourceRanges`.
    Public,
}

/// A JSON-RPC namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RpcNamespace {
    /// Traces and raw blocks; heavy, for few.
    Debug,
    /// Ethereum.
    Eth,
    /// Validators and rounds, as GoQuorum names them.
    Istanbul,
    /// Network.
    Net,
    /// What the Otterscan explorer asks.
    Ots,
    /// Validators and rounds.
    Qbft,
    /// Summaries of blocks for dashboards.
    Quorate,
    /// Waiting transactions.
    Txpool,
    /// Client version and hashing.
    Web3,
}

impl RpcNamespace {
    /// As the node's configuration has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Eth => "eth",
            Self::Istanbul => "istanbul",
            Self::Net => "net",
            Self::Ots => "ots",
            Self::Qbft => "qbft",
            Self::Quorate => "quorate",
            Self::Txpool => "txpool",
            Self::Web3 => "web3",
        }
    }
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

/// What the operator has observed of the fleet.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct ValidatorStatus {
    /// Generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Degraded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Nodes that exist.
    #[serde(default)]
    pub replicas: i32,
    /// Nodes whose pod is ready: caught up and with peers.
    #[serde(default)]
    pub ready_replicas: i32,
    /// Label selector of the pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,
    /// `4/4 validating`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub summary: Option<String>,
    /// Image of the nodes; moves only when `spec.image` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Where JSON-RPC answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<RpcAddress>,
    /// The nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub nodes: Vec<NodeState>,
}

/// URLs of the RPC Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RpcAddress {
    /// JSON-RPC over HTTP.
    #[schemars(length(max = 512))]
    pub http: String,
    /// JSON-RPC over WebSocket.
    #[schemars(length(max = 512))]
    pub ws: String,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeState {
    /// Name of its StatefulSet.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Address of its identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 42))]
    pub address: Option<String>,
    /// Where it stands.
    pub phase: Phase,
    /// Why it is not further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub reason: Option<String>,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Its objects are made, its pod is not up.
    Provisioning,
    /// It catches up.
    Syncing,
    /// It is synced and waits for its seat.
    AwaitingSeat,
    /// It holds a seat and votes, or will as soon as it may.
    Validating,
    /// It gives its seat up and then stops.
    Leaving,
    /// It follows the chain without a seat, as its role says.
    Observing,
    /// It cannot start, or reports a fault.
    Failed,
}
