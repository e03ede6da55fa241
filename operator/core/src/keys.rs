//! Keys in Secrets: read and checked here, made by the shell (which has randomness), never changed once stored.

mod record;

pub use record::recorded;

use crate::{
    names::{
        ADDRESS, FENCE, FLEET, JOURNAL_ID, MANAGED_BY, NETWORK, NODE, NODE_ID, RECORDED, SECRET_ADDRESS,
        SECRET_KEY, SECRET_NODE_ID, VAULT_KEY,
    },
    vault::KeyId,
};
use alloy_primitives::{Address, B256, B512, hex, keccak256};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use k256::ecdsa::{SigningKey, VerifyingKey};

/// A key and what follows from it.
#[derive(Clone)]
pub struct Key {
    /// The private key.
    pub signing: SigningKey,
    /// Its address.
    pub address: Address,
    /// Its uncompressed public key without the `04` prefix.
    pub public: B512,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.address)
    }
}

impl Key {
    /// What follows from a private key.
    #[must_use]
    pub fn new(signing: SigningKey) -> Self {
        let public = coordinates(signing.verifying_key());
        Self { address: Address::from_slice(&keccak256(public)[12..]), signing, public }
    }

    /// The private key as it stands in a Secret.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.signing.to_bytes())
    }
}

fn coordinates(public: &VerifyingKey) -> B512 {
    B512::from_slice(&public.to_encoded_point(false).as_bytes()[1..])
}

/// Address of a public key.
#[must_use]
pub fn address_of(public: &VerifyingKey) -> Address {
    Address::from_slice(&keccak256(coordinates(public))[12..])
}

/// What is known of a stored key without the key itself, which stays in its Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its address.
    pub address: Address,
    /// Its uncompressed public key without the `04` prefix; an identity whose Secret needs no reading tells its address only.
    pub public: Option<B512>,
}

impl From<&Key> for PublicKey {
    fn from(key: &Key) -> Self {
        Self { address: key.address, public: Some(key.public) }
    }
}

/// What the annotations of a Secret of ours say of its key; `None` when they do not say it.
#[must_use]
pub fn announced(metadata: &ObjectMeta) -> Option<PublicKey> {
    let annotation = |key: &str| metadata.annotations.as_ref()?.get(key);
    if let Some(public) = annotation(NODE_ID).and_then(|text| text.parse::<B512>().ok()) {
        let address = Address::from_slice(&keccak256(public)[12..]);
        return Some(PublicKey { address, public: Some(public) });
    }
    let address = annotation(ADDRESS)?.parse().ok()?;
    Some(PublicKey { address, public: None })
}

/// The key in a vault that a Secret of ours stands for, as its annotations say.
#[must_use]
pub fn announced_id(metadata: &ObjectMeta) -> Option<KeyId> {
    metadata.annotations.as_ref()?.get(VAULT_KEY)?.parse().ok()
}

/// Why a Secret is refused. It is never changed: a person must repair or remove it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No `key`.
    #[error("Secret {secret} has no data.{SECRET_KEY}; it needs the private key as 64 hex digits")]
    Missing {
        /// Its name.
        secret: String,
    },
    /// `key` is not a private key.
    #[error("Secret {secret}: data.{SECRET_KEY} is not a secp256k1 private key of 64 hex digits")]
    Key {
        /// Its name.
        secret: String,
    },
    /// What stands beside the key belongs to another.
    #[error("Secret {secret}: data.{field} is {got}, but data.{SECRET_KEY} belongs to {want}")]
    Mismatch {
        /// Its name.
        secret: String,
        /// Which entry.
        field: &'static str,
        /// Found.
        got: String,
        /// What the key gives.
        want: String,
    },
    /// It stands for a key in a vault, and does not say for which.
    #[error(
        "Secret {secret} stands for a key in a vault: it needs data.address and data.keyId, https://<vault>/keys/<name>/<version>"
    )]
    Record {
        /// Its name.
        secret: String,
    },
    /// The key is somewhere else than the spec says.
    #[error(
        "Secret {secret}: the key that it stands for is {got}, and the spec says {want}; keys do not move, so give the object another name, or the spec that it had"
    )]
    Elsewhere {
        /// Its name.
        secret: String,
        /// Found.
        got: String,
        /// What the spec says.
        want: String,
    },
    /// The recorded journal id is not a hash.
    #[error("Secret {secret}: annotation {JOURNAL_ID} is {got:?}, expected 0x and 64 hex digits")]
    Journal {
        /// Its name.
        secret: String,
        /// Found.
        got: String,
    },
}

/// Reads a key Secret and checks that its parts belong together.
pub fn read(secret: &Secret) -> Result<Key, SecretError> {
    let name = || secret.metadata.name.clone().unwrap_or_default();
    let text = entry(secret, SECRET_KEY).ok_or_else(|| SecretError::Missing { secret: name() })?;
    let signing = hex::decode(text.trim())
        .ok()
        .and_then(|bytes| SigningKey::from_slice(&bytes).ok())
        .ok_or_else(|| SecretError::Key { secret: name() })?;
    let key = Key::new(signing);
    let expected = [(SECRET_ADDRESS, key.address.to_string()), (SECRET_NODE_ID, hex::encode(key.public))];
    for (field, want) in expected {
        match entry(secret, field) {
            Some(got) if !got.trim().eq_ignore_ascii_case(&want) => {
                return Err(SecretError::Mismatch { secret: name(), field, got, want });
            }
            _ => {}
        }
    }
    Ok(key)
}

/// The journal recorded beside an identity.
pub fn journal(metadata: &ObjectMeta) -> Result<Option<B256>, SecretError> {
    let Some(got) = metadata.annotations.as_ref().and_then(|all| all.get(JOURNAL_ID)) else {
        return Ok(None);
    };
    let name = || metadata.name.clone().unwrap_or_default();
    got.parse().map(Some).map_err(|_| SecretError::Journal { secret: name(), got: got.clone() })
}

/// Whether the fence has had a record of an identity.
#[must_use]
pub fn is_recorded(metadata: &ObjectMeta) -> bool {
    metadata.annotations.as_ref().and_then(|all| all.get(FENCE)).is_some_and(|value| value == RECORDED)
}

/// Whether a node's Secret carries what it is found by.
#[must_use]
pub fn is_labelled(metadata: &ObjectMeta) -> bool {
    let has = |map: &Option<std::collections::BTreeMap<String, String>>, key: &str| {
        map.as_ref().is_some_and(|map| map.contains_key(key))
    };
    let annotated = has(&metadata.annotations, ADDRESS) || has(&metadata.annotations, NODE_ID);
    annotated && [MANAGED_BY, NETWORK, FLEET, NODE].iter().all(|label| has(&metadata.labels, label))
}

fn entry(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    String::from_utf8(bytes.0.clone()).ok()
}

#[cfg(test)]
mod tests;
