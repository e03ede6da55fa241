//! A key's backup: bytes that only a vault of the same kind can make anything of.

use super::{About, KeyVersion, Vault};
use crate::{refusal::Refusal, seeded::keyed};
use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use data_encoding::BASE64URL_NOPAD;
use hmac::Mac as _;
use k256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What all doubles share, as vaults of one geography do.
const GEOGRAPHY: &[u8] = b"geography of the vault doubles";
const NONCE: usize = 16;
const MAC: usize = 32;

#[derive(Serialize, Deserialize)]
struct Backup {
    name: String,
    versions: Vec<Version>,
}

#[derive(Serialize, Deserialize)]
struct Version {
    about: About,
    kty: String,
    operations: Vec<String>,
    key: String,
}

impl Vault {
    /// The backup of a key, all versions.
    pub(crate) fn back_up(&self, name: &str) -> Result<String, Refusal> {
        let version = |version: &KeyVersion| Version {
            about: version.about.clone(),
            kty: version.kty.clone(),
            operations: version.operations.clone(),
            key: hex::encode(version.signing.to_bytes()),
        };
        let versions = self.key_versions(name)?.iter().map(version).collect();
        let backup = Backup { name: name.to_owned(), versions };
        let text = serde_json::to_vec(&backup).map_err(|_| Refusal::unavailable())?;
        let nonce = self.seed.bytes(&[b"backup", &text]);
        Ok(BASE64URL_NOPAD.encode(&closed(text, &nonce[..NONCE])?))
    }

    /// The key of a backup put back, in a vault that has none of that name. Gives the name.
    pub(crate) fn restore(&mut self, backup: &str) -> Result<String, Refusal> {
        let wrong = || Refusal::bad("The backup blob is of no vault that this one knows.");
        let bytes = BASE64URL_NOPAD.decode(backup.trim_end_matches('=').as_bytes()).map_err(|_| wrong())?;
        let text = opened(&bytes).ok_or_else(wrong)?;
        let backup: Backup = serde_json::from_slice(&text).map_err(|_| wrong())?;
        let mut versions = Vec::with_capacity(backup.versions.len());
        for Version { about, kty, operations, key } in backup.versions {
            let bytes = hex::decode(key).map_err(|_| wrong())?;
            let signing = SigningKey::from_slice(&bytes).map_err(|_| wrong())?;
            versions.push(KeyVersion { about, kty, operations, signing });
        }
        self.put_back(&backup.name, versions)?;
        Ok(backup.name)
    }
}

/// `nonce ‖ ciphertext ‖ MAC`.
fn closed(mut text: Vec<u8>, nonce: &[u8]) -> Result<Vec<u8>, Refusal> {
    apply(&mut text, nonce).ok_or_else(Refusal::unavailable)?;
    let mut bytes = nonce.to_vec();
    bytes.extend_from_slice(&text);
    let mac = keyed(GEOGRAPHY).chain_update(&bytes).finalize().into_bytes();
    bytes.extend_from_slice(&mac);
    Ok(bytes)
}

fn opened(bytes: &[u8]) -> Option<Vec<u8>> {
    let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
    keyed(GEOGRAPHY).chain_update(body).verify_slice(tag).ok()?;
    let (nonce, text) = body.split_at_checked(NONCE)?;
    let mut text = text.to_vec();
    apply(&mut text, nonce)?;
    Some(text)
}

fn apply(text: &mut [u8], nonce: &[u8]) -> Option<()> {
    let key = Sha256::digest(GEOGRAPHY);
    let mut cipher = ctr::Ctr64BE::<aes::Aes256>::new_from_slices(&key, nonce).ok()?;
    cipher.try_apply_keystream(text).ok()
}
