//! How others get at this member's network info.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use super::AzureBlob;
use crate::api::{
    formats::{CIDR, OBJECT_NAME},
    validator::Exposure,
};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What this member publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Publish {
    /// The signed network info, with which others join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_info: Option<PublishNetworkInfo>,
}

/// How the network info is published, beside its ConfigMap `<consortium>-network-info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishNetworkInfo {
    /// By a small web server of its own, Deployment and Service `<consortium>-network-info`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<PublishService>,
    /// Into a container of an Azure storage account, by the operator's workload identity; a blob that was written stays when this
    /// goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_blob: Option<AzureBlob>,
}

/// A web server with the network info at `/network-info.json`: https on port 443 with `tls`, else http on port 80, within the
/// cluster.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!has(self.type) || self.type != 'LoadBalancer' || has(self.tls)")
        .message("spec.publish.networkInfo.service.type LoadBalancer needs tls: others read it over https only"),
    validation = Rule::new("(!has(self.exposure) && !has(self.sourceRanges)) || (has(self.type) && self.type == 'LoadBalancer')")
        .message("exposure and sourceRanges of spec.publish.networkInfo.service need type LoadBalancer"),
    validation = Rule::new("!has(self.sourceRanges) || self.sourceRanges.all(r, isCIDR(r))")
        .message("spec.publish.networkInfo.service.sourceRanges must be address ranges, as 203.0.113.0/24 or 2001:db8::/32"),
    validation = Rule::new("!has(self.annotations) || self.annotations.all(k, !k.startsWith('quorate.dev/'))")
        .message("spec.publish.networkInfo.service.annotations must not use the prefix quorate.dev/"),
)]
#[serde(rename_all = "camelCase")]
pub struct PublishService {
    /// Kind of Service, `ClusterIP` when absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PublishType>,
    /// Who can reach a load balancer, `Internal` when absent: only the virtual network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Address ranges that may connect to a load balancer, as `203.0.113.0/24`; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 43), regex(pattern = CIDR)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub source_ranges: Vec<String>,
    /// Annotations of the Service, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 4096}))]
    pub annotations: BTreeMap<String, String>,
    /// Certificate and key of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<PublishTls>,
}

/// Kind of the Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PublishType {
    /// Behind a load balancer.
    LoadBalancer,
    /// Inside the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
}

/// A Secret of type `kubernetes.io/tls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishTls {
    /// Name of the Secret, in the same namespace; a renewed certificate is served without a restart.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub secret_name: String,
}
