//! How a fleet answers JSON-RPC.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use crate::api::formats::CIDR;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// JSON-RPC.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.exposure) || self.exposure != 'Public' || (has(self.sourceRanges) && size(self.sourceRanges) > 0)")
        .message("spec.rpc.exposure Public needs spec.rpc.sourceRanges: name who may connect"),
    validation = Rule::new("(!has(self.exposure) && !has(self.sourceRanges)) || (has(self.type) && self.type == 'LoadBalancer')")
        .message("spec.rpc.exposure and spec.rpc.sourceRanges need spec.rpc.type LoadBalancer"),
    validation = Rule::new("!has(self.sourceRanges) || self.sourceRanges.all(r, isCIDR(r))")
        .message("spec.rpc.sourceRanges must be address ranges, as 203.0.113.0/24 or 2001:db8::/32"),
    validation = Rule::new("!has(self.annotations) || self.annotations.all(k, !k.startsWith('quorate.dev/'))")
        .message("spec.rpc.annotations must not use the prefix quorate.dev/"),
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
