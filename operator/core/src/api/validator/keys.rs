//! Where the identities' keys are.

use crate::api::formats::{HTTPS_HOST, UUID, VAULT_PREFIX};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where keys are: exactly one of `secret` and `azureKeyVault`.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.secret) != has(self.azureKeyVault)")
        .message("exactly one of spec.keys.secret and spec.keys.azureKeyVault must be set"),
)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// In Secrets, one per identity, made when there is none and never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<KeySecrets>,
    /// In an Azure Key Vault, one per identity: no key material is in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_key_vault: Option<AzureKeyVault>,
}

/// Secrets with the identities' keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySecrets {
    /// Whether the operator makes the Secrets that are missing; `true` when absent. With `false` it waits for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
}

/// A vault with the identities' keys, and the workload identity by which nodes use them.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    // The hosts of `validate::VAULT_HOSTS`.
    validation = Rule::new("has(self.caBundle) || self.vaultUrl.matches('(?i)^https://[^/:]+[.](vault[.]azure[.]net|managedhsm[.]azure[.]net|vault[.]usgovcloudapi[.]net|managedhsm[.]usgovcloudapi[.]net|vault[.]azure[.]cn|managedhsm[.]azure[.]cn)(:[0-9]+)?$')")
        .message("a vault at a host that is none of Azure's needs caBundle in spec.keys.azureKeyVault: nodes show their token to another host only where you name who vouches for it"),
)]
#[serde(rename_all = "camelCase")]
pub struct AzureKeyVault {
    /// Address of the vault, as `https://<vault>.vault.azure.net`; it cannot be changed.
    #[schemars(length(max = 253), regex(pattern = HTTPS_HOST))]
    pub vault_url: String,
    /// Microsoft Entra tenant of the nodes' workload identity.
    #[schemars(length(max = 36), regex(pattern = UUID))]
    pub tenant_id: String,
    /// Client id of the nodes' workload identity; its federated credential's subject is
    /// `system:serviceaccount:<namespace>:<this Validator>`.
    #[schemars(length(max = 36), regex(pattern = UUID))]
    pub client_id: String,
    /// What the vault does, `Remote` when absent; it cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<VaultMode>,
    /// Begin of the keys' names in the vault, before the node's number; `<namespace>-<this Validator>-` when absent. It cannot be
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 120), regex(pattern = VAULT_PREFIX))]
    pub key_prefix: Option<String>,
    /// Whether the operator makes the keys that are missing in the vault; `true` when absent. With `false` it waits for them, and
    /// names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    /// Where nodes get tokens, `https://login.microsoftonline.com` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = HTTPS_HOST))]
    pub authority_host: Option<String>,
    /// Certificate authorities in PEM by which nodes trust vault and token service; the public ones (Mozilla's list) when absent.
    /// A vault at a host that is none of Azure's needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub ca_bundle: Option<String>,
}

/// What a vault does with an identity's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VaultMode {
    /// It signs: the key never leaves it.
    #[default]
    Remote,
    /// It keeps the key as a secret, which the node reads into its memory when it starts.
    Inject,
}
