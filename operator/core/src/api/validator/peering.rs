//! How nodes of other clusters reach a fleet's nodes.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use super::Exposure;
use crate::api::formats::CIDR;
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Peering with members in other clusters.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.exposure) || self.exposure != 'Public' || (has(self.sourceRanges) && size(self.sourceRanges) > 0)")
        .message("spec.peering.exposure Public needs spec.peering.sourceRanges: name who may connect"),
    validation = Rule::new("(!has(self.exposure) && !has(self.sourceRanges) && !has(self.annotations)) || (has(self.type) && self.type == 'LoadBalancer')")
        .message("spec.peering.exposure, sourceRanges and annotations need spec.peering.type LoadBalancer"),
    validation = Rule::new("!has(self.sourceRanges) || self.sourceRanges.all(r, isCIDR(r))")
        .message("spec.peering.sourceRanges must be address ranges, as 203.0.113.0/24 or 2001:db8::/32"),
    validation = Rule::new("!has(self.annotations) || self.annotations.all(k, !k.startsWith('quorate.dev/'))")
        .message("spec.peering.annotations must not use the prefix quorate.dev/"),
)]
#[serde(rename_all = "camelCase")]
pub struct Peering {
    /// Who can dial the nodes, `ClusterIP` when absent: nodes of this cluster only.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PeeringType>,
    /// Who can reach the load balancer, `Internal` when absent: only the virtual network and what is joined to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Address ranges that may connect, as `203.0.113.0/24`; required with `Public`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 43), regex(pattern = CIDR)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub source_ranges: Vec<String>,
    /// Annotations of the peering Service, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 4096}))]
    pub annotations: BTreeMap<String, String>,
}

/// Who can dial the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PeeringType {
    /// Members in other clusters too: one Service for the fleet, one port per node.
    LoadBalancer,
    /// Nodes of this cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
}
