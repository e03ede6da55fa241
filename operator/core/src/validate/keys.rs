//! Where keys are, of nodes and of accounts.

use super::InvalidField;
use crate::{
    api::{
        consortium::{AccountKeyVault, AccountSecret},
        validator::{AzureKeyVault, Keys, VaultMode},
    },
    vault::{Home, KeyPlace},
};

/// Where Azure's key vaults and managed HSMs are: only these are shown a token without authorities of one's own.
pub const VAULT_HOSTS: &[&str] = &[
    ".vault.azure.net",
    ".managedhsm.azure.net",
    ".vault.usgovcloudapi.net",
    ".managedhsm.usgovcloudapi.net",
    ".vault.azure.cn",
    ".managedhsm.azure.cn",
];

/// Where a fleet's identities are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityKeys {
    /// In Secrets.
    Secrets {
        /// Missing ones are made.
        create: bool,
    },
    /// In a vault.
    Vault(Box<FleetVault>),
}

/// A vault with a fleet's identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetVault {
    /// Its address, without a slash at its end.
    pub url: String,
    /// What holds the keys there.
    pub home: Home,
    /// Begin of their names.
    pub prefix: String,
    /// Missing ones are made.
    pub create: bool,
    /// Tenant of the nodes' workload identity.
    pub tenant_id: String,
    /// Client id of the nodes' workload identity.
    pub client_id: String,
    /// Where nodes get tokens, in another cloud than the public one.
    pub authority_host: Option<String>,
    /// Who vouches for vault and token service towards the nodes.
    pub ca_bundle: Option<String>,
}

impl FleetVault {
    /// Where the key of the node with this index is.
    #[must_use]
    pub fn place(&self, index: u32) -> KeyPlace {
        KeyPlace { vault: self.url.clone(), home: self.home, name: format!("{}{index}", self.prefix) }
    }
}

impl IdentityKeys {
    /// Whether missing ones are made.
    #[must_use]
    pub fn creates(&self) -> bool {
        match self {
            Self::Secrets { create } => *create,
            Self::Vault(vault) => vault.create,
        }
    }

    /// The vault, if it is one.
    #[must_use]
    pub fn vault(&self) -> Option<&FleetVault> {
        match self {
            Self::Secrets { .. } => None,
            Self::Vault(vault) => Some(vault),
        }
    }
}

/// An account's key that the operator signs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey {
    /// The Secret that holds it, or stands for it.
    pub secret: String,
    /// Where it is in a vault, and whether it is made there when it is missing.
    pub vault: Option<(KeyPlace, bool)>,
}

impl AccountKey {
    /// Where it is in a vault, if it is in one.
    #[must_use]
    pub fn place(&self) -> Option<&KeyPlace> {
        self.vault.as_ref().map(|(place, _)| place)
    }
}

/// Of a fleet. One that is being deleted passes: a field that nobody will carry out must not keep it.
pub(super) fn identities(
    keys: Option<&Keys>,
    (namespace, fleet): (&str, &str),
    deleting: bool,
) -> Result<IdentityKeys, InvalidField> {
    let Some(keys) = keys else { return Ok(IdentityKeys::Secrets { create: true }) };
    match (&keys.secret, &keys.azure_key_vault) {
        (Some(secret), None) => Ok(IdentityKeys::Secrets { create: secret.create.unwrap_or(true) }),
        (None, Some(vault)) if !deleting && vault.ca_bundle.is_none() && !is_azures(&vault.vault_url) => {
            Err(InvalidField::new(
                "spec.keys.azureKeyVault.caBundle",
                format!(
                    "{} is at none of Azure's hosts: name the authorities that vouch for it, or no node shows it a token",
                    vault.vault_url
                ),
            ))
        }
        (None, Some(vault)) => Ok(IdentityKeys::Vault(Box::new(of_fleet(vault, namespace, fleet)))),
        _ if deleting => Ok(IdentityKeys::Secrets { create: false }),
        _ => Err(InvalidField::new("spec.keys", "needs exactly one of secret and azureKeyVault")),
    }
}

/// Whether the address is at a host of [`VAULT_HOSTS`].
fn is_azures(url: &str) -> bool {
    let host = url.strip_prefix("https://").unwrap_or(url).to_ascii_lowercase();
    let host = host.split_once(':').map_or(host.as_str(), |(host, _)| host);
    VAULT_HOSTS.iter().any(|known| host.len() > known.len() && host.ends_with(known))
}

fn of_fleet(vault: &AzureKeyVault, namespace: &str, fleet: &str) -> FleetVault {
    FleetVault {
        url: vault.vault_url.clone(),
        home: match vault.mode.unwrap_or_default() {
            VaultMode::Remote => Home::Key,
            VaultMode::Inject => Home::Secret,
        },
        prefix: vault.key_prefix.clone().unwrap_or_else(|| format!("{namespace}-{fleet}-")),
        create: vault.create.unwrap_or(true),
        tenant_id: vault.tenant_id.clone(),
        client_id: vault.client_id.clone(),
        authority_host: vault.authority_host.clone(),
        ca_bundle: vault.ca_bundle.clone(),
    }
}

/// Of an account; `None` unless it is exactly one of the two.
pub(super) fn account(
    secret: Option<&AccountSecret>,
    vault: Option<&AccountKeyVault>,
    usual: String,
) -> Option<AccountKey> {
    match (secret, vault) {
        (Some(secret), None) => {
            Some(AccountKey { secret: secret.name.clone().unwrap_or(usual), vault: None })
        }
        (None, Some(vault)) => {
            let place =
                KeyPlace { vault: vault.vault_url.clone(), home: Home::Key, name: vault.key_name.clone() };
            Some(AccountKey { secret: usual, vault: Some((place, vault.create.unwrap_or(true))) })
        }
        _ => None,
    }
}
