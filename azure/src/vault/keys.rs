//! Keys of a vault on Ethereum's curve: made in it, never out of it.

use super::{PAGE, Tags, Vault, VaultError, Version, checked, named, recoverable};
use azure_core::{http::RequestContent, time::OffsetDateTime};
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions,
    models::{
        CreateKeyParameters, CurveName, JsonWebKey, Key, KeyClientGetKeyOptions,
        KeyClientListKeyPropertiesVersionsOptions, KeyClientSignOptions, KeyOperation, KeyType,
        SignParameters, SignatureAlgorithm,
    },
};
use k256::{EncodedPoint, FieldBytes, ecdsa::VerifyingKey};
use std::{collections::HashMap, sync::Arc};

/// Keys of one vault.
pub struct VaultKeys {
    vault: Vault,
    client: KeyClient,
}

/// Where a key is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// In a hardware module: premium vaults and managed HSMs.
    #[default]
    Hsm,
    /// In software: any vault.
    Software,
}

/// One version of a key, as far as a vault shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultKey {
    /// Its name.
    pub name: String,
    /// Which version.
    pub version: Version,
    /// What its signatures verify with.
    pub public: VerifyingKey,
}

impl VaultKeys {
    /// Asks nothing yet.
    pub fn new(vault: Vault) -> Result<Self, VaultError> {
        let options = KeyClientOptions {
            client_options: vault.https.options(),
            verify_challenge_resource: Some(vault.is_azures),
            ..KeyClientOptions::default()
        };
        let client = KeyClient::new(vault.url.as_str(), Arc::new(vault.identity.clone()), Some(options))?;
        Ok(Self { vault, client })
    }

    /// The vault's own signature over the digest itself, `r ‖ s`, `s` as it comes.
    pub async fn sign(&self, name: &str, version: &str, digest: [u8; 32]) -> Result<[u8; 64], VaultError> {
        let parameters =
            SignParameters { algorithm: Some(SignatureAlgorithm::Es256K), value: Some(digest.to_vec()) };
        let options = KeyClientSignOptions {
            key_version: Some(checked("version", version)?.to_owned()),
            ..KeyClientSignOptions::default()
        };
        let signed = self.client.sign(checked("key", name)?, content(parameters)?, Some(options)).await;
        let signed = self.vault.model(signed)?;
        let raw = signed.result.unwrap_or_default();
        raw.as_slice()
            .try_into()
            .map_err(|_| VaultError::Malformed(format!("signature of {} bytes", raw.len())))
    }

    /// `r ‖ s ‖ v` as Ethereum takes it; what does not verify with the key is an error.
    pub async fn sign_recoverable(&self, key: &VaultKey, digest: [u8; 32]) -> Result<[u8; 65], VaultError> {
        let raw = self.sign(&key.name, &key.version.version, digest).await?;
        recoverable(&raw, &digest, &key.public).map_err(|error| VaultError::Malformed(error.to_string()))
    }

    /// One version of a key, the newest when none is named.
    pub async fn get(&self, name: &str, version: Option<&str>) -> Result<VaultKey, VaultError> {
        let key_version =
            version.map(|version| checked("version", version).map(str::to_owned)).transpose()?;
        let options = KeyClientGetKeyOptions { key_version, ..KeyClientGetKeyOptions::default() };
        let found = self.client.get_key(checked("key", name)?, Some(options)).await;
        read(self.vault.model(found)?)
    }

    /// Makes a key that can sign and verify and cannot be exported; of a name that is taken, a new version.
    pub async fn create(
        &self,
        name: &str,
        protection: Protection,
        tags: Tags,
    ) -> Result<VaultKey, VaultError> {
        let parameters = CreateKeyParameters {
            kty: Some(match protection {
                Protection::Hsm => KeyType::EcHsm,
                Protection::Software => KeyType::Ec,
            }),
            curve: Some(CurveName::P256K),
            key_ops: Some(vec![KeyOperation::Sign, KeyOperation::Verify]),
            tags: (!tags.is_empty()).then(|| tags.into_iter().collect()),
            ..CreateKeyParameters::default()
        };
        let made = self.client.create_key(checked("key", name)?, content(parameters)?, None).await;
        read(self.vault.model(made)?)
    }

    /// The versions of a key.
    pub async fn versions(&self, name: &str) -> Result<Vec<Version>, VaultError> {
        let options = KeyClientListKeyPropertiesVersionsOptions {
            maxresults: Some(PAGE),
            ..KeyClientListKeyPropertiesVersionsOptions::default()
        };
        let listed = self.client.list_key_properties_versions(checked("key", name)?, Some(options));
        let pages = self.vault.pages(name, listed).await?;
        pages
            .iter()
            .flat_map(|page| &page.value)
            .map(|item| {
                let attributes = item.attributes.clone().unwrap_or_default();
                let usable = usable(attributes.enabled, (attributes.not_before, attributes.expires));
                version(item.kid.as_ref(), (usable, attributes.created), item.tags.as_ref())
            })
            .collect()
    }
}

pub(super) fn content<T>(parameters: T) -> Result<RequestContent<T>, VaultError>
where
    RequestContent<T>: TryFrom<T, Error = azure_core::Error>,
{
    Ok(RequestContent::try_from(parameters)?)
}

pub(super) fn version(
    id: Option<&String>,
    (enabled, created): (bool, Option<OffsetDateTime>),
    tags: Option<&HashMap<String, String>>,
) -> Result<Version, VaultError> {
    let (_, version) = named(id)?;
    let created = created.map_or(0, OffsetDateTime::unix_timestamp);
    let tags = tags.into_iter().flatten().map(|(tag, word)| (tag.clone(), word.clone())).collect();
    Ok(Version { version, enabled, created, tags })
}

