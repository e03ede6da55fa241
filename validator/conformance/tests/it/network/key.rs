//! Keys made from names, so that the network is the same whenever it is written.

use super::plan::Who;
use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_primitives::{Address, B256, Signature, keccak256};
use ledger::Recovered;
use secp256k1::{Message, SECP256K1, SecretKey};
use std::sync::Arc;

pub(crate) struct Key {
    key: SecretKey,
    pub(crate) address: Address,
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        let key = SecretKey::from_byte_array(keccak256(name).0).unwrap();
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        Self { key, address: Address::from_slice(&keccak256(&public[1..])[12..]) }
    }

    pub(crate) fn sign(&self, hash: B256) -> Signature {
        let message = Message::from_digest(hash.0);
        let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(message, &self.key).serialize_compact();
        Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1)
    }

    pub(crate) fn transaction<T: SignableTransaction<Signature>>(&self, tx: T) -> Recovered
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.sign(tx.signature_hash());
        let tx = TxEnvelope::from(tx.into_signed(signature));
        Recovered { hash: *tx.tx_hash(), sender: self.address, tx: Arc::new(tx) }
    }
}

/// Those of all that ever seal.
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    pub(crate) fn new() -> Self {
        let mut keys: Vec<Key> = (1..=6).map(|n| Key::new(&format!("validator {n}"))).collect();
        keys.sort_by_key(|key| key.address);
        Self(keys)
    }

    pub(crate) fn of(&self, who: Who) -> &Key {
        &self.0[who as usize]
    }

    pub(crate) fn addresses(&self, all: &[Who]) -> Vec<Address> {
        all.iter().map(|who| self.of(*who).address).collect()
    }
}
