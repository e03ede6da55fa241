//! A signing account of a benchmark.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, Signature, U256, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

/// A signing account.
pub(crate) struct Sender {
    key: SecretKey,
    pub(crate) address: Address,
}

impl Sender {
    /// The account that a text names; the same in every run.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        Self::of(&keccak256(name).0)
    }

    /// The account of a secret key.
    pub(crate) fn of(secret: &[u8; 32]) -> anyhow::Result<Self> {
        let key = SecretKey::from_byte_array(*secret)?;
        let public = PublicKey::from_secret_key(SECP256K1, &key).serialize_uncompressed();
        Ok(Self { key, address: Address::from_raw_public_key(&public[1..]) })
    }

    /// Signs.
    pub(crate) fn sign(&self, tx: TxEip1559) -> TxEnvelope {
        let message = Message::from_digest(tx.signature_hash().0);
        let signature = SECP256K1.sign_ecdsa_recoverable(message, &self.key);
        let (id, bytes) = signature.serialize_compact();
        let (r, s) = bytes.split_at(32);
        let signature = Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), i32::from(id) == 1);
        tx.into_signed(signature).into()
    }
}
