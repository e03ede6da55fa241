//! Azure's storage, by the workload identity of the operator's pod ([ADR 32](../../docs/adr/0032-joining.md)). The identity's
//! tokens open every container that it has a role on, so they go to Azure's storage and to nobody else.

mod container;
mod error;
mod transport;

pub(crate) use container::{Blob, BlobContainer};
pub(crate) use error::AzureError;

use crate::https::trust;
use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, RetryOptions, Transport, Url},
};
use azure_identity::{
    ClientAssertionCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use clap::Args;
use operator_core::validate::Container;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use transport::Tls;

/// What the operator is told about Azure.
#[derive(Clone, Debug, Args)]
pub(crate) struct AzureArgs {
    /// Hosts to which tokens of the operator's workload identity may go, separated by commas; one that begins with a dot stands
    /// for all names that end so.
    #[arg(
        long = "azure-storage-hosts",
        env = "QUORATE_AZURE_STORAGE_HOSTS",
        value_delimiter = ',',
        default_value = ".blob.core.windows.net,.blob.storage.azure.net,.blob.core.usgovcloudapi.net,.blob.core.chinacloudapi.cn"
    )]
    storage_hosts: Vec<String>,
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
    options: ClientOptions,
    /// Once it could be made; what it is made from is put into the pod when that starts.
    identity: Mutex<Option<Arc<dyn TokenCredential>>>,
}

impl Azure {
    /// As the command line says.
    pub(crate) fn new(args: &AzureArgs) -> Result<Self, AzureError> {
        let roots = match &args.ca_file {
            None => trust::public(),
            Some(path) => {
                let wrong = |reason: String| AzureError::Authorities { path: path.clone(), reason };
                let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
                trust::bundle(&pem).map_err(wrong)?
            }
        };
        let transport = Transport::new(Arc::new(Tls(trust::tls(roots)?)));
        // What asks is asked again by its own queue: retries in here would hide minutes.
        let options = ClientOptions {
            transport: Some(transport),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        };
        Ok(Self { storage_hosts: args.storage_hosts.clone(), options, identity: Mutex::default() })
    }

    /// A container, to be read or written with these rights.
    pub(crate) fn container(&self, at: &Container, access: Access) -> Result<BlobContainer, AzureError> {
        let url = Url::parse(&at.url).map_err(|error| AzureError::Url(error.to_string()))?;
        let credential = match access {
            Access::Anonymous => None,
            Access::Identity => {
                let host = url.host_str().unwrap_or_default();
                if !may_have_tokens(&self.storage_hosts, host) {
                    return Err(AzureError::Host(host.to_owned()));
                }
                Some(self.identity()?)
            }
        };
        BlobContainer::new(url, credential, self.options.clone())
    }

    fn identity(&self) -> Result<Arc<dyn TokenCredential>, AzureError> {
        let mut identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*identity {
            return Ok(known.clone());
        }
        let options = WorkloadIdentityCredentialOptions {
            credential_options: ClientAssertionCredentialOptions { client_options: self.options.clone() },
            ..WorkloadIdentityCredentialOptions::default()
        };
        let made = WorkloadIdentityCredential::new(Some(options));
        let made: Arc<dyn TokenCredential> =
            made.map_err(|error| AzureError::NoIdentity(error.to_string()))?;
        *identity = Some(made.clone());
        Ok(made)
    }
}

fn may_have_tokens(hosts: &[String], host: &str) -> bool {
    hosts.iter().any(|known| match known.strip_prefix('.') {
        Some(_) => host.len() > known.len() && host.ends_with(known.as_str()),
        None => host == known,
    })
}

#[cfg(test)]
mod tests {
    use super::{Access, Azure, AzureArgs, AzureError, may_have_tokens};
    use operator_core::validate::Container;

    #[test]
    fn tokens_go_to_the_hosts_that_are_named_and_to_no_other() {
        let hosts = [".blob.core.windows.net".to_owned(), "127.0.0.1".to_owned()];
        for (host, may) in [
            ("bank.blob.core.windows.net", true),
            ("bank.z1.blob.core.windows.net", true),
            ("127.0.0.1", true),
            (".blob.core.windows.net", false),
            ("blob.core.windows.net", false),
            ("bank.blob.core.windows.net.example.com", false),
            ("evilblob.core.windows.net", false),
            ("127.0.0.11", false),
            ("", false),
        ] {
            assert_eq!(may_have_tokens(&hosts, host), may, "{host}");
        }
    }

    #[test]
    fn a_stranger_who_is_named_as_a_container_is_refused_before_there_is_a_token() {
        let args = AzureArgs { storage_hosts: vec![".blob.core.windows.net".to_owned()], ca_file: None };
        let azure = Azure::new(&args).expect("Azure");
        let at = Container { url: "https://tokens.example.com/net".to_owned() };
        let refused = azure.container(&at, Access::Identity).err().expect("refused");
        assert!(matches!(&refused, AzureError::Host(host) if host == "tokens.example.com"), "{refused}");
        assert!(azure.container(&at, Access::Anonymous).is_ok(), "anybody may be asked without one");
    }
}
