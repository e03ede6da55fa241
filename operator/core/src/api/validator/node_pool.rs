//! `spec.nodePool`: the AKS node pool that the pods run on, and who makes it.

use crate::api::formats::{ARM_CLUSTER, ARM_SUBNET, OBJECT_NAME};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An AKS node pool for the pods.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.aso) == (has(self.manage) && self.manage == 'ASO')")
        .message("spec.nodePool.aso is required with spec.nodePool.manage ASO, and only then"),
    validation = Rule::new("!has(self.aso) || !has(oldSelf.aso) || self.name != oldSelf.name || (self.aso.owner == oldSelf.aso.owner && self.aso.vmSize == oldSelf.aso.vmSize && has(self.aso.availabilityZones) == has(oldSelf.aso.availabilityZones) && (!has(self.aso.availabilityZones) || self.aso.availabilityZones == oldSelf.aso.availabilityZones) && has(self.aso.vnetSubnetId) == has(oldSelf.aso.vnetSubnetId) && (!has(self.aso.vnetSubnetId) || self.aso.vnetSubnetId == oldSelf.aso.vnetSubnetId))")
        .message("owner, vmSize, availabilityZones and vnetSubnetId of spec.nodePool.aso are immutable: move to a new pool by changing spec.nodePool.name with them"),
)]
#[serde(rename_all = "camelCase")]
pub struct NodePool {
    /// Name of the pool: the pods go only to nodes labelled `kubernetes.azure.com/agentpool: <name>`, and tolerate the taint
    /// `quorate.dev/validators`.
    #[schemars(length(min = 1, max = 12), regex(pattern = "^[a-z][a-z0-9]*$"))]
    pub name: String,
    /// Whether a node of the pool takes at most one of the member's validators, `Preferred` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_spread: Option<HostSpread>,
    /// Who makes and sizes the pool, `None` when absent: it is there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage: Option<Maker>,
    /// The pool that Azure Service Operator makes; with `manage: ASO` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aso: Option<AsoPool>,
}

impl NodePool {
    /// The pool to be made, if it is ours to make.
    #[must_use]
    pub fn made(&self) -> Option<&AsoPool> {
        self.aso.as_ref().filter(|_| self.manage == Some(Maker::Aso))
    }
}

/// Whether validators share hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HostSpread {
    /// Only where there are too few.
    #[default]
    Preferred,
    /// Never: a validator without a host of its own waits.
    Required,
}

/// Who makes the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Maker {
    /// Somebody else.
    None,
    /// The operator, through Azure Service Operator's `ManagedClustersAgentPool`.
    #[serde(rename = "ASO")]
    Aso,
}

/// A pool that Azure Service Operator makes: Linux, mode `User`, tainted for validators, one node for each pod.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(crates(kube_core = "::kube_core"))]
#[serde(rename_all = "camelCase")]
pub struct AsoPool {
    /// The AKS cluster that the pool belongs to.
    pub owner: PoolOwner,
    /// Size of the virtual machines, as `Standard_D4s_v5`.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_]+$"))]
    pub vm_size: String,
    /// Availability zones, as `"1"`; none when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), inner(length(max = 1), regex(pattern = "^[1-3]$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub availability_zones: Vec<String>,
    /// Lets the cluster autoscaler choose the number of nodes, not below what the pods need; fixed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Operating system, as `AzureLinux`; AKS chooses when absent.
    #[serde(default, rename = "osSKU", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[A-Za-z0-9]+$"))]
    pub os_sku: Option<String>,
    /// Size of the nodes' own disk in GB; AKS chooses when absent.
    #[serde(default, rename = "osDiskSizeGB", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30, max = 2048))]
    pub os_disk_size_gb: Option<i32>,
    /// Subnet of the nodes, by its ARM id; the cluster's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = ARM_SUBNET))]
    pub vnet_subnet_id: Option<String>,
    /// Secret of this namespace with Azure Service Operator's credential; its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub credential_from: Option<String>,
    /// Azure tags of the virtual machines.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), extend("additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub tags: BTreeMap<String, String>,
}

/// An AKS cluster, in one of two ways.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.armId) != has(self.name)")
        .message("exactly one of spec.nodePool.aso.owner.armId and spec.nodePool.aso.owner.name is required"),
)]
#[serde(rename_all = "camelCase")]
pub struct PoolOwner {
    /// ARM id of the cluster, for one that Azure Service Operator did not make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = ARM_CLUSTER))]
    pub arm_id: Option<String>,
    /// Name of a `ManagedCluster` of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: Option<String>,
}

/// Bounds of the cluster autoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaling {
    /// Most nodes; the least number is what the pods need.
    #[schemars(range(min = 1, max = 1000))]
    pub max_count: i32,
}