/// Enabled, and within the time that the vault signs with it or shows it.
pub(super) fn usable(
    enabled: Option<bool>,
    (from, until): (Option<OffsetDateTime>, Option<OffsetDateTime>),
) -> bool {
    let now = OffsetDateTime::now_utc();
    enabled.unwrap_or(true) && from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until)
}

fn read(found: Key) -> Result<VaultKey, VaultError> {
    let malformed = |what: &str| VaultError::Malformed(what.to_owned());
    let key = found.key.ok_or_else(|| malformed("no key"))?;
    let attributes = found.attributes.unwrap_or_default();
    let (name, _) = named(key.kid.as_ref())?;
    let usable = usable(attributes.enabled, (attributes.not_before, attributes.expires));
    let version = version(key.kid.as_ref(), (usable, attributes.created), found.tags.as_ref())?;
    Ok(VaultKey { name, version, public: point(&key)? })
}

/// Vaults leave the zeros out that a coordinate begins with.
fn point(key: &JsonWebKey) -> Result<VerifyingKey, VaultError> {
    let malformed = |what: &str| VaultError::Malformed(what.to_owned());
    if key.crv != Some(CurveName::P256K) {
        return Err(malformed("a key of another curve than P-256K; make one with that curve"));
    }
    let coordinate = |bytes: Option<&Vec<u8>>| {
        let bytes = bytes.map(Vec::as_slice).unwrap_or_default();
        let missing =
            32_usize.checked_sub(bytes.len()).ok_or_else(|| malformed("a coordinate above 32 bytes"))?;
        let mut padded = FieldBytes::default();
        padded[missing..].copy_from_slice(bytes);
        Ok::<_, VaultError>(padded)
    };
    let point = EncodedPoint::from_affine_coordinates(
        &coordinate(key.x.as_ref())?,
        &coordinate(key.y.as_ref())?,
        false,
    );
    VerifyingKey::from_encoded_point(&point).map_err(|_| malformed("coordinates of no point on the curve"))
}

#[cfg(test)]
mod tests {
    use super::{point, read};
    use azure_core::time::{Duration, OffsetDateTime};
    use azure_security_keyvault_keys::models::{CurveName, JsonWebKey, Key, KeyAttributes};
    use k256::ecdsa::SigningKey;

    /// As a vault shows it, with or without the zeros that its coordinates begin with.
    fn shown(key: &SigningKey, padded: bool) -> JsonWebKey {
        let point = key.verifying_key().to_encoded_point(false);
        let bytes = |coordinate: &[u8]| {
            let zeros = coordinate.iter().take_while(|byte| **byte == 0).count();
            Some(coordinate[if padded { 0 } else { zeros }..].to_vec())
        };
        JsonWebKey {
            crv: Some(CurveName::P256K),
            kid: Some("https://bank-a.vault.azure.net/keys/bank-a-0/0a1b".to_owned()),
            x: bytes(point.x().expect("x")),
            y: bytes(point.y().expect("y")),
            ..JsonWebKey::default()
        }
    }

    #[test]
    fn coordinates_are_read_with_and_without_the_zeros_they_begin_with() {
        let mut short = 0;
        for number in 1..=600_u16 {
            let mut secret = [1; 32];
            secret[30..].copy_from_slice(&number.to_be_bytes());
            let key = SigningKey::from_slice(&secret).expect("a key");
            let bare = shown(&key, false);
            short += usize::from(bare.x.as_ref().expect("x").len() < 32);
            for shown in [bare, shown(&key, true)] {
                assert_eq!(&point(&shown).expect("a point"), key.verifying_key());
            }
        }
        assert!(short > 0, "some coordinate begins with a zero");
    }

    #[test]
    fn what_is_no_key_of_the_curve_is_refused() {
        let key = SigningKey::from_slice(&[1; 32]).expect("a key");
        let wrong = |change: fn(&mut JsonWebKey)| {
            let mut shown = shown(&key, true);
            change(&mut shown);
            point(&shown).expect_err("refused").to_string()
        };
        assert!(wrong(|key| key.crv = Some(CurveName::P256)).contains("P-256K"));
        assert!(wrong(|key| key.x = Some(vec![1; 33])).contains("above 32 bytes"));
        assert!(wrong(|key| key.x = Some(vec![1; 32])).contains("no point"));
        assert!(wrong(|key| key.y = None).contains("no point"));
    }

    #[test]
    fn a_key_has_its_version_and_says_whether_it_may_be_used() {
        let key = SigningKey::from_slice(&[1; 32]).expect("a key");
        let mut found = Key::default();
        found.key = Some(shown(&key, true));
        found.attributes = Some(KeyAttributes { enabled: Some(false), ..KeyAttributes::default() });
        let read = read(found).expect("a key");
        assert_eq!((read.name.as_str(), read.version.version.as_str()), ("bank-a-0", "0a1b"));
        assert!(!read.version.enabled);
        let (now, day) = (OffsetDateTime::now_utc(), Duration::days(1));
        for (from, until, is_usable) in [
            (None, None, true),
            (Some(now - day), Some(now + day), true),
            (Some(now + day), None, false),
            (None, Some(now - day), false),
        ] {
            assert_eq!(super::usable(Some(true), (from, until)), is_usable, "{from:?} {until:?}");
            assert!(!super::usable(Some(false), (from, until)));
        }
        assert!(super::read(Key::default()).is_err());
    }
}
