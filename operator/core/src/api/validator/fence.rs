//! Spares, and what keeps them and the nodes that they stand by for from voting with one identity at the same time.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use crate::api::formats::{CONTAINER_URL, HTTPS_HOST, LABEL, UUID};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where it is on record, vote by vote, which node holds an identity: at most one of `kubernetesLease` and `azureBlob`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!(has(self.kubernetesLease) && has(self.azureBlob))")
        .message("at most one of spec.fence.kubernetesLease and spec.fence.azureBlob may be set"),
    validation = Rule::new("!has(self.preferred) || self.preferred || has(self.azureBlob)")
        .message("spec.fence.preferred false needs spec.fence.azureBlob: nodes of another cluster see no Lease of this one"),
)]
#[serde(rename_all = "camelCase")]
pub struct Fence {
    /// In a Lease per identity in this namespace, as where nothing is set: identities move between nodes of this cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_lease: Option<KubernetesLease>,
    /// In a blob per identity: identities move between clusters and regions too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_blob: Option<FenceBlobs>,
    /// Seconds without a sign of its holder after which an identity is taken over, 6 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 60))]
    pub lease_seconds: Option<i32>,
    /// Name of this cluster or region in the records, the namespace when absent: tells nodes of one name apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub site: Option<String>,
    /// Whether the identities belong to this fleet's nodes whenever they could vote; `true` when absent. With `false` the whole fleet
    /// stands by for those of another cluster, which has the same keys and the same container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<bool>,
}

/// Leases of `coordination.k8s.io`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KubernetesLease {}

/// A container with the records, and the workload identity by which nodes write them: that of `keys.azureKeyVault` where keys are there.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("!self.containerUrl.contains('?')")
        .message("spec.fence.azureBlob.containerUrl must have no query: a shared access signature is a credential, and would stand here for all to read; give the nodes' workload identity a role on the container instead"),
    validation = Rule::new("has(self.tenantId) == has(self.clientId)")
        .message("spec.fence.azureBlob.tenantId and clientId are given both or not at all"),
)]
#[serde(rename_all = "camelCase")]
pub struct FenceBlobs {
    /// Address of the container, as `https://<account>.blob.core.windows.net/<container>`, without a query; it cannot be changed.
    #[schemars(length(max = 512), regex(pattern = CONTAINER_URL))]
    pub container_url: String,
    /// Microsoft Entra tenant of the nodes' workload identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36), regex(pattern = UUID))]
    pub tenant_id: Option<String>,
    /// Client id of the nodes' workload identity; its federated credential's subject is
    /// `system:serviceaccount:<namespace>:<this Validator>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36), regex(pattern = UUID))]
    pub client_id: Option<String>,
    /// Where nodes get tokens, `https://login.microsoftonline.com` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = HTTPS_HOST))]
    pub authority_host: Option<String>,
    /// Certificate authorities in PEM by which nodes trust storage and token service; the public ones (Mozilla's list) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub ca_bundle: Option<String>,
}
