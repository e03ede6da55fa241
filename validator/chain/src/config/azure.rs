//! A node at Azure: who it is, and what of a vault it uses.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// The workload identity of a node. The token is the pod's own, of its service account; nothing here is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureConfig {
    /// Directory (tenant) of the identity.
    pub tenant_id: String,
    /// Client id of the managed identity or application that trusts the service account.
    pub client_id: String,
    /// File with the service account's token for the audience `api://AzureADTokenExchange`.
    pub token_file: String,
    /// Address of Microsoft Entra in another cloud than the public one, https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_host: Option<String>,
    /// Certificate authorities of these addresses, PEM; Mozilla's list when absent. Only with it may a vault be at a host
    /// that is not one of Azure's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

/// One version of a key or a secret in a vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultObject {
    /// `https://<vault>.vault.azure.net`, or a managed HSM's address.
    pub vault_url: String,
    /// Its name.
    pub name: String,
    /// Its version. A newer one is told of, never used by itself.
    pub version: String,
}
