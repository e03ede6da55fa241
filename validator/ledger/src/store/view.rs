//! State as of one block: a consistent snapshot of the file, looked at through history when the block is not the newest.

use super::{
    codec::{
        SlimAccount, decode_node, decode_slot, history_key, path_from_key, path_key, slot_key,
        storage_path_key,
    },
    history::changed_keys,
    tables::{
        ACCOUNT_HISTORY, ACCOUNT_NODES, ACCOUNTS, AccountHistoryKey, CHANGED, CODE, PathKey, SLOT_HISTORY,
        STORAGE, STORAGE_NODES, SlotHistoryKey, SlotKey, StoragePathKey,
    },
};
use crate::{LedgerError, trie::walk::TrieSource};
use alloy_primitives::{B256, Bytes, U256};
use alloy_trie::{BranchNodeCompact, Nibbles};
use redb::{ReadOnlyTable, ReadTransaction};
use std::{ops::Bound, sync::Arc};

/// Open tables of one read transaction.
struct Tables {
    accounts: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    storage: ReadOnlyTable<&'static SlotKey, &'static [u8]>,
    code: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    account_nodes: ReadOnlyTable<&'static PathKey, &'static [u8]>,
    storage_nodes: ReadOnlyTable<&'static StoragePathKey, &'static [u8]>,
    account_history: ReadOnlyTable<&'static AccountHistoryKey, &'static [u8]>,
    slot_history: ReadOnlyTable<&'static SlotHistoryKey, &'static [u8]>,
    changed: ReadOnlyTable<u64, &'static [u8]>,
}

/// State after one block.
#[derive(Clone)]
pub(crate) struct StateView {
    tables: Arc<Tables>,
    /// First block whose changes are looked past; none at the newest.
    before: Option<u64>,
}

impl StateView {
    /// The newest state of a read transaction.
    pub(crate) fn newest(read: &ReadTransaction) -> Result<Self, LedgerError> {
        let tables = Tables {
            accounts: read.open_table(ACCOUNTS)?,
            storage: read.open_table(STORAGE)?,
            code: read.open_table(CODE)?,
            account_nodes: read.open_table(ACCOUNT_NODES)?,
            storage_nodes: read.open_table(STORAGE_NODES)?,
            account_history: read.open_table(ACCOUNT_HISTORY)?,
            slot_history: read.open_table(SLOT_HISTORY)?,
            changed: read.open_table(CHANGED)?,
        };
        Ok(Self { tables: Arc::new(tables), before: None })
    }

    /// The state after `block`, which must be older than this view's and within the history kept.
    pub(crate) fn after(&self, block: u64) -> Self {
        Self { tables: Arc::clone(&self.tables), before: Some(block.saturating_add(1)) }
    }

    pub(crate) fn account(&self, account: &B256) -> Result<Option<SlimAccount>, LedgerError> {
        if let Some(block) = self.before {
            let from: AccountHistoryKey = history_key(&account.0, block);
            let to: AccountHistoryKey = history_key(&account.0, u64::MAX);
            if let Some(entry) = self.tables.account_history.range::<&AccountHistoryKey>(&from..=&to)?.next()
            {
                return decode_optional(entry?.1.value());
            }
        }
        let stored = self.tables.accounts.get(&account.0)?;
        stored.map(|bytes| SlimAccount::decode(bytes.value())).transpose()
    }

    pub(crate) fn slot(&self, account: &B256, slot: &B256) -> Result<U256, LedgerError> {
        let key = slot_key(account, slot);
        if let Some(block) = self.before {
            let from: SlotHistoryKey = history_key(&key, block);
            let to: SlotHistoryKey = history_key(&key, u64::MAX);
            if let Some(entry) = self.tables.slot_history.range::<&SlotHistoryKey>(&from..=&to)?.next() {
                return decode_slot(entry?.1.value());
            }
        }
        self.tables.storage.get(&key)?.map_or(Ok(U256::ZERO), |bytes| decode_slot(bytes.value()))
    }

    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Bytes>, LedgerError> {
        Ok(self.tables.code.get(&hash.0)?.map(|bytes| Bytes::copy_from_slice(bytes.value())))
    }

    /// Accounts and slots that a block changed: `keccak(address)`, `keccak(address) ‖ keccak(slot)`.
    pub(crate) fn changed_by(&self, block: u64) -> Result<(Vec<B256>, Vec<SlotKey>), LedgerError> {
        let Some(keys) = self.tables.changed.get(block)? else { return Ok((Vec::new(), Vec::new())) };
        let (accounts, slots) = changed_keys(keys.value())?;
        Ok((accounts.iter().map(|key| B256::from(*key)).collect(), slots.to_vec()))
    }

