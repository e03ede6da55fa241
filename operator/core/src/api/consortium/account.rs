//! Where the keys of this member's accounts are.

use crate::api::formats::{ADDRESS, HTTPS_HOST, OBJECT_NAME, VAULT_NAME};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The account that votes: its key, or its address alone.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("[has(self.secret), has(self.address), has(self.azureKeyVault)].filter(one, one).size() == 1")
        .message("exactly one of spec.member.admin.secret, azureKeyVault and address must be set"),
    validation = Rule::new("!has(self.address) || !self.address.matches('^0x0{40}$')")
        .message("spec.member.admin.address is the zero address, for which nobody can sign"),
)]
#[serde(rename_all = "camelCase")]
pub struct AdminAccount {
    /// In a Secret, made when there is none and never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<AccountSecret>,
    /// In an Azure Key Vault, which signs: the key never leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_key_vault: Option<AccountKeyVault>,
    /// Its key is held elsewhere: what it has to sign stands in `status.toSign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 42), regex(pattern = ADDRESS))]
    pub address: Option<String>,
}

/// Where an account's key is.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    crates(kube_core = "::kube_core"),
    validation = Rule::new("has(self.secret) != has(self.azureKeyVault)")
        .message("exactly one of spec.member.operator.secret and azureKeyVault must be set"),
)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// In a Secret, made when there is none and never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<AccountSecret>,
    /// In an Azure Key Vault, which signs: the key never leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_key_vault: Option<AccountKeyVault>,
}

/// A Secret with an account's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountSecret {
    /// Name of the Secret in the same namespace; `<consortium>-admin` or `<consortium>-operator` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: Option<String>,
}

/// A key in an Azure Key Vault, used by the operator's own workload identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountKeyVault {
    /// Address of the vault, as `https://<vault>.vault.azure.net`.
    #[schemars(length(max = 253), regex(pattern = HTTPS_HOST))]
    pub vault_url: String,
    /// Name of the key in the vault; every account has one of its own.
    #[schemars(length(min = 1, max = 127), regex(pattern = VAULT_NAME))]
    pub key_name: String,
    /// Whether the operator makes the key when it is missing; `true` when absent. With `false` it waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
}
