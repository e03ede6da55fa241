//! A network that exists already, and where it is described.
#![expect(unreachable_pub, reason = "the KubeSchema derive repeats the type inside a function")]

use super::AzureBlob;
use crate::api::formats::{CONFIG_KEY, HASH, HTTPS_URL, OBJECT_NAME};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A network that exists already.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("self.genesisHash == oldSelf.genesisHash")
        .message("spec.join.genesisHash is immutable: it is what you trust"),
)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    /// Where the network is described: network infos that its members publish. All are read, those that are not reached cost
    /// nothing as long as one is.
    #[schemars(length(min = 1, max = 8))]
    pub network_info: Vec<NetworkInfoSource>,
    /// Hash of the network's genesis: what you trust. Ask the members for it on another way than the network info itself.
    #[schemars(length(max = 66), regex(pattern = HASH))]
    pub genesis_hash: String,
}

/// Where a network info is read: exactly one of `url`, `configMapRef` and `azureBlob`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("[has(self.url), has(self.configMapRef), has(self.azureBlob)].filter(one, one).size() == 1")
        .message("a source in spec.join.networkInfo is exactly one of url, configMapRef and azureBlob"),
    validation = Rule::new("!has(self.caBundle) || has(self.url)")
        .message("caBundle in spec.join.networkInfo needs url: a ConfigMap is read without TLS, a container by the authorities that the operator knows for Azure"),
)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInfoSource {
    /// Address that answers with the document, `https://` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = HTTPS_URL))]
    pub url: Option<String>,
    /// Certificate authorities that vouch for `url`; the public ones (Mozilla's list) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // Atomic, as every choice of one: a choice that loses its field to another applier would be null, which is refused.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub ca_bundle: Option<CaBundle>,
    /// A ConfigMap of the same namespace, with the document under `network-info.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapRef>,
    /// A container of an Azure storage account, of which the network infos of this network are read, eight of them at most, those
    /// written last. It is read without credentials where it lets everybody, else by the operator's workload identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_blob: Option<AzureBlob>,
}

/// A ConfigMap of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapRef {
    /// Name of the ConfigMap, in the same namespace, that another member handed over.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

/// Certificates in PEM: exactly one of `configMapRef` and `secretRef`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.configMapRef) != has(self.secretRef)")
        .message("caBundle in spec.join.networkInfo is exactly one of configMapRef and secretRef"),
)]
#[serde(rename_all = "camelCase")]
pub struct CaBundle {
    /// In a ConfigMap of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<KeyRef>,
    /// In a Secret of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<KeyRef>,
}

/// An entry of a ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
    /// Entry with the certificates, `ca.crt` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = CONFIG_KEY))]
    pub key: Option<String>,
}
