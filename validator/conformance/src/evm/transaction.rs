//! The transaction of a state test: as signed in the file, else from its parts, signed with the key beside them.

use super::fields::{Hex, Number};
use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
    transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::{
    eip2718::Decodable2718,
    eip2930::AccessList,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Signature, TxKind};
use ledger::Transaction;
use secp256k1::{Message, SECP256K1, SecretKey};
use serde::Deserialize;

/// Parts that the cases of a test choose from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parts {
    data: Vec<Hex>,
    gas_limit: Vec<Number>,
    value: Vec<serde_json::Value>,
    nonce: Number,
    #[serde(default)]
    gas_price: Option<Number>,
    #[serde(default)]
    max_fee_per_gas: Option<Number>,
    #[serde(default)]
    max_priority_fee_per_gas: Option<Number>,
    #[serde(default)]
    max_fee_per_blob_gas: Option<Number>,
    #[serde(default)]
    blob_versioned_hashes: Vec<B256>,
    #[serde(default)]
    access_lists: Vec<Option<AccessList>>,
    #[serde(default)]
    authorization_list: Option<Vec<Authority>>,
    #[serde(default)]
    to: String,
    #[serde(default)]
    secret_key: Option<B256>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authority {
    chain_id: Number,
    address: Address,
    nonce: Number,
    v: Number,
    r: Number,
    s: Number,
}

/// Which parts a case takes.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Indexes {
    data: usize,
    gas: usize,
    value: usize,
}

/// Decodes what a block or a pool would be given; anything after it refuses it.
pub fn decode(bytes: &[u8]) -> Result<Transaction, String> {
    let mut rest = bytes;
    let tx = Transaction::decode_2718(&mut rest).map_err(|error| error.to_string())?;
    if rest.is_empty() { Ok(tx) } else { Err(format!("{} bytes after the transaction", rest.len())) }
}

impl Parts {
    /// The transaction of a case, signed.
    pub fn signed(&self, chain_id: u64, indexes: Indexes) -> Result<Transaction, String> {
        let key = self.secret_key.ok_or("no secretKey")?;
        let key = SecretKey::from_byte_array(key.0).map_err(|error| error.to_string())?;
        let missing = |what: &str| format!("no {what} at its index");
        let data = self.data.get(indexes.data).ok_or_else(|| missing("data"))?.0.clone();
        let gas_limit = self.gas_limit.get(indexes.gas).ok_or_else(|| missing("gasLimit"))?.u64();
        let value = self.value.get(indexes.value).ok_or_else(|| missing("value"))?;
        let value: Number = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        let list = self.access_lists.get(indexes.data).cloned().flatten();
        let to = if self.to.is_empty() {
            TxKind::Create
        } else {
            TxKind::Call(self.to.parse().map_err(|_| format!("no address: {}", self.to))?)
        };
        let has_list = list.is_some();
        // Everything that a type has without blobs and authorisations; the other types take what they have of it.
        let most = TxEip1559 {
            chain_id,
            nonce: self.nonce.u64(),
            gas_limit,
            max_fee_per_gas: self.max_fee_per_gas.unwrap_or_default().u128(),
            max_priority_fee_per_gas: self.max_priority_fee_per_gas.unwrap_or_default().u128(),
            to,
            value: value.0,
            access_list: list.unwrap_or_default(),
            input: data,
        };
        if self.authorization_list.is_some() {
            Ok(sign(self.with_authorizations(most)?, &key))
        } else if self.max_fee_per_blob_gas.is_some() {
            Ok(sign(self.with_blobs(most)?, &key))
        } else if self.max_fee_per_gas.is_some() {
            Ok(sign(most, &key))
        } else if has_list {
            Ok(sign(self.with_price(most), &key))
        } else {
            Ok(sign(self.plain(most), &key))
        }
    }

    fn with_authorizations(&self, tx: TxEip1559) -> Result<TxEip7702, String> {
        Ok(TxEip7702 {
            to: callee(tx.to)?,
            authorization_list: self.authorization_list.iter().flatten().map(Authority::signed).collect(),
            chain_id: tx.chain_id,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.max_fee_per_gas,
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas,
            value: tx.value,
            access_list: tx.access_list,
            input: tx.input,
        })
    }

    fn with_blobs(&self, tx: TxEip1559) -> Result<TxEip4844, String> {
        Ok(TxEip4844 {
            to: callee(tx.to)?,
            blob_versioned_hashes: self.blob_versioned_hashes.clone(),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.unwrap_or_default().u128(),
            chain_id: tx.chain_id,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.max_fee_per_gas,
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas,
            value: tx.value,
            access_list: tx.access_list,
            input: tx.input,
        })
    }

    fn with_price(&self, tx: TxEip1559) -> TxEip2930 {
        TxEip2930 {
            chain_id: tx.chain_id,
            nonce: tx.nonce,
            gas_price: self.gas_price.unwrap_or_default().u128(),
            gas_limit: tx.gas_limit,
            to: tx.to,
            value: tx.value,
            access_list: tx.access_list,
            input: tx.input,
        }
    }

    /// Without a chain id, which the oldest forks do not know.
    fn plain(&self, tx: TxEip1559) -> TxLegacy {
        TxLegacy {
            chain_id: None,
            nonce: tx.nonce,
            gas_price: self.gas_price.unwrap_or_default().u128(),
            gas_limit: tx.gas_limit,
            to: tx.to,
            value: tx.value,
            input: tx.input,
        }
    }
}

fn callee(to: TxKind) -> Result<Address, String> {
    to.to().copied().ok_or_else(|| "a transaction of this type cannot create a contract".to_string())
}

impl Authority {
    fn signed(&self) -> SignedAuthorization {
        let unsigned =
            Authorization { chain_id: self.chain_id.0, address: self.address, nonce: self.nonce.u64() };
        let parity = u8::try_from(self.v.u64()).unwrap_or(u8::MAX);
        SignedAuthorization::new_unchecked(unsigned, parity, self.r.0, self.s.0)
    }
}

fn sign<T: SignableTransaction<Signature> + RlpEcdsaEncodableTx>(tx: T, key: &SecretKey) -> Transaction
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let message = Message::from_digest(tx.signature_hash().0);
    let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(message, key).serialize_compact();
    let signature = Signature::from_bytes_and_parity(&bytes, i32::from(id) == 1);
    tx.into_signed(signature).into()
}
