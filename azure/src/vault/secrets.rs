//! Secrets of a vault.

use super::{PAGE, Tags, Vault, VaultError, Version, checked, keys};
use azure_security_keyvault_secrets::{
    SecretClient, SecretClientOptions,
    models::{
        SecretClientGetSecretOptions, SecretClientListSecretPropertiesVersionsOptions, SetSecretParameters,
    },
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Secrets of one vault.
pub struct VaultSecrets {
    vault: Vault,
    client: SecretClient,
}

/// A secret that was read. It has no `Debug`, and wipes itself.
pub struct Secret {
    /// What is kept.
    pub value: Zeroizing<String>,
    /// Which version of it.
    pub version: Version,
}

impl VaultSecrets {
    /// Asks nothing yet.
    pub fn new(vault: Vault) -> Result<Self, VaultError> {
        let options = SecretClientOptions {
            client_options: vault.https.options(),
            verify_challenge_resource: Some(vault.is_azures),
            ..SecretClientOptions::default()
        };
        let client = SecretClient::new(vault.url.as_str(), Arc::new(vault.identity.clone()), Some(options))?;
        Ok(Self { vault, client })
    }

    /// One version of a secret, the newest when none is named.
    pub async fn get(&self, name: &str, version: Option<&str>) -> Result<Secret, VaultError> {
        let secret_version =
            version.map(|version| checked("version", version).map(str::to_owned)).transpose()?;
        let options =
            SecretClientGetSecretOptions { secret_version, ..SecretClientGetSecretOptions::default() };
        let found = self.client.get_secret(checked("secret", name)?, Some(options)).await;
        let found = self.vault.model(found)?;
        let value = Zeroizing::new(found.value.unwrap_or_default());
        let attributes = found.attributes.unwrap_or_default();
        let usable = keys::usable(attributes.enabled, (attributes.not_before, attributes.expires));
        let version = keys::version(found.id.as_ref(), (usable, attributes.created), found.tags.as_ref())?;
        Ok(Secret { value, version })
    }

    /// Keeps a secret; of a name that is taken, a new version.
    pub async fn set(
        &self,
        name: &str,
        value: &Zeroizing<String>,
        tags: Tags,
    ) -> Result<Version, VaultError> {
        let parameters = SetSecretParameters {
            value: Some(String::clone(value)),
            tags: (!tags.is_empty()).then(|| tags.into_iter().collect()),
            ..SetSecretParameters::default()
        };
        let kept = self.client.set_secret(checked("secret", name)?, keys::content(parameters)?, None).await;
        let kept = self.vault.model(kept)?;
        drop(Zeroizing::new(kept.value.unwrap_or_default()));
        let attributes = kept.attributes.unwrap_or_default();
        let usable = keys::usable(attributes.enabled, (attributes.not_before, attributes.expires));
        keys::version(kept.id.as_ref(), (usable, attributes.created), kept.tags.as_ref())
    }

    /// The versions of a secret, without what they hold.
    pub async fn versions(&self, name: &str) -> Result<Vec<Version>, VaultError> {
        let options = SecretClientListSecretPropertiesVersionsOptions {
            maxresults: Some(PAGE),
            ..SecretClientListSecretPropertiesVersionsOptions::default()
        };
        let listed = self.client.list_secret_properties_versions(checked("secret", name)?, Some(options));
        let pages = self.vault.pages(name, listed).await?;
        pages
            .iter()
            .flat_map(|page| &page.value)
            .map(|item| {
                let attributes = item.attributes.clone().unwrap_or_default();
                let usable = keys::usable(attributes.enabled, (attributes.not_before, attributes.expires));
                keys::version(item.id.as_ref(), (usable, attributes.created), item.tags.as_ref())
            })
            .collect()
    }
}
