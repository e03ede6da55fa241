//! The state root after a block: storage tries first and in parallel, the account trie last.

use super::{
    ahead::Reading,
    resident::{Change, Opened, Trie},
    tries::{NewTries, Tries},
    walk::{EmptyTrie, LeafChange, TrieDelta, walk},
};
use crate::{
    LedgerError,
    store::{
        codec::{SlimAccount, encode_slot},
        view::StateView,
    },
};
use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::EMPTY_ROOT_HASH;
use rayon::prelude::*;

/// A changed slot: `keccak(slot)`, value before, value after.
pub(crate) type SlotChange = (B256, U256, U256);
/// Code by its hash.
pub(crate) type NewCode = (B256, Bytes);

/// What execution did to one account, before its storage root is known.
#[derive(Clone, Debug)]
pub(crate) struct AccountDelta {
    /// `keccak(address)`.
    pub(crate) account: B256,
    pub(crate) previous: Option<SlimAccount>,
    /// The storage root in here is not read.
    pub(crate) next: Option<SlimAccount>,
    /// All storage there was is gone; what `slots` holds is new.
    pub(crate) wiped: bool,
    /// Slots with another value than before, in order of `keccak(slot)`: previous, next.
    pub(crate) slots: Vec<SlotChange>,
}

/// An account's record before and after.
#[derive(Clone, Debug)]
pub(crate) struct AccountChange {
    pub(crate) account: B256,
    pub(crate) previous: Option<SlimAccount>,
    pub(crate) next: Option<SlimAccount>,
}

/// Everything that a block changes in the state, ready to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateDiff {
    /// State root afterwards.
    pub(crate) root: B256,
    /// In order of key.
    pub(crate) accounts: Vec<AccountChange>,
    /// Account and its changed slots, both in order of key.
    pub(crate) slots: Vec<(B256, Vec<SlotChange>)>,
    /// New code by hash.
    pub(crate) code: Vec<NewCode>,
    /// Branches of the account trie.
    pub(crate) account_nodes: TrieDelta,
    /// Branches of storage tries, by account.
    pub(crate) storage_nodes: Vec<(B256, TrieDelta)>,
    /// The same tries in memory.
    pub(crate) tries: NewTries,
}

/// What changes are applied to.
pub(crate) struct Parent<'a> {
    pub(crate) view: &'a StateView,
    /// Of `view`.
    pub(crate) root: B256,
    pub(crate) tries: &'a Tries,
    /// What was read of its tries while the changes were made.
    pub(crate) ahead: Option<&'a Reading>,
}

/// Works out storage roots, account changes and the state root.
pub(crate) fn state_diff(
    parent: &Parent<'_>,
    mut deltas: Vec<AccountDelta>,
    code: Vec<NewCode>,
) -> Result<StateDiff, LedgerError> {
    // Waking the other threads takes longer than an empty block.
    if deltas.is_empty() {
        return Ok(StateDiff { root: parent.root, code, ..StateDiff::default() });
    }
    deltas.par_sort_unstable_by_key(|delta| delta.account);
    let epoch = parent.tries.epoch();
    let settle = |delta| settle(parent, epoch, delta);
    let settled: Vec<Settled> = deltas.into_par_iter().map(settle).collect::<Result<_, _>>()?;
    let mut diff = StateDiff { root: parent.root, code, ..StateDiff::default() };
    let mut leaves = Vec::with_capacity(settled.len());
    for Settled { change, slots, nodes, trie } in settled {
        if !slots.is_empty() {
            diff.slots.push((change.account, slots));
        }
        if let Some(nodes) = nodes {
            diff.storage_nodes.push((change.account, nodes));
            diff.tries.storage.push((change.account, trie));
        }
        if change.previous != change.next {
            leaves.push(change.leaf());
            diff.accounts.push(change);
        }
    }
    if !leaves.is_empty() {
        let none = Opened::default();
        let opened = parent.ahead.map_or(&none, Reading::accounts);
        let trie = parent.tries.accounts(parent.root);
        let (trie, nodes) = trie.apply(&parent.view.account_trie(), &leaves, epoch, opened)?;
        diff.root = nodes.root;
        diff.account_nodes = nodes;
        diff.tries.accounts = Some(trie);
    }
    Ok(diff)
}

