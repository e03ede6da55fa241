//! Blocks that are durable in the block file and wait to be written into the state file, with all that will be read from
//! there: what they changed, what was there before, receipts, senders and where their transactions are.

use super::{codec::SlimAccount, pending::Pending, state::StateHead, tables::SlotKey};
use crate::{
    Receipt,
    execute::block::Executed,
    trie::{
        resident::Trie,
        root::{AccountChange, StateDiff},
    },
};
use alloy_primitives::{B256, TxHash, U256, map::B256Map};
use std::sync::{Arc, OnceLock};

/// Bytes of one entry, its share of both copies included: an account, a slot, a branch, a transaction.
const ACCOUNT: usize = 400;
const SLOT: usize = 350;
const BRANCH: usize = 300;
const TRANSACTION: usize = 450;
const LOG: usize = 200;

/// Some blocks in a row.
pub(crate) struct Layer {
    /// With their heights, in order.
    pub(crate) blocks: Vec<(u64, Arc<Executed>)>,
    /// What the last of them leaves in each key.
    pub(crate) last: Arc<Pending>,
    /// Accounts and slots that may be among those.
    filter: Filter,
    /// What it takes in memory, roughly.
    pub(crate) bytes: usize,
    /// Block and index of each transaction, once somebody asked.
    places: OnceLock<B256Map<(u64, u32)>>,
    /// What is let go of together with the layer, by the writer.
    _retired: Option<Trie>,
}

/// Says of most keys at once that they are not there: one bit for each of the first 19 of a hash. A read of what did not
/// change lately passes every layer, so each must cost next to nothing.
struct Filter(Box<[u64]>);

impl Filter {
    const BITS: u32 = 19;

    fn of(last: &Pending) -> Self {
        let mut bits = vec![0; 1 << (Self::BITS - 6)].into_boxed_slice();
        let slots = last.slots.keys().map(|key| B256::from_slice(&key[32..]));
        for key in last.accounts.keys().map(B256::from).chain(slots) {
            let (word, bit) = Self::place(&key);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
        }
        Self(bits)
    }

    fn may_have(&self, key: &B256) -> bool {
        let (word, bit) = Self::place(key);
        self.0.get(word).is_none_or(|word| word & bit != 0)
    }

    fn place(key: &B256) -> (usize, u64) {
        let [a, b, c, ..] = key.0;
        let place = u32::from_be_bytes([a, b, c, 0]) >> (32 - Self::BITS);
        (usize::try_from(place >> 6).unwrap_or(usize::MAX), 1 << (place & 63))
    }
}

/// Layers from the oldest to the newest.
pub(crate) type Layers = Arc<[Arc<Layer>]>;

impl Layer {
    /// One block.
    pub(crate) fn of_block(number: u64, executed: Arc<Executed>, retired: Option<Trie>) -> Self {
        let last = Pending::of(number, executed.hash, &executed.diff);
        Self { _retired: retired, ..Self::of_segment(vec![(number, executed)], Arc::new(last)) }
    }

    /// Several, and what they changed together.
    pub(crate) fn of_segment(blocks: Vec<(u64, Arc<Executed>)>, last: Arc<Pending>) -> Self {
        let bytes =
            blocks.iter().map(|(_, executed)| bytes_of(executed)).sum::<usize>() + bytes_of_nodes(&last);
        let filter = Filter::of(&last);
        Self { blocks, last, filter, bytes, places: OnceLock::new(), _retired: None }
    }

    /// What these blocks leave in an account, if they changed it.
    pub(crate) fn account(&self, account: &B256) -> Option<&Option<SlimAccount>> {
        self.filter.may_have(account).then(|| self.last.accounts.get(&account.0)).flatten()
    }

    /// The same of a slot.
    pub(crate) fn slot(&self, slot: &B256, key: &SlotKey) -> Option<&Option<U256>> {
        self.filter.may_have(slot).then(|| self.last.slots.get(key)).flatten()
    }

    /// Height of the first block.
    pub(crate) fn first(&self) -> Option<u64> {
        self.blocks.first().map(|(number, _)| *number)
    }

    /// The last block.
    pub(crate) fn head(&self) -> Option<StateHead> {
        let (number, executed) = self.blocks.last()?;
        Some(StateHead { number: *number, hash: executed.hash, root: executed.diff.root })
    }

    /// A block, if it is one of these.
    pub(crate) fn block(&self, number: u64) -> Option<&Arc<Executed>> {
        let at = self.blocks.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.blocks.get(at).map(|(_, executed)| executed)
    }

    /// Block and index of a transaction.
    pub(crate) fn transaction(&self, hash: &TxHash) -> Option<(u64, u32)> {
        let places = self.places.get_or_init(|| {
            let all = self.blocks.iter().flat_map(|(number, executed)| {
                executed.transaction_hashes.iter().zip(0..).map(|(hash, index)| (*hash, (*number, index)))
            });
            all.collect()
        });
        places.get(hash).copied()
    }

    /// What the first of these blocks from `from` on that changed an account did to it.
    pub(crate) fn account_since(&self, account: &B256, from: u64) -> Option<&AccountChange> {
        self.since(from).find_map(|diff| {
            let at = diff.accounts.binary_search_by_key(account, |change| change.account).ok()?;
            diff.accounts.get(at)
        })
    }

    /// What a slot held before the first of these blocks from `from` on that changed it.
    pub(crate) fn slot_before(&self, account: &B256, slot: &B256, from: u64) -> Option<U256> {
        self.since(from).find_map(|diff| {
            let at = diff.slots.binary_search_by_key(account, |(account, _)| *account).ok()?;
            let (_, slots) = diff.slots.get(at)?;
            let at = slots.binary_search_by_key(slot, |(slot, _, _)| *slot).ok()?;
            slots.get(at).map(|(_, previous, _)| *previous)
        })
    }

    fn since(&self, from: u64) -> impl Iterator<Item = &StateDiff> {
        let first = self.blocks.partition_point(|(number, _)| *number < from);
        self.blocks.iter().skip(first).map(|(_, executed)| &executed.diff)
    }
}

/// Accounts and slots that a block changed, as the history will tell.
pub(crate) fn changed_by(diff: &StateDiff) -> (Vec<B256>, Vec<SlotKey>) {
    let slots = diff
        .slots
        .iter()
        .flat_map(|(account, slots)| slots.iter().map(|(slot, _, _)| super::codec::slot_key(account, slot)));
    (diff.accounts.iter().map(|change| change.account).collect(), slots.collect())
}

fn bytes_of(executed: &Executed) -> usize {
    let diff = &executed.diff;
    let slots: usize = diff.slots.iter().map(|(_, slots)| slots.len()).sum();
    let logs: usize =
        executed.receipts.iter().flat_map(Receipt::logs).map(|log| LOG + log.data.data.len()).sum();
    let code: usize = diff.code.iter().map(|(_, code)| code.len()).sum();
    diff.accounts.len() * ACCOUNT + slots * SLOT + executed.receipts.len() * TRANSACTION + logs + code
}

fn bytes_of_nodes(last: &Pending) -> usize {
    (last.account_nodes.len() + last.storage_nodes.len()) * BRANCH
}
