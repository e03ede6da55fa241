//! New keys from the system's randomness.

use k256::ecdsa::SigningKey;
use operator_core::keys::Key;
use rand::{TryRngCore, rngs::OsRng};
use zeroize::Zeroizing;

/// A new secp256k1 key.
pub(crate) fn key() -> Result<Key, k256::ecdsa::Error> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    OsRng.try_fill_bytes(&mut *bytes).map_err(k256::ecdsa::Error::from_source)?;
    SigningKey::from_slice(&*bytes).map(Key::new)
}
