//! Changes of blocks that were executed but not written: laid over what the file holds, one over the other.

use super::{
    codec::{SlimAccount, path_key, slot_key, storage_path_key},
    tables::{PathKey, SlotKey, StoragePathKey},
};
use crate::trie::{root::StateDiff, walk::TrieDelta};
use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::{BranchNodeCompact, Nibbles};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

/// What a key holds instead of what the file holds; nothing when it is gone.
pub(crate) type Overlaid<K, V> = BTreeMap<K, Option<V>>;

/// Changes of some blocks, the last one of each key.
#[derive(Clone, Default)]
pub(crate) struct Pending {
    pub(crate) accounts: Overlaid<[u8; 32], SlimAccount>,
    pub(crate) slots: Overlaid<SlotKey, U256>,
    pub(crate) code: HashMap<B256, Bytes>,
    pub(crate) account_nodes: Overlaid<PathKey, BranchNodeCompact>,
    pub(crate) storage_nodes: Overlaid<StoragePathKey, BranchNodeCompact>,
    /// On-chain hashes, for BLOCKHASH.
    pub(crate) hashes: BTreeMap<u64, B256>,
}

impl Pending {
    /// What one block changed.
    pub(crate) fn of(number: u64, hash: B256, diff: &StateDiff) -> Self {
        let mut pending = Self::default();
        pending.lay(number, hash, diff);
        pending.put_nodes(diff.account_nodes.clone(), diff.storage_nodes.clone());
        pending
    }

    /// Lays the next block over the ones before. Its branches move here: only the last ones are written.
    pub(crate) fn absorb(&mut self, number: u64, hash: B256, diff: &mut StateDiff) {
        self.lay(number, hash, diff);
        let (accounts, storage) =
            (std::mem::take(&mut diff.account_nodes), std::mem::take(&mut diff.storage_nodes));
        self.put_nodes(accounts, storage);
    }

    /// Lays what came after over it.
    pub(crate) fn extend(&mut self, after: &Self) {
        self.accounts.extend(&after.accounts);
        self.slots.extend(&after.slots);
        self.code.extend(after.code.iter().map(|(hash, code)| (*hash, code.clone())));
        self.account_nodes.extend(after.account_nodes.iter().map(|(path, node)| (*path, node.clone())));
        self.storage_nodes.extend(after.storage_nodes.iter().map(|(path, node)| (*path, node.clone())));
        self.hashes.extend(&after.hashes);
    }

    fn lay(&mut self, number: u64, hash: B256, diff: &StateDiff) {
        self.hashes.insert(number, hash);
        self.accounts.extend(diff.accounts.iter().map(|change| (change.account.0, change.next)));
        for (account, slots) in &diff.slots {
            let value = |next: U256| (!next.is_zero()).then_some(next);
            self.slots.extend(slots.iter().map(|(slot, _, next)| (slot_key(account, slot), value(*next))));
        }
        self.code.extend(diff.code.iter().cloned());
    }

    fn put_nodes(&mut self, accounts: TrieDelta, storage: Vec<(B256, TrieDelta)>) {
        let TrieDelta { put, delete, .. } = accounts;
        self.account_nodes.extend(delete.iter().map(|path| (path_key(path), None)));
        self.account_nodes.extend(put.into_iter().map(|(path, node)| (path_key(&path), Some(node))));
        for (account, TrieDelta { put, delete, .. }) in storage {
            let key = |path: &Nibbles| storage_path_key(&account, &path_key(path));
            self.storage_nodes.extend(delete.iter().map(|path| (key(path), None)));
            self.storage_nodes.extend(put.into_iter().map(|(path, node)| (key(&path), Some(node))));
        }
    }
}

