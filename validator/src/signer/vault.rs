//! The vault that a configuration names.

use super::{FileSigner, InjectSigner, KeyVault, RemoteSigner, SecretVault, Signer, key_file::KeyFileError};
use alloy_primitives::B256;
use azure_access::{
    AzureError, Https, Identity, Limits, Url, WorkloadIdentity, trust,
    vault::{Vault, VaultError, VaultKey, VaultKeys, VaultSecrets, newest},
};
use chain::{
    Seal,
    config::{AzureConfig, IdentityConfig, SignerConfig, VaultObject},
};
use futures::future::{BoxFuture, FutureExt as _};
use std::{path::Path, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Connections, bytes and time that a vault may take.
const LIMITS: Limits = Limits { connections: 8, answer_bytes: 64 << 10, deadline: Duration::from_secs(5) };
/// A token is renewed so long before its end.
const AHEAD: Duration = Duration::from_mins(10);

/// Why there is no signer. Every message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum VaultSetupError {
    /// A key file is refused.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Nobody to be in the vault.
    #[error(
        "identity.signer names a vault, and azure is missing: name tenantId, clientId and tokenFile of the workload identity"
    )]
    NoIdentity,
    /// The bundle is none.
    #[error("azure.caBundle {0}")]
    Bundle(String),
    /// TLS cannot be set up.
    #[error("tls: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// The vault's address is refused.
    #[error("identity.signer: {0}")]
    Vault(#[from] VaultError),
}

/// The signer of an identity. Reads files; asks no vault yet.
pub fn open(
    identity: &IdentityConfig,
    azure: Option<&AzureConfig>,
) -> Result<Arc<dyn Signer>, VaultSetupError> {
    let address = identity.address;
    let azure = || azure.ok_or(VaultSetupError::NoIdentity);
    Ok(match &identity.signer {
        SignerConfig::File { path } => Arc::new(FileSigner::open(Path::new(path), address)?),
        SignerConfig::AzureKeyVaultKey(object) => {
            let (vault, identity) = vault(azure()?, object)?;
            let keys = VaultKeys::new(vault)?;
            let key = Arc::new(NamedKey { keys, identity, object: object.clone() });
            Arc::new(RemoteSigner::new(address, key, rand::random))
        }
        SignerConfig::AzureKeyVaultSecret(object) => {
            let (vault, _) = vault(azure()?, object)?;
            let secret = Arc::new(NamedSecret { secrets: VaultSecrets::new(vault)?, object: object.clone() });
            Arc::new(InjectSigner::new(address, secret, rand::random))
        }
    })
}

/// With authorities of one's own the vault may be anywhere: nobody else's certificate is trusted then. Without them anybody can
/// have one, and only Azure's hosts are shown a token.
fn vault(azure: &AzureConfig, object: &VaultObject) -> Result<(Vault, Identity), VaultSetupError> {
    let (roots, named) = match &azure.ca_bundle {
        None => (trust::public(), None),
        Some(pem) => {
            let roots = trust::bundle(pem.as_bytes()).map_err(VaultSetupError::Bundle)?;
            (roots, Url::parse(&object.vault_url).ok())
        }
    };
    let named: Vec<String> = named.iter().filter_map(|url| url.host_str().map(str::to_owned)).collect();
    let https = Https::new(roots, LIMITS)?;
    let of = WorkloadIdentity {
        tenant_id: azure.tenant_id.clone(),
        client_id: azure.client_id.clone(),
        token_file: azure.token_file.clone().into(),
        authority_host: azure.authority_host.clone(),
    };
    let identity = Identity::workload(of, &https);
    Ok((Vault::at(&object.vault_url, &named, &identity, &https)?, identity))
}

struct NamedKey {
    keys: VaultKeys,
    identity: Identity,
    object: VaultObject,
}

impl KeyVault for NamedKey {
    fn pinned(&self) -> &str {
        &self.object.version
    }

    fn key(&self) -> BoxFuture<'_, Result<VaultKey, VaultError>> {
        self.keys.get(&self.object.name, Some(&self.object.version)).boxed()
    }

    fn newest(&self) -> BoxFuture<'_, Result<String, VaultError>> {
        async { Ok(self.keys.get(&self.object.name, None).await?.version.version) }.boxed()
    }

    fn sign<'a>(&'a self, key: &'a VaultKey, digest: B256) -> BoxFuture<'a, Result<Seal, VaultError>> {
        async move { Ok(Seal::from(self.keys.sign_recoverable(key, digest.0).await?)) }.boxed()
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), VaultError>> {
        let renewed = self.identity.refresh(AHEAD);
        async { renewed.await.map_err(|error: AzureError| VaultError::Token(error.to_string())) }.boxed()
    }
}

struct NamedSecret {
    secrets: VaultSecrets,
    object: VaultObject,
}

impl SecretVault for NamedSecret {
    fn name(&self) -> &str {
        &self.object.name
    }

    fn pinned(&self) -> &str {
        &self.object.version
    }

    fn secret(&self) -> BoxFuture<'_, Result<Zeroizing<String>, VaultError>> {
        async { Ok(self.secrets.get(&self.object.name, Some(&self.object.version)).await?.value) }.boxed()
    }

    fn newest(&self) -> BoxFuture<'_, Result<String, VaultError>> {
        async {
            let versions = self.secrets.versions(&self.object.name).await?;
            Ok(newest(&versions).map_or_else(|| self.object.version.clone(), |newest| newest.version.clone()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use chain::config::JournalConfig;

    fn opened(vault_url: &str, azure: Option<&AzureConfig>) -> Result<Arc<dyn Signer>, VaultSetupError> {
        let object =
            VaultObject { vault_url: vault_url.into(), name: "bank-a-0".into(), version: "a".into() };
        let identity = IdentityConfig {
            address: Address::repeat_byte(1),
            member: None,
            signer: SignerConfig::AzureKeyVaultKey(object),
            journal: JournalConfig::Initialise,
            fence: None,
        };
        open(&identity, azure)
    }

    fn azure(ca_bundle: Option<&str>) -> AzureConfig {
        AzureConfig {
            tenant_id: "00000000-0000-0000-0000-000000000001".into(),
            client_id: "client".into(),
            token_file: "/nowhere/token".into(),
            authority_host: None,
            ca_bundle: ca_bundle.map(str::to_owned),
        }
    }

    #[test]
    fn a_signer_of_a_vault_is_made_without_asking_anybody() {
        let signer = opened("https://bank-a.vault.azure.net", Some(&azure(None))).unwrap();
        assert_eq!(signer.address(), Address::repeat_byte(1));
        assert!(signer.is_remote() && !signer.snapshot().has_key());
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_by_the_field() {
        let refused = |url: &str, azure: Option<AzureConfig>| {
            opened(url, azure.as_ref()).err().expect("refused").to_string()
        };
        let ours = "https://bank-a.vault.azure.net";
        assert!(refused(ours, None).contains("azure is missing"));
        assert!(refused(ours, Some(azure(Some("no PEM")))).contains("azure.caBundle holds no certificate"));
        assert!(refused("http://bank-a.vault.azure.net", Some(azure(None))).contains("is not https"));
        let stranger = refused("https://bank-a.vault.azure.net.example.com", Some(azure(None)));
        assert!(stranger.contains("no host of Azure's vaults"), "{stranger}");
    }
}
