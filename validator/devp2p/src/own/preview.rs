//! What a proposer is about to propose, told in parts while it chooses the transactions and before the block is finished:
//! whoever runs them meanwhile need not run the proposal.
//!
//! `[height, parent, timestamp, beneficiary, extra data, salt, place of the first, whether more follow, short ids]`, id 4. Nothing follows from it but that a block is
//! run that may come; short ids as in [`super::compact`], keyed by the salt.

use super::compact::{ID, Key, Places, check_ids};
use crate::eth::list::DecodeError;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};

/// Message id.
pub(crate) const PREVIEW: u8 = 4;
/// Transactions of one.
const MAX_TRANSACTIONS: usize = 65_536;

/// The message.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Preview {
    /// Of the block.
    pub height: u64,
    /// Hash of the block before.
    pub parent: B256,
    /// Of the block, in seconds.
    pub timestamp: u64,
    /// Its proposer.
    pub beneficiary: Address,
    /// Of its header, without seals.
    pub extra_data: Bytes,
    /// Anything nobody knew before; the same in all parts of one.
    pub salt: B256,
    /// Place in the block of the first transaction named here.
    pub first: u32,
    /// Whether another part follows.
    pub more: bool,
    ids: Bytes,
}

impl Preview {
    /// The part that names these transactions, of which the first has this place in the block.
    #[must_use]
    pub fn part(&self, first: usize, hashes: &[B256], more: bool) -> Self {
        // A block has no room for so many that its places would not fit.
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        Self { first, more, ..self.clone() }.naming(hashes)
    }

    /// How many are named here.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ids.len() / ID
    }

    /// Whether `next` is the part that follows this one and those before it, `named` transactions in all.
    #[must_use]
    pub fn is_followed_by(&self, next: &Self, named: usize) -> bool {
        let head = |part: &Self| Self { first: 0, more: false, ids: Bytes::new(), ..part.clone() };
        usize::try_from(next.first) == Ok(named) && head(self) == head(next)
    }

    /// Names the transactions by their hashes, in their order.
    #[must_use]
    pub fn naming(mut self, hashes: &[B256]) -> Self {
        let key = Key::of(&self.salt);
        self.ids = hashes.iter().flat_map(|hash| key.short(hash)).collect::<Vec<u8>>().into();
        self
    }

    /// Without transactions yet.
    #[must_use]
    pub fn of(
        (height, parent): (u64, B256),
        timestamp: u64,
        beneficiary: Address,
        extra_data: Bytes,
        salt: B256,
    ) -> Self {
        let (first, more, ids) = (0, false, Bytes::new());
        Self { height, parent, timestamp, beneficiary, extra_data, salt, first, more, ids }
    }

    /// The transactions named, in their order, from among those that `each` shows by hash; none unless all are there.
    pub fn find<T: Clone>(&self, each: impl FnOnce(&mut dyn FnMut(&B256, &T))) -> Option<Vec<T>> {
        let places = Places::of(&self.salt, &self.ids);
        let mut found: Vec<Option<T>> = vec![None; self.count()];
        each(&mut |hash, one| {
            if let Some(slot) = places.of_hash(hash).and_then(|place| found.get_mut(place)) {
                slot.get_or_insert_with(|| one.clone());
            }
        });
        found.into_iter().collect()
    }

    /// Reads the message.
    pub fn read(mut data: &[u8]) -> Result<Self, DecodeError> {
        let preview = Self::decode(&mut data)?;
        if !data.is_empty() {
            return Err(DecodeError::Trailing(data.len()));
        }
        check_ids(&preview.ids, MAX_TRANSACTIONS)?;
        Ok(preview)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    fn preview(hashes: &[B256]) -> Preview {
        let salt = B256::repeat_byte(3);
        Preview::of((7, B256::repeat_byte(1)), 9, Address::repeat_byte(2), vec![5; 40].into(), salt)
            .naming(hashes)
    }

    #[test]
    fn transactions_are_found_in_their_order_or_not_at_all() {
        let hashes: Vec<B256> = (0..100_u8).map(|seed| keccak256([seed])).collect();
        let read = Preview::read(&alloy_rlp::encode(preview(&hashes))).unwrap();
        assert_eq!(read, preview(&hashes));
        let from = |pool: &[B256]| read.find(|each| pool.iter().rev().for_each(|hash| each(hash, hash)));
        let strangers: Vec<B256> = (100..200_u8).map(|seed| keccak256([seed])).collect();
        assert_eq!(from(&[hashes.clone(), strangers].concat()), Some(hashes.clone()));
        assert_eq!(from(&hashes[1..]), None);
    }

    #[test]
    fn parts_follow_one_another_by_place_and_agree_on_everything_else() {
        let hashes: Vec<B256> = (0..9_u8).map(|seed| keccak256([seed])).collect();
        let whole = preview(&[]);
        let (first, second) = (whole.part(0, &hashes[..4], true), whole.part(4, &hashes[4..], false));
        assert!(first.is_followed_by(&second, first.count()));
        assert!(!first.is_followed_by(&whole.part(5, &hashes[5..], false), 4), "one is missing");
        let other = Preview { salt: B256::ZERO, ..second.clone() };
        assert!(!first.is_followed_by(&other, 4), "of another block");
        assert_eq!(Preview::read(&alloy_rlp::encode(&second)).unwrap(), second);
    }

    #[test]
    fn what_is_too_long_or_ends_late_is_refused() {
        let with = |length: usize| alloy_rlp::encode(Preview { ids: vec![0; length].into(), ..preview(&[]) });
        assert!(Preview::read(&with(ID * MAX_TRANSACTIONS)).is_ok());
        let refused = Preview::read(&with(ID * (MAX_TRANSACTIONS + 1)));
        assert_eq!(refused, Err(DecodeError::TooMany { max: MAX_TRANSACTIONS }));
        assert!(Preview::read(&with(ID + 1)).is_err());
        let trailing = [with(0), vec![0]].concat();
        assert_eq!(Preview::read(&trailing), Err(DecodeError::Trailing(1)));
    }
}
