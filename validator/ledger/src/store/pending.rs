//! Changes of blocks that were executed but not written: laid over what the file holds, so that the next block of a
//! segment sees them and nobody else does.

use super::{
    codec::{SlimAccount, path_key, slot_key, storage_path_key},
    tables::{PathKey, SlotKey, StoragePathKey},
};
use crate::trie::{root::StateDiff, walk::TrieDelta};
use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::{BranchNodeCompact, Nibbles};
use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeBounds,
};

/// What a key holds instead of what the file holds; nothing when it is gone.
pub(crate) type Overlaid<K, V> = BTreeMap<K, Option<V>>;

/// Changes of some blocks, the last one of each key.
#[derive(Clone, Default)]
pub(crate) struct Pending {
    pub(crate) accounts: Overlaid<[u8; 32], SlimAccount>,
    pub(crate) slots: BTreeMap<SlotKey, U256>,
    pub(crate) code: HashMap<B256, Bytes>,
    pub(crate) account_nodes: Overlaid<PathKey, BranchNodeCompact>,
    pub(crate) storage_nodes: Overlaid<StoragePathKey, BranchNodeCompact>,
    /// On-chain hashes, for BLOCKHASH.
    pub(crate) hashes: BTreeMap<u64, B256>,
}

impl Pending {
    /// Lays the next block over the ones before. Its branches move here: only the last ones are written.
    pub(crate) fn absorb(&mut self, number: u64, hash: B256, diff: &mut StateDiff) {
        self.hashes.insert(number, hash);
        for change in &diff.accounts {
            self.accounts.insert(change.account.0, change.next);
        }
        for (account, slots) in &diff.slots {
            for (slot, _, next) in slots {
                self.slots.insert(slot_key(account, slot), *next);
            }
        }
        self.code.extend(diff.code.iter().cloned());
        let TrieDelta { put, delete, .. } = std::mem::take(&mut diff.account_nodes);
        self.account_nodes.extend(delete.iter().map(|path| (path_key(path), None)));
        self.account_nodes.extend(put.into_iter().map(|(path, node)| (path_key(&path), Some(node))));
        for (account, TrieDelta { put, delete, .. }) in std::mem::take(&mut diff.storage_nodes) {
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
    range: impl RangeBounds<K>,
) -> Result<Vec<(K, V)>, E> {
    let mut entries = Vec::new();
    let mut over = over.range(range).peekable();
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

/// The first of them; reads no more of the file than it must.
pub(crate) fn first<K: Ord + Copy, V: Clone, E>(
    stored: impl Iterator<Item = Result<(K, V), E>>,
    over: &Overlaid<K, V>,
    range: impl RangeBounds<K>,
) -> Result<Option<(K, V)>, E> {
    let mut unchanged = stored.filter(|entry| !matches!(entry, Ok((key, _)) if over.contains_key(key)));
    let stored = unchanged.next().transpose()?;
    let mut changed = over.range(range).filter_map(|(key, value)| Some((*key, value.clone()?)));
    let changed = changed.next();
    Ok(match (stored, changed) {
        (Some(stored), Some(changed)) => Some(if changed.0 < stored.0 { changed } else { stored }),
        (stored, changed) => stored.or(changed),
    })
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
        assert_eq!(merged(stored(), &over, 0..9), Ok(vec![(1, 'A'), (4, 'D'), (6, 'f'), (7, 'G')]));
        assert_eq!(merged(stored(), &Overlaid::new(), 0..9), Ok(vec![(2, 'b'), (4, 'd'), (6, 'f')]));
    }

    #[test]
    fn the_first_entry_is_found_on_either_side() {
        let over: Overlaid<u8, char> = [(2, None), (3, Some('C'))].into();
        assert_eq!(first(stored(), &over, 0..), Ok(Some((3, 'C'))));
        let over: Overlaid<u8, char> = [(2, None), (5, Some('E'))].into();
        assert_eq!(first(stored(), &over, 0..), Ok(Some((4, 'd'))));
        let over: Overlaid<u8, char> = [(2, None), (4, None), (6, None)].into();
        assert_eq!(first(stored(), &over, 0..), Ok(None));
    }
}
