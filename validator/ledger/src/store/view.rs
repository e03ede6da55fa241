//! State as of one block: a consistent snapshot of the file with the blocks over it that wait to be written, looked at
//! through history when the block is not the newest.

use super::{
    codec::{
        SlimAccount, decode_node, decode_slot, encode_slot, history_key, path_from_key, path_key, slot_key,
        storage_path_key,
    },
    history::changed_keys,
    layer::{Layers, changed_by},
    pending::{self, Overlaid, Pending},
    tables::{
        ACCOUNT_HISTORY, ACCOUNT_NODES, ACCOUNTS, AccountHistoryKey, CHANGED, CHANGED_MORE, CODE, PathKey,
        SLOT_HISTORY, STORAGE, STORAGE_NODES, SlotHistoryKey, SlotKey, StoragePathKey,
    },
};
use crate::{
    LedgerError,
    trie::walk::{TrieSource, is_listed},
};
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
    changed_more: ReadOnlyTable<(u64, u32), &'static [u8]>,
}

/// State after one block.
#[derive(Clone)]
pub(crate) struct StateView {
    tables: Arc<Tables>,
    /// First block whose changes are looked past; none at the newest.
    before: Option<u64>,
    /// Blocks that follow those in the tables.
    waiting: Layers,
    /// What lies over all that; never together with a look past.
    pending: Option<Arc<Pending>>,
}