impl AccountChange {
    fn leaf(&self) -> Change {
        let value = self.next.map(|account| account.leaf());
        Change { key: self.account, existed: self.previous.is_some(), value }
    }
}

struct Settled {
    change: AccountChange,
    slots: Vec<SlotChange>,
    nodes: Option<TrieDelta>,
    trie: Option<Trie>,
}

fn settle(parent: &Parent<'_>, epoch: u64, delta: AccountDelta) -> Result<Settled, LedgerError> {
    let view = parent.view;
    let AccountDelta { account, previous, next, wiped, mut slots } = delta;
    let old_root = previous.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
    let had_storage = old_root != EMPTY_ROOT_HASH;
    let gone = next.is_none();
    if had_storage && (wiped || gone) {
        slots = over_wiped(view.slots(&account)?, if gone { Vec::new() } else { slots });
    } else if gone {
        slots.clear();
    }
    let (trie, nodes) = if slots.is_empty() {
        (None, None)
    } else if had_storage && (wiped || gone) {
        (None, Some(rebuilt(view, account, &slots)?))
    } else {
        let changes: Vec<Change> = slots.iter().map(slot_leaf).collect();
        let trie = parent.tries.storage(&account, old_root);
        let (none, ahead) = (Opened::default(), parent.ahead.and_then(|ahead| ahead.storage(&account)));
        let opened = ahead.as_deref().map_or(&none, |(_, opened)| opened);
        let (trie, nodes) = trie.apply(&view.storage_trie(account), &changes, epoch, opened)?;
        (Some(trie), Some(nodes))
    };
    let storage_root = nodes.as_ref().map_or(old_root, |nodes| nodes.root);
    let next = next.map(|account| SlimAccount { storage_root, ..account });
    Ok(Settled { change: AccountChange { account, previous, next }, slots, nodes, trie })
}

fn slot_leaf((key, previous, next): &SlotChange) -> Change {
    Change { key: *key, existed: !previous.is_zero(), value: slot_value(*next) }
}

/// A slot as its trie holds it.
fn slot_value(value: U256) -> Option<Vec<u8>> {
    (!value.is_zero()).then(|| alloy_rlp::encode(encode_slot(value).as_slice()))
}

/// Changes of a wiped storage: what was there falls to zero unless it was set again.
fn over_wiped(old: Vec<(B256, U256)>, new: Vec<SlotChange>) -> Vec<SlotChange> {
    let mut slots: std::collections::BTreeMap<B256, (U256, U256)> =
        old.into_iter().map(|(slot, value)| (slot, (value, U256::ZERO))).collect();
    for (slot, _, value) in new {
        slots.entry(slot).or_default().1 = value;
    }
    let changed = slots.into_iter().filter(|(_, (previous, next))| previous != next);
    changed.map(|(slot, (previous, next))| (slot, previous, next)).collect()
}

/// The storage trie of an account whose storage was wiped.
fn rebuilt(view: &StateView, account: B256, slots: &[SlotChange]) -> Result<TrieDelta, LedgerError> {
    // A wiped slot that was set to its old value again is no change but still a leaf, so the trie is built from what
    // is left, not from what changed.
    let mut left: std::collections::BTreeMap<B256, U256> = view.slots(&account)?.into_iter().collect();
    left.extend(slots.iter().map(|(slot, _, next)| (*slot, *next)));
    let leaves: Vec<LeafChange> = left.into_iter().map(|(slot, value)| (slot, slot_value(value))).collect();
    let mut delta = walk(&EmptyTrie, &leaves)?;
    let paths = view.storage_trie(account).paths()?;
    delta.delete =
        paths.into_iter().filter(|path| delta.put.binary_search_by_key(path, |(p, _)| *p).is_err()).collect();
    Ok(delta)
}
