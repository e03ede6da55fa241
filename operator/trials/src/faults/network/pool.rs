//! Transactions that wait for a block, and those that go astray on the way.

use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use ledger::Recovered;
use std::collections::{BTreeMap, BTreeSet};

/// Blocks after which a late transaction is there.
const LATE_BLOCKS: u64 = 3;
/// Blocks after which a node has lost what it was to forget.
const FORGOTTEN_BLOCKS: u64 = 5;

/// By account and nonce.
type Place = (Address, u64);

/// All of a chain.
#[derive(Default)]
pub(super) struct Pool {
    ready: BTreeMap<Place, Recovered>,
    /// The height from which they are ready.
    late: Vec<(u64, Recovered)>,
    /// Counted as waiting and in no block: with the height at which they came, those that will be forgotten.
    held: BTreeMap<Place, (Recovered, Option<u64>)>,
}

fn place(transaction: &Recovered) -> Place {
    (transaction.sender, transaction.tx.nonce())
}

impl Pool {
    /// As a pool does: the first of a nonce stays. One that was held in its place is let go behind it.
    pub(super) fn add(&mut self, transaction: Recovered, height: u64) {
        if let Some((held, None)) = self.held.remove(&place(&transaction)) {
            self.add_late(held, height);
        }
        self.ready.entry(place(&transaction)).or_insert(transaction);
    }

    /// Ready some blocks later.
    pub(super) fn add_late(&mut self, transaction: Recovered, height: u64) {
        self.late.push((height + LATE_BLOCKS, transaction));
    }

    /// Counted and not mined; for some blocks after `since` only, if it is given.
    pub(super) fn hold(&mut self, transaction: Recovered, since: Option<u64>) {
        self.held.insert(place(&transaction), (transaction, since));
    }

    /// Whoever is late arrives, and what is to be forgotten is, before the block after `height`.
    pub(super) fn arrive(&mut self, height: u64) {
        let (ready, late): (Vec<_>, _) =
            std::mem::take(&mut self.late).into_iter().partition(|(from, _)| *from <= height);
        self.late = late;
        for (_, transaction) in ready {
            self.ready.entry(place(&transaction)).or_insert(transaction);
        }
        self.held.retain(|_, (_, since)| since.is_none_or(|since| height < since + FORGOTTEN_BLOCKS));
    }

    /// What a block may take.
    pub(super) fn ready(&self) -> std::vec::IntoIter<Recovered> {
        self.ready.values().cloned().collect::<Vec<_>>().into_iter()
    }

    /// Accounts with a transaction that a block may take.
    pub(super) fn senders(&self) -> BTreeSet<Address> {
        self.ready.keys().map(|(sender, _)| *sender).collect()
    }

    /// Transactions of an account below its next nonce are over.
    pub(super) fn mined(&mut self, sender: Address, next: u64) {
        self.ready.retain(|(of, nonce), _| *of != sender || *nonce >= next);
    }

    /// The one that a node would compare another of this nonce with: what is held its node has kept to itself.
    pub(super) fn get(&self, sender: Address, nonce: u64) -> Option<&Recovered> {
        self.ready.get(&(sender, nonce))
    }

    /// Whether one of this nonce counts as waiting.
    pub(super) fn waits(&self, sender: Address, nonce: u64) -> bool {
        self.ready.contains_key(&(sender, nonce)) || self.held.contains_key(&(sender, nonce))
    }
}

#[cfg(test)]
mod tests {
    use super::{FORGOTTEN_BLOCKS, LATE_BLOCKS, Pool};
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
    use alloy_primitives::{Address, Signature};
    use ledger::Recovered;
    use std::sync::Arc;

    const SENDER: Address = Address::repeat_byte(7);

    fn transaction(nonce: u64, gas_limit: u64) -> Recovered {
        let unsigned = TxEip1559 { nonce, gas_limit, ..TxEip1559::default() };
        let tx = TxEnvelope::from(unsigned.into_signed(Signature::test_signature()));
        Recovered { hash: *tx.tx_hash(), sender: SENDER, tx: Arc::new(tx) }
    }

    fn hashes(pool: &Pool) -> Vec<alloy_primitives::B256> {
        pool.ready().map(|one| one.hash).collect()
    }

    #[test]
    fn what_is_held_counts_and_is_in_no_block_until_another_of_its_nonce_has_come() {
        let (mut pool, held, again) = (Pool::default(), transaction(3, 1), transaction(3, 2));
        pool.hold(held.clone(), None);
        pool.arrive(1000);
        assert!(pool.waits(SENDER, 3) && hashes(&pool).is_empty() && pool.get(SENDER, 3).is_none());
        pool.add(again.clone(), 1000);
        assert_eq!(hashes(&pool), [again.hash]);
        pool.mined(SENDER, 4);
        pool.arrive(1000 + LATE_BLOCKS);
        assert_eq!(hashes(&pool), [held.hash], "it comes after the one in its place, and its nonce is spent");
    }

    #[test]
    fn what_is_forgotten_counts_for_some_blocks_and_is_never_in_one() {
        let mut pool = Pool::default();
        pool.hold(transaction(3, 1), Some(10));
        pool.arrive(10 + FORGOTTEN_BLOCKS - 1);
        assert!(pool.waits(SENDER, 3));
        pool.arrive(10 + FORGOTTEN_BLOCKS);
        assert!(!pool.waits(SENDER, 3) && hashes(&pool).is_empty());
        pool.add(transaction(3, 2), 16);
        pool.arrive(100);
        assert_eq!(hashes(&pool).len(), 1);
    }
}
