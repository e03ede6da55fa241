//! An account that signs transactions of types 0 and 2 with zero fees.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, keccak256};
use anyhow::{Result, anyhow};
use k256::ecdsa::SigningKey;

/// Gas offered by every transaction here; far above what they use.
const GAS: u64 = 3_000_000;

/// A secp256k1 account; needs no balance on a network without a gas price.
#[derive(Clone)]
pub struct Account {
    key: SigningKey,
    /// Its address.
    pub address: Address,
    chain_id: u64,
}

impl Account {
    /// The account whose key is the hash of `seed`: the same one for the same seed.
    pub fn from_seed(seed: &str, chain_id: u64) -> Result<Self> {
        let key =
            SigningKey::from_slice(keccak256(seed).as_slice()).map_err(|e| anyhow!("key of {seed}: {e}"))?;
        let address = Address::from_public_key(key.verifying_key());
        Ok(Self { key, address, chain_id })
    }

    /// A raw type-2 transaction and its hash.
    pub fn eip1559(&self, nonce: u64, to: TxKind, input: Bytes) -> Result<(Bytes, B256)> {
        self.sign(TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: GAS,
            to,
            input,
            ..TxEip1559::default()
        })
    }

    /// A raw type-0 transaction and its hash.
    pub fn legacy(&self, nonce: u64, to: TxKind, input: Bytes) -> Result<(Bytes, B256)> {
        self.sign(TxLegacy {
            chain_id: Some(self.chain_id),
            nonce,
            gas_limit: GAS,
            to,
            input,
            ..TxLegacy::default()
        })
    }

    fn sign<T>(&self, tx: T) -> Result<(Bytes, B256)>
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let (signature, id) = self.key.sign_prehash_recoverable(tx.signature_hash().as_slice())?;
        let envelope = TxEnvelope::from(tx.into_signed(Signature::from((signature, id))));
        let hash = *envelope.tx_hash();
        Ok((envelope.encoded_2718().into(), hash))
    }
}
