//! Who signed a transaction, when a peer says who: checked against keys that are known already, many signatures at once.
//!
//! Recovering a key costs two products of a point with a 256-bit number. A consortium has few senders, and their keys repeat;
//! that all of many signatures hold can then be told from one sum in which chance weighs each of them, at half the price or
//! less. A sum that does not vanish, or signatures too few to be worth one, are recovered one by one, so the answer is
//! always exact. Soundness: a false signature passes with a chance of 2^-127, whoever chose it, as weights are drawn after.

mod batch;
mod field;
mod point;
mod sum;

use alloy_consensus::{TxEnvelope, crypto::SECP256K1N_HALF};
use alloy_primitives::Address;
use batch::{Key, Signed, all_hold};
use lru::LruCache;
use parking_lot::Mutex;
use rand::RngCore;
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use std::{num::NonZeroUsize, sync::Arc};

/// Keys kept, at about 300 bytes each.
const KEYS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Signatures below which a sum is not worth it.
const LEAST: usize = 48;

/// Public keys by account, the least recently used forgotten first.
pub struct Keys(Mutex<LruCache<Address, Arc<Key>>>);

impl Default for Keys {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEYS)))
    }
}

impl Keys {
    /// Which transactions were signed by the accounts that are said to have signed them, in order. Signatures with a high
    /// `s` (EIP-2) are nobody's.
    pub fn check(&self, claims: &[(&TxEnvelope, Address)], chance: &mut impl RngCore) -> Vec<bool> {
        let signed: Vec<Option<Signed>> = claims.iter().map(|(tx, _)| signed(tx)).collect();
        let keys: Vec<Option<Arc<Key>>> = {
            let mut known = self.0.lock();
            claims.iter().map(|(_, sender)| known.get(sender).map(Arc::clone)).collect()
        };
        let both = signed.iter().zip(&keys).filter_map(|(signed, key)| signed.as_ref().zip(key.as_deref()));
        let both: Vec<(&Signed, &Key)> = both.collect();
        let hold = both.len() >= LEAST && all_hold(&both, chance) == Some(true);
        let one = |signed: &Signed, key: Option<&Arc<Key>>, sender: Address| {
            (hold && key.is_some()) || self.recover(signed) == Some(sender)
        };
        let each = signed.iter().zip(&keys).zip(claims);
        each.map(|((signed, key), (_, sender))| {
            signed.as_ref().is_some_and(|signed| one(signed, key.as_ref(), *sender))
        })
        .collect()
    }

    /// The account that signed, whose key is known from now on.
    fn recover(&self, signed: &Signed) -> Option<Address> {
        let id = if signed.odd { RecoveryId::One } else { RecoveryId::Zero };
        let bytes = [signed.r, signed.s].concat();
        let signature = RecoverableSignature::from_compact(&bytes, id).ok()?;
        let key = SECP256K1.recover_ecdsa(Message::from_digest(signed.digest), &signature).ok()?;
        let bytes = key.serialize_uncompressed();
        let (_, point) = bytes.split_first_chunk::<1>()?;
        let address = Address::from_raw_public_key(point);
        let mut known = self.0.lock();
        if known.get(&address).is_none() {
            known.put(address, Arc::new(Key::new(point)?));
        }
        Some(address)
    }
}

/// What was signed and how; none when `s` is high.
fn signed(tx: &TxEnvelope) -> Option<Signed> {
    let signature = tx.signature();
    (signature.s() <= SECP256K1N_HALF).then(|| Signed {
        digest: tx.signature_hash().0,
        r: signature.r().to_be_bytes(),
        s: signature.s().to_be_bytes(),
        odd: signature.v(),
    })
}

#[cfg(test)]
mod tests;