type Range<K> = (Bound<K>, Bound<K>);

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
            changed_more: read.open_table(CHANGED_MORE)?,
        };
        Ok(Self { tables: Arc::new(tables), before: None, waiting: Layers::default(), pending: None })
    }

    /// The state after `block`, which must be older than this view's and within the history kept.
    pub(crate) fn after(&self, block: u64) -> Self {
        Self { before: Some(block.saturating_add(1)), pending: None, ..self.clone() }
    }

    /// The same tables with blocks over them that wait to be written, and nothing else.
    pub(crate) fn below(&self, waiting: Layers) -> Self {
        Self { tables: Arc::clone(&self.tables), before: None, waiting, pending: None }
    }

    /// The same state with changes laid over it that nobody else sees.
    pub(crate) fn under(&self, pending: Arc<Pending>) -> Self {
        Self { before: None, pending: Some(pending), ..self.clone() }
    }

    /// What lies over the tables, the newest first.
    fn over(&self) -> impl Iterator<Item = &Pending> {
        let waiting = self.waiting.iter().rev().map(|layer| layer.last.as_ref());
        self.pending.as_deref().into_iter().chain(waiting)
    }

    /// Whether the tables may know of changes from this block on.
    fn reaches(&self, block: u64) -> bool {
        self.waiting.first().and_then(|layer| layer.first()).is_none_or(|first| block < first)
    }

    /// Entries of a table with the overlaid ones in their places, in order of key.
    fn laid_over<'a, K: Ord + Copy + 'a, V: Clone + 'a>(
        &'a self,
        stored: impl Iterator<Item = Result<(K, V), LedgerError>>,
        part: impl Fn(&'a Pending) -> &'a Overlaid<K, V>,
        range: Range<K>,
    ) -> Result<Vec<(K, V)>, LedgerError> {
        let mut over: Vec<_> = self
            .over()
            .map(|over| part(over).range(range))
            .filter(|over| over.clone().next().is_some())
            .collect();
        if over.is_empty() {
            return stored.collect();
        }
        over.reverse();
        let over: Overlaid<K, V> =
            over.into_iter().flatten().map(|(key, value)| (*key, value.clone())).collect();
        pending::merged(stored, &over)
    }

    /// Whether changes lie over it that nobody else sees.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes the changes back out.
    pub(crate) fn take_pending(&mut self) -> Option<Arc<Pending>> {
        self.pending.take()
    }

    /// On-chain hash of a block that is not written yet.
    pub(crate) fn pending_hash(&self, number: u64) -> Option<B256> {
        self.pending.as_ref()?.hashes.get(&number).copied()
    }

    pub(crate) fn account(&self, account: &B256) -> Result<Option<SlimAccount>, LedgerError> {
        if let Some(block) = self.before {
            let from: AccountHistoryKey = history_key(&account.0, block);
            let to: AccountHistoryKey = history_key(&account.0, u64::MAX);
            let mut history = self.tables.account_history.range::<&AccountHistoryKey>(&from..=&to)?;
            if let Some(entry) = history.next().filter(|_| self.reaches(block)) {
                return decode_optional(entry?.1.value());
            }
            let mut waiting = self.waiting.iter();
            if let Some(change) = waiting.find_map(|layer| layer.account_since(account, block)) {
                return Ok(change.previous);
            }
        }
        let own = self.pending.as_ref().and_then(|pending| pending.accounts.get(&account.0));
        let waiting = || self.waiting.iter().rev().find_map(|layer| layer.account(account));
        if let Some(changed) = own.or_else(waiting) {
            return Ok(*changed);
        }
        let stored = self.tables.accounts.get(&account.0)?;
        stored.map(|bytes| SlimAccount::decode(bytes.value())).transpose()
    }

    pub(crate) fn slot(&self, account: &B256, slot: &B256) -> Result<U256, LedgerError> {
        let key = slot_key(account, slot);
        if let Some(block) = self.before {
            let from: SlotHistoryKey = history_key(&key, block);
            let to: SlotHistoryKey = history_key(&key, u64::MAX);
            let mut history = self.tables.slot_history.range::<&SlotHistoryKey>(&from..=&to)?;
            if let Some(entry) = history.next().filter(|_| self.reaches(block)) {
                return decode_slot(entry?.1.value());
            }
            let mut waiting = self.waiting.iter();
            if let Some(before) = waiting.find_map(|layer| layer.slot_before(account, slot, block)) {
                return Ok(before);
            }
        }
        let own = self.pending.as_ref().and_then(|pending| pending.slots.get(&key));
        let waiting = || self.waiting.iter().rev().find_map(|layer| layer.slot(slot, &key));
        if let Some(changed) = own.or_else(waiting) {
            return Ok(changed.unwrap_or_default());
        }
        self.tables.storage.get(&key)?.map_or(Ok(U256::ZERO), |bytes| decode_slot(bytes.value()))
    }

    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Bytes>, LedgerError> {
        if let Some(code) = self.over().find_map(|over| over.code.get(hash)) {
            return Ok(Some(code.clone()));
        }
        Ok(self.tables.code.get(&hash.0)?.map(|bytes| Bytes::copy_from_slice(bytes.value())))
    }

    /// Accounts and slots that a block changed: `keccak(address)`, `keccak(address) ‖ keccak(slot)`.
    pub(crate) fn changed_by(&self, block: u64) -> Result<(Vec<B256>, Vec<SlotKey>), LedgerError> {
        if let Some(executed) = self.waiting.iter().find_map(|layer| layer.block(block)) {
            return Ok(changed_by(&executed.diff));
        }
        let Some(keys) = self.tables.changed.get(block)? else { return Ok((Vec::new(), Vec::new())) };
        let (mut accounts, mut slots) = (Vec::new(), Vec::new());
        let mut take = |row: &[u8]| {
            let (some_accounts, some_slots) = changed_keys(row)?;
            accounts.extend(some_accounts.iter().map(|key| B256::from(*key)));
            slots.extend_from_slice(some_slots);
            Ok::<_, LedgerError>(())
        };
        take(keys.value())?;
        for part in self.tables.changed_more.range((block, 0)..=(block, u32::MAX))? {
            take(part?.1.value())?;
        }
        Ok((accounts, slots))
    }

    /// Every slot of an account, in order of its hash.
    pub(crate) fn slots(&self, account: &B256) -> Result<Vec<(B256, U256)>, LedgerError> {
        let (from, to) = (slot_key(account, &B256::ZERO), slot_key(account, &B256::repeat_byte(0xff)));
        let slots = self.slot_range((Bound::Included(from), Bound::Included(to)))?;
        Ok(slots.into_iter().map(|(key, value)| (B256::from_slice(&key[32..]), value)).collect())
    }

    /// Slots that are set, in order of key.
    fn slot_range(&self, range: Range<SlotKey>) -> Result<Vec<(SlotKey, U256)>, LedgerError> {
        let bounds = (range.0.as_ref(), range.1.as_ref());
        let stored = self.tables.storage.range::<&SlotKey>(bounds)?.map(|entry| {
            let (key, value) = entry?;
            Ok((*key.value(), decode_slot(value.value())?))
        });
        self.laid_over(stored, |over| &over.slots, range)
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
        let range = (Bound::Included(from.0), to.map_or(Bound::Unbounded, |to| Bound::Excluded(to.0)));
        let bounds = (range.0.as_ref(), range.1.as_ref());
        let stored = self.0.tables.accounts.range::<&[u8; 32]>(bounds)?.map(|entry| {
            let (key, value) = entry?;
            Ok::<_, LedgerError>((*key.value(), SlimAccount::decode(value.value())?))
        });
        let accounts = self.0.laid_over(stored, |over| &over.accounts, range)?;
        Ok(accounts.into_iter().map(|(key, account)| (B256::from(key), account.leaf())).collect())
    }

    fn first_node(&self, from: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError> {
        let key = path_key(from);
        let stored = self.0.tables.account_nodes.range::<&PathKey>(&key..)?.map(|entry| {
            let (key, node) = entry?;
            Ok::<_, LedgerError>((*key.value(), decode_node(node.value())?))
        });
        let over: Vec<_> = self.0.over().map(|over| &over.account_nodes).collect();
        let first =
            pending::first(stored.filter(is_current), &over, (Bound::Included(key), Bound::Unbounded))?;
        Ok(first.map(|(key, node)| (path_from_key(&key), node)))
    }

    fn node(&self, path: &Nibbles) -> Result<Option<BranchNodeCompact>, LedgerError> {
        let key = path_key(path);
        if let Some(changed) = self.0.over().find_map(|over| over.account_nodes.get(&key)) {
            return Ok(changed.clone());
        }
        let stored = self.0.tables.account_nodes.get(&key)?.map(|node| decode_node(node.value()));
        Ok(stored.transpose()?.filter(is_listed))
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
        let stored = self.view.tables.storage_nodes.range::<&StoragePathKey>(&from..=&to)?;
        let stored = stored.map(|entry| Ok::<_, LedgerError>((*entry?.0.value(), ())));
        let mut over = Overlaid::new();
        let mut layers: Vec<_> = self.view.over().map(|over| over.storage_nodes.range(from..=to)).collect();
        layers.reverse();
        over.extend(layers.into_iter().flatten().map(|(key, node)| (*key, node.as_ref().map(|_| ()))));
        let keys = pending::merged(stored, &over)?;
        Ok(keys.into_iter().map(|(key, ())| storage_path(&key)).collect())
    }

    fn bounds(&self, from: &PathKey) -> (StoragePathKey, StoragePathKey) {
        (storage_path_key(&self.account, from), storage_path_key(&self.account, &[0xff; 33]))
    }
}