    /// Every slot of an account, in order of its hash.
    pub(crate) fn slots(&self, account: &B256) -> Result<Vec<(B256, U256)>, LedgerError> {
        let (from, to) = (slot_key(account, &B256::ZERO), slot_key(account, &B256::repeat_byte(0xff)));
        let mut slots = Vec::new();
        for entry in self.tables.storage.range::<&SlotKey>(&from..=&to)? {
            let (key, value) = entry?;
            slots.push((B256::from_slice(&key.value()[32..]), decode_slot(value.value())?));
        }
        Ok(slots)
    }

    /// The account trie of the newest state.
    pub(crate) fn account_trie(&self) -> AccountTrie<'_> {
        AccountTrie(self)
    }

    /// The storage trie of one account in the newest state.
    pub(crate) fn storage_trie(&self, account: B256) -> StorageTrie<'_> {
        StorageTrie { view: self, account }
    }
}

fn decode_optional(bytes: &[u8]) -> Result<Option<SlimAccount>, LedgerError> {
    if bytes.is_empty() { Ok(None) } else { SlimAccount::decode(bytes).map(Some) }
}

/// Leaves and stored branches of the account trie.
pub(crate) struct AccountTrie<'a>(&'a StateView);

impl TrieSource for AccountTrie<'_> {
    fn leaves(&self, from: &B256, to: Option<&B256>) -> Result<Vec<(B256, Vec<u8>)>, LedgerError> {
        let range = (Bound::Included(&from.0), to.map_or(Bound::Unbounded, |to| Bound::Excluded(&to.0)));
        let mut leaves = Vec::new();
        for entry in self.0.tables.accounts.range::<&[u8; 32]>(range)? {
            let (key, value) = entry?;
            leaves.push((B256::from(*key.value()), SlimAccount::decode(value.value())?.leaf()));
        }
        Ok(leaves)
    }

    fn first_node(&self, from: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError> {
        let key = path_key(from);
        let Some(entry) = self.0.tables.account_nodes.range::<&PathKey>(&key..)?.next() else {
            return Ok(None);
        };
        let (key, node) = entry?;
        Ok(Some((path_from_key(key.value()), decode_node(node.value())?)))
    }
}

/// Leaves and stored branches of one storage trie.
pub(crate) struct StorageTrie<'a> {
    view: &'a StateView,
    account: B256,
}

impl StorageTrie<'_> {
    /// Paths of every stored branch.
    pub(crate) fn paths(&self) -> Result<Vec<Nibbles>, LedgerError> {
        let (from, to) = self.bounds(&[0; 33]);
        let mut paths = Vec::new();
        for entry in self.view.tables.storage_nodes.range::<&StoragePathKey>(&from..=&to)? {
            paths.push(storage_path(entry?.0.value()));
        }
        Ok(paths)
    }

    fn bounds(&self, from: &PathKey) -> (StoragePathKey, StoragePathKey) {
        (storage_path_key(&self.account, from), storage_path_key(&self.account, &[0xff; 33]))
    }
}

impl TrieSource for StorageTrie<'_> {
    fn leaves(&self, from: &B256, to: Option<&B256>) -> Result<Vec<(B256, Vec<u8>)>, LedgerError> {
        let from = slot_key(&self.account, from);
        let (to, last) = match to {
            Some(to) => (slot_key(&self.account, to), false),
            None => (slot_key(&self.account, &B256::repeat_byte(0xff)), true),
        };
        let range = (Bound::Included(&from), if last { Bound::Included(&to) } else { Bound::Excluded(&to) });
        let mut leaves = Vec::new();
        for entry in self.view.tables.storage.range::<&SlotKey>(range)? {
            let (key, value) = entry?;
            leaves.push((B256::from_slice(&key.value()[32..]), alloy_rlp::encode(value.value())));
        }
        Ok(leaves)
    }

    fn first_node(&self, from: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError> {
        let (from, to) = self.bounds(&path_key(from));
        let mut range = self.view.tables.storage_nodes.range::<&StoragePathKey>(&from..=&to)?;
        let Some(entry) = range.next() else { return Ok(None) };
        let (key, node) = entry?;
        Ok(Some((storage_path(key.value()), decode_node(node.value())?)))
    }
}

fn storage_path(key: &StoragePathKey) -> Nibbles {
    let mut path = [0; 33];
    path.copy_from_slice(&key[32..]);
    path_from_key(&path)
}
