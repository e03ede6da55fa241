//! What the operator has observed of a fleet.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use crate::api::conditions::Condition;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator has observed of the fleet.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct ValidatorStatus {
    /// Generation that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Degraded; `PeeringReady` with a load balancer for peers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Nodes that exist, spares aside.
    #[serde(default)]
    pub replicas: i32,
    /// Nodes whose pod is ready, spares aside: caught up and with peers.
    #[serde(default)]
    pub ready_replicas: i32,
    /// Label selector of the pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,
    /// `4/4 validating`, and with spares `1/1 standing by`.
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
    /// Address of its own identity; a spare has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 42))]
    pub address: Option<String>,
    /// Where it stands.
    pub phase: Phase,
    /// Of a spare: the node whose identity it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub holds: Option<String>,
    /// Who holds its identity, where that is not itself: another node of the fleet, or one of another cluster with its site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub held_by: Option<String>,
    /// `host:port` at which members in other clusters dial it, once `spec.peering` has given it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262))]
    pub endpoint: Option<String>,
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
    /// It is synced and votes for nobody: a spare, or a node whose identity another one holds.
    Standby,
    /// It follows the chain without a seat, as its role says.
    Observing,
    /// It cannot start, or reports a fault.
    Failed,
}