impl TrieSource for StorageTrie<'_> {
    fn leaves(&self, from: &B256, to: Option<&B256>) -> Result<Vec<(B256, Vec<u8>)>, LedgerError> {
        let from = Bound::Included(slot_key(&self.account, from));
        let to = match to {
            Some(to) => Bound::Excluded(slot_key(&self.account, to)),
            None => Bound::Included(slot_key(&self.account, &B256::repeat_byte(0xff))),
        };
        let slots = self.view.slot_range((from, to))?;
        let leaf = |value: U256| alloy_rlp::encode(encode_slot(value).as_slice());
        Ok(slots.into_iter().map(|(key, value)| (B256::from_slice(&key[32..]), leaf(value))).collect())
    }

    fn first_node(&self, from: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError> {
        let (from, to) = self.bounds(&path_key(from));
        let stored = self.view.tables.storage_nodes.range::<&StoragePathKey>(&from..=&to)?;
        let stored = stored.map(|entry| {
            let (key, node) = entry?;
            Ok::<_, LedgerError>((*key.value(), decode_node(node.value())?))
        });
        let over: Vec<_> = self.view.over().map(|over| &over.storage_nodes).collect();
        let range = (Bound::Included(from), Bound::Included(to));
        let first = pending::first(stored.filter(is_current), &over, range)?;
        Ok(first.map(|(key, node)| (storage_path(&key), node)))
    }

    fn node(&self, path: &Nibbles) -> Result<Option<BranchNodeCompact>, LedgerError> {
        let key = storage_path_key(&self.account, &path_key(path));
        if let Some(changed) = self.view.over().find_map(|over| over.storage_nodes.get(&key)) {
            return Ok(changed.clone());
        }
        let stored = self.view.tables.storage_nodes.get(&key)?.map(|node| decode_node(node.value()));
        Ok(stored.transpose()?.filter(is_listed))
    }
}

/// Older versions stored branches of the second lowest level too; those are not kept up.
fn is_current<K>(entry: &Result<(K, BranchNodeCompact), LedgerError>) -> bool {
    entry.as_ref().map_or(true, |(_, node)| is_listed(node))
}

fn storage_path(key: &StoragePathKey) -> Nibbles {
    let mut path = [0; 33];
    path.copy_from_slice(&key[32..]);
    path_from_key(&path)
}
