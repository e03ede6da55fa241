//! Keys, and what is signed with them: votes, seals, seat proofs and transactions.

use super::RealBlock;
use crate::{
    governance::{Call, Proof, draw::Cast},
    rng::mix,
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, keccak256};
use chain::{
    Seal,
    governance::{GOVERNANCE, seat_digest, seat_signature},
    signature::seal_from,
};
use k256::ecdsa::SigningKey;
use ledger::{Recovered, Transaction};
use qbft::{Ecdsa, Encoding, Signed, Unsigned, Verified};
use std::{collections::HashMap, convert::Infallible, sync::Arc};

pub(super) const CHAIN_ID: u64 = 10_101;
/// Gas of a transaction: the costliest call of a small consortium takes far less.
const GAS: u64 = 6_000_000;
const ADMINS: u64 = 12;
const OPERATORS: u64 = 20;

/// Every key of one network.
#[derive(Debug)]
pub(super) struct Accounts {
    keys: HashMap<Address, SigningKey>,
    pub(super) cast: Cast,
}

fn key(kind: u64, number: u64) -> Option<SigningKey> {
    let word = mix(kind << 32 | number);
    SigningKey::from_slice(keccak256(word.to_be_bytes()).as_slice()).ok()
}

impl Accounts {
    pub(super) fn new(seats: usize) -> Self {
        let mut keys = HashMap::new();
        let mut make = |kind: u64, count: u64| -> Vec<Address> {
            let made = (0..count).filter_map(|number| key(kind, number));
            made.map(|key| {
                let address = Address::from_private_key(&key);
                keys.insert(address, key);
                address
            })
            .collect()
        };
        let cast = Cast {
            identities: make(1, seats as u64),
            admins: make(2, ADMINS),
            operators: make(3, OPERATORS),
        };
        Self { keys, cast }
    }

    fn sign(&self, account: Address, hash: B256) -> Option<Signature> {
        let (signature, recovery) =
            self.keys.get(&account)?.sign_prehash_recoverable(hash.as_slice()).ok()?;
        Some(Signature::from((signature, recovery)))
    }

    /// A signature in the form of messages and headers; nobody's for an account that is not ours.
    pub(super) fn seal(&self, account: Address, hash: B256) -> Seal {
        self.sign(account, hash).map_or(Seal::ZERO, |signature| seal_from(&signature))
    }

    /// Signs a message's payload; a COMMIT keeps the seal that is in it. What an identity that is not ours says is lost on
    /// the wire.
    pub(super) fn vote<P: Clone>(
        &self,
        identity: Address,
        payload: P,
        unsigned: &Unsigned<RealBlock>,
        commit_seal: Option<Seal>,
    ) -> Verified<P> {
        let (mut signing_hash, mut inner) = (B256::ZERO, commit_seal);
        let signatures = unsigned.sign_with::<Infallible>(Encoding::Besu26, |hash| {
            Ok(inner.take().unwrap_or_else(|| {
                signing_hash = hash;
                self.seal(identity, hash)
            }))
        });
        let Ok(signatures) = signatures;
        let signed = Signed { payload: payload.clone(), signing_hash, signature: signatures.message };
        signed.authenticate::<Ecdsa>().unwrap_or_else(|_| Verified::symbolic(payload, identity))
    }

    /// A call as a transaction; `hash_of` knows the blocks that a proof may cite.
    pub(super) fn transaction(
        &self,
        sender: Address,
        nonce: u64,
        call: &Call,
        hash_of: impl Fn(u64) -> Option<B256>,
    ) -> Option<Recovered> {
        let input = call.encode(|identity, proof| self.proof(identity, proof, hash_of(proof.block)));
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit: GAS,
            to: TxKind::Call(GOVERNANCE),
            input,
            ..TxEip1559::default()
        };
        let signature = self.sign(sender, tx.signature_hash())?;
        let tx = Transaction::from(tx.into_signed(signature));
        Some(Recovered { hash: *tx.tx_hash(), sender, tx: Arc::new(tx) })
    }

    fn proof(&self, identity: Address, proof: &Proof, cited: Option<B256>) -> Bytes {
        let elsewhere = B256::repeat_byte(0xee);
        let hash = cited.filter(|_| proof.is_of_this_chain).unwrap_or(elsewhere);
        let digest = seat_digest(CHAIN_ID, proof.member, identity, proof.block, hash);
        seat_signature(&self.seal(proof.signer, digest))
    }
}
