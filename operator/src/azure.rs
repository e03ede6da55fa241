//! Azure's storage and key vaults, by the workload identity of the operator's pod ([ADR 32](../../docs/adr/0032-joining.md),
//! [docs/keys.md](../../docs/keys.md)). The identity's tokens open everything that it has a role on, so they go to Azure's hosts
//! and to nobody else.

mod error;
mod vault;

pub(crate) use azure_access::Blob;
pub(crate) use error::AzureError;
pub(crate) use vault::{OpenVault, trouble};

use crate::metrics::VaultMetrics;
use azure_access::{
    Etag, Https, Identity, Limits, Url,
    hosts::{STORAGE, may_have_tokens},
    trust,
    vault::{Vault, VaultError, VaultKeys, VaultSecrets},
};
use clap::Args;
use operator_core::{
    network_info::{Listed, MOST_BYTES, MOST_LISTED},
    validate::Container,
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Vaults that are kept open; what opens one costs two requests more.
const MOST_VAULTS: usize = 256;

/// What the operator is told about Azure.
#[derive(Clone, Debug, Args)]
pub(crate) struct AzureArgs {
    /// Hosts to which tokens of the operator's workload identity may go, separated by commas; one that begins with a dot stands
    /// for all names that end so.
    #[arg(
        long = "azure-storage-hosts",
        env = "QUORATE_AZURE_STORAGE_HOSTS",
        value_delimiter = ',',
        default_values_t = STORAGE.iter().map(ToString::to_string)
    )]
    storage_hosts: Vec<String>,
    /// Hosts of key vaults beside Azure's own to which such tokens may go, separated by commas; one that begins with a dot stands
    /// for all names that end so.
    #[arg(long = "azure-vault-hosts", env = "QUORATE_AZURE_VAULT_HOSTS", value_delimiter = ',')]
    vault_hosts: Vec<String>,
    /// PEM file with the certificate authorities of Azure's addresses; Mozilla's list when absent.
    #[arg(long = "azure-ca-file", env = "QUORATE_AZURE_CA_FILE")]
    ca_file: Option<PathBuf>,
}

/// With whose rights a container is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody's.
    Anonymous,
    /// Those of the operator's workload identity.
    Identity,
}

/// Azure, as the operator reaches it.
pub(crate) struct Azure {
    storage_hosts: Vec<String>,
    vault_hosts: Vec<String>,
    vaults: Mutex<HashMap<String, Arc<OpenVault>>>,
    metrics: VaultMetrics,
    https: Https,
    /// Once it could be made; what it is made from is put into the pod when that starts.
    identity: Mutex<Option<Identity>>,
}

impl Azure {
    /// As the command line says.
    pub(crate) fn new(args: &AzureArgs, metrics: VaultMetrics) -> Result<Self, AzureError> {
        let roots = match &args.ca_file {
            None => trust::public(),
            Some(path) => {
                let wrong = |reason: String| AzureError::Authorities { path: path.clone(), reason };
                let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
                trust::bundle(&pem).map_err(wrong)?
            }
        };
        let limits = Limits { answer_bytes: MOST_BYTES, ..Limits::default() };
        let https = Https::new(roots, limits).map_err(azure_access::AzureError::Tls)?;
        Ok(Self {
            storage_hosts: args.storage_hosts.clone(),
            vault_hosts: args.vault_hosts.clone(),
            vaults: Mutex::default(),
            metrics,
            https,
            identity: Mutex::default(),
        })
    }

    /// A container, to be read or written with these rights.
    pub(crate) fn container(&self, at: &Container, access: Access) -> Result<BlobContainer, AzureError> {
        let url = Url::parse(&at.url).map_err(|error| azure_access::AzureError::Url(error.to_string()))?;
        let identity = match access {
            Access::Anonymous => None,
            Access::Identity => {
                let host = url.host_str().unwrap_or_default();
                if !may_have_tokens(&self.storage_hosts, host) {
                    return Err(AzureError::Host(host.to_owned()));
                }
                Some(self.identity()?)
            }
        };
        Ok(BlobContainer(azure_access::BlobContainer::new(url, identity.as_ref(), &self.https)?))
    }

    /// A key vault. Nothing is asked yet.
    pub(crate) fn vault(&self, url: &str) -> Result<Arc<OpenVault>, Closed> {
        let mut vaults = self.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = vaults.get(url) {
            return Ok(open.clone());
        }
        let vault = Vault::at(url, &self.vault_hosts, &self.identity()?, &self.https)?;
        let (keys, secrets) = (VaultKeys::new(vault.clone())?, VaultSecrets::new(vault)?);
        let open = Arc::new(OpenVault { keys, secrets, metrics: self.metrics.clone() });
        if vaults.len() >= MOST_VAULTS {
            vaults.clear();
        }
        vaults.insert(url.to_owned(), open.clone());
        Ok(open)
    }

    fn identity(&self) -> Result<Identity, AzureError> {
        let mut identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*identity {
            return Ok(known.clone());
        }
        let made = Identity::environment(&self.https)?;
        *identity = Some(made.clone());
        Ok(made)
    }
}

/// Why a vault is not even asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    /// The operator has no identity.
    #[error(transparent)]
    Identity(#[from] AzureError),
    /// It is no vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// A container of network infos, with somebody's rights.
pub(crate) struct BlobContainer(azure_access::BlobContainer);

impl BlobContainer {
    /// Address of a blob.
    pub(crate) fn address(&self, name: &str) -> String {
        self.0.address(name)
    }

    /// The first page of names that begin so.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Listed>, AzureError> {
        let listed = self.0.list(prefix, MOST_LISTED).await?.into_iter();
        Ok(listed.map(|blob| Listed { name: blob.name, bytes: blob.bytes, written: blob.written }).collect())
    }

    /// A blob, if there is one of that name. One that is longer than a document is cut off, and so is none.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Blob>, AzureError> {
        Ok(self.0.get(name, MOST_BYTES).await?)
    }

    /// Writes a document in the place of this version, or where there is none.
    pub(crate) async fn put(&self, name: &str, text: &str, replaces: Option<Etag>) -> Result<(), AzureError> {
        Ok(self.0.put(name, text, replaces).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Azure, AzureArgs, AzureError, VaultMetrics};
    use clap::{Args as _, Command, FromArgMatches as _};
    use operator_core::validate::Container;

    #[test]
    fn a_stranger_who_is_named_as_a_container_is_refused_before_there_is_a_token() {
        let storage_hosts = vec![".blob.core.windows.net".to_owned()];
        let args = AzureArgs { storage_hosts, vault_hosts: Vec::new(), ca_file: None };
        let azure = Azure::new(&args, VaultMetrics::default()).expect("Azure");
        let at = Container { url: "https://tokens.example.com/net".to_owned() };
        let refused = azure.container(&at, Access::Identity).err().expect("refused");
        assert!(matches!(&refused, AzureError::Host(host) if host == "tokens.example.com"), "{refused}");
        assert!(azure.container(&at, Access::Anonymous).is_ok(), "anybody may be asked without one");
    }

    #[test]
    fn unless_told_otherwise_tokens_go_to_all_of_azures_storage() {
        let arguments = AzureArgs::augment_args(Command::new("operator")).get_matches_from(["operator"]);
        let args = AzureArgs::from_arg_matches(&arguments).expect("arguments");
        assert_eq!(args.storage_hosts, azure_access::hosts::STORAGE);
    }
}
