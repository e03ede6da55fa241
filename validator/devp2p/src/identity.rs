//! A node's key and its public half, which is its name on the network.

use alloy_primitives::{Address, B512, keccak256};
use secp256k1::{PublicKey, SecretKey};
use std::fmt;

/// A node's identity: its uncompressed public key without the `04` prefix.
pub type PeerId = B512;

/// A node's secp256k1 key; its bytes are overwritten when it is dropped and never printed.
#[derive(Clone)]
pub struct NodeKey(SecretKey);

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Zero or not below the group order.
    #[error(
        "p2p key is not a valid secp256k1 secret key; give 32 random bytes, neither zero nor above the group order"
    )]
    Secret,
    /// Not a point of the curve.
    #[error("peer id is not a point of secp256k1; copy the enode again from the peer's own output")]
    Public,
}

impl NodeKey {
    /// Takes the 32 bytes of a key file.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, IdentityError> {
        SecretKey::from_byte_array(bytes).map(Self).map_err(|_| IdentityError::Secret)
    }

    /// Makes a fresh key from the operating system's randomness.
    #[must_use]
    pub fn random() -> Self {
        Self(SecretKey::new(&mut rand::rng()))
    }

    /// The account of this key: with one key for p2p and votes, the validator.
    #[must_use]
    pub fn address(&self) -> Address {
        address(&self.id())
    }

    /// The public half.
    #[must_use]
    pub fn id(&self) -> PeerId {
        peer_id(&self.public())
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_secret_key_global(&self.0)
    }

    pub(crate) const fn secret(&self) -> &SecretKey {
        &self.0
    }
}

impl Drop for NodeKey {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.id())
    }
}

/// Name of the holder of a key.
pub(crate) fn peer_id(key: &PublicKey) -> PeerId {
    let bytes = key.serialize_uncompressed();
    let mut id = PeerId::ZERO;
    id.copy_from_slice(&bytes[1..]);
    id
}

/// Account of the holder of a key.
pub(crate) fn address(id: &PeerId) -> Address {
    Address::from_slice(&keccak256(id)[12..])
}

/// Key behind a name.
pub(crate) fn public_key(id: &PeerId) -> Result<PublicKey, IdentityError> {
    let mut bytes = [4u8; 65];
    bytes[1..].copy_from_slice(id.as_slice());
    PublicKey::from_byte_array_uncompressed(bytes).map_err(|_| IdentityError::Public)
}