/// Entries of the file with the overlaid ones in their places, in order of key.
pub(crate) fn merged<K: Ord + Copy, V: Clone, E>(
    stored: impl Iterator<Item = Result<(K, V), E>>,
    over: &Overlaid<K, V>,
) -> Result<Vec<(K, V)>, E> {
    let mut entries = Vec::new();
    let mut over = over.iter().peekable();
    for entry in stored {
        let (key, value) = entry?;
        while let Some((earlier, changed)) = over.next_if(|(other, _)| **other < key) {
            entries.extend(changed.clone().map(|value| (*earlier, value)));
        }
        match over.next_if(|(other, _)| **other == key) {
            Some((_, changed)) => entries.extend(changed.clone().map(|value| (key, value))),
            None => entries.push((key, value)),
        }
    }
    entries.extend(over.filter_map(|(key, changed)| Some((*key, changed.clone()?))));
    Ok(entries)
}

/// The first entry of a range, with overlays over the file's; reads no more of the file than it must.
pub(crate) fn first<K: Ord + Copy, V: Clone, E>(
    stored: impl Iterator<Item = Result<(K, V), E>>,
    newest_first: &[&Overlaid<K, V>],
    (mut from, to): (Bound<K>, Bound<K>),
) -> Result<Option<(K, V)>, E> {
    let mut stored = stored.peekable();
    loop {
        let firsts = newest_first.iter().filter_map(|over| over.range((from, to)).next());
        let Some(changed) = firsts.map(|(key, _)| *key).min() else { return stored.next().transpose() };
        match stored.peek() {
            Some(Err(_)) => return stored.next().transpose(),
            Some(Ok((key, _))) if *key < changed => return stored.next().transpose(),
            Some(Ok((key, _))) if *key == changed => drop(stored.next()),
            _ => {}
        }
        if let Some(Some(value)) = newest_first.iter().find_map(|over| over.get(&changed)) {
            return Ok(Some((changed, value.clone())));
        }
        from = Bound::Excluded(changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn stored() -> impl Iterator<Item = Result<(u8, char), Infallible>> {
        [(2, 'b'), (4, 'd'), (6, 'f')].into_iter().map(Ok)
    }

    #[test]
    fn changes_take_the_place_of_what_is_stored_and_what_is_gone_is_left_out() {
        let over: Overlaid<u8, char> =
            [(1, Some('A')), (2, None), (3, None), (4, Some('D')), (7, Some('G'))].into();
        assert_eq!(merged(stored(), &over), Ok(vec![(1, 'A'), (4, 'D'), (6, 'f'), (7, 'G')]));
        assert_eq!(merged(stored(), &Overlaid::new()), Ok(vec![(2, 'b'), (4, 'd'), (6, 'f')]));
    }

    #[test]
    fn the_first_entry_is_found_on_either_side() {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let over: Overlaid<u8, char> = [(2, None), (3, Some('C'))].into();
        assert_eq!(first(stored(), &[&over], all), Ok(Some((3, 'C'))));
        let over: Overlaid<u8, char> = [(2, None), (5, Some('E'))].into();
        assert_eq!(first(stored(), &[&over], all), Ok(Some((4, 'd'))));
        let over: Overlaid<u8, char> = [(2, None), (4, None), (6, None)].into();
        assert_eq!(first(stored(), &[&over], all), Ok(None));
        assert_eq!(first(stored(), &[], all), Ok(Some((2, 'b'))));
    }

    #[test]
    fn of_several_overlays_the_newest_decides() {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let older: Overlaid<u8, char> = [(1, Some('A')), (2, None), (4, None)].into();
        let newer: Overlaid<u8, char> = [(1, None), (4, Some('D'))].into();
        assert_eq!(first(stored(), &[&newer, &older], all), Ok(Some((4, 'D'))));
        assert_eq!(first(stored(), &[&older, &newer], all), Ok(Some((1, 'A'))));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_not_passed_over() {
        let over: Overlaid<u8, char> = [(3, Some('C'))].into();
        let stored = [Err("torn")].into_iter();
        assert_eq!(first(stored, &[&over], (Bound::Unbounded, Bound::Unbounded)), Err("torn"));
    }
}
