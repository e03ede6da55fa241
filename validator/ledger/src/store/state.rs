//! The state file: one transaction per block moves everything derived from it, so that a crash leaves it at some block
//! exactly, never between two.

use super::{
    Place,
    codec::{
        decode_receipts, encode_node, encode_receipts, encode_slot, path_key, slot_key, storage_path_key,
    },
    history, open_file,
    pending::Pending,
    tables::{
        ACCOUNT_HISTORY, ACCOUNT_NODES, ACCOUNTS, CHANGED, CODE, META, PRUNED, RECEIPTS, SENDERS,
        SLOT_HISTORY, STATE_HEAD, STORAGE, STORAGE_NODES, TRANSACTIONS,
    },
    view::StateView,
};
use crate::{
    Block, LedgerError, OpenError, Receipt, execute::block::Executed, inspect::TableStats,
    trie::root::StateDiff,
};
use alloy_primitives::{Address, B256, TxHash};
use redb::{Database, Durability, ReadableDatabase, Table, WriteTransaction};

/// The block whose state the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateHead {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) root: B256,
}

/// What one block adds.
pub(crate) struct BlockEffects<'a> {
    pub(crate) head: StateHead,
    pub(crate) diff: &'a StateDiff,
    pub(crate) receipts: &'a [Receipt],
    pub(crate) senders: &'a [Address],
    pub(crate) transaction_hashes: &'a [TxHash],
}

impl<'a> BlockEffects<'a> {
    fn of(number: u64, executed: &'a Executed) -> Self {
        Self {
            head: StateHead { number, hash: executed.hash, root: executed.diff.root },
            diff: &executed.diff,
            receipts: &executed.receipts,
            senders: &executed.senders,
            transaction_hashes: &executed.transaction_hashes,
        }
    }
}

/// What the blocks of a segment add, in order, and what the last of them leave in each key.
pub(crate) struct SegmentEffects<'a> {
    pub(crate) blocks: &'a [(Block, Executed)],
    pub(crate) pending: &'a Pending,
}

/// How the file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteOptions {
    /// Blocks of history kept; 0 keeps all.
    pub(crate) history_blocks: u64,
    /// Whether this commit, and with it all before, must survive a crash.
    pub(crate) durable: bool,
}

/// The state file.
pub(crate) struct StateStore {
    pub(super) database: Database,
}

impl StateStore {
    pub(crate) fn open(place: Place<'_>, cache_bytes: usize) -> Result<Self, OpenError> {
        Ok(Self::over(open_file(place, cache_bytes)?)?)
    }

    fn over(database: Database) -> Result<Self, LedgerError> {
        let store = Self { database };
        if !store.has_tables()? {
            store.create_tables()?;
        }
        Ok(store)
    }

    fn has_tables(&self) -> Result<bool, LedgerError> {
        match self.database.begin_read()?.open_table(META) {
            Ok(_) => Ok(true),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes every table, so that readers find them.
    fn create_tables(&self) -> Result<(), LedgerError> {
        let mut write = self.database.begin_write()?;
        write.set_quick_repair(true);
        write.open_table(META)?;
        write.open_table(ACCOUNTS)?;
        write.open_table(STORAGE)?;
        write.open_table(CODE)?;
        write.open_table(ACCOUNT_NODES)?;
        write.open_table(STORAGE_NODES)?;
        write.open_table(ACCOUNT_HISTORY)?;
        write.open_table(SLOT_HISTORY)?;
        write.open_table(CHANGED)?;
        write.open_table(RECEIPTS)?;
        write.open_table(SENDERS)?;
        write.open_table(TRANSACTIONS)?;
        write.commit()?;
        Ok(())
    }

    /// Rows and bytes by table.
    pub(crate) fn tables(&self) -> Result<Vec<TableStats>, LedgerError> {
        super::tables(&self.database)
    }

    /// The block whose state this is; none in a new file.
    pub(crate) fn head(&self) -> Result<Option<StateHead>, LedgerError> {
        let meta = self.database.begin_read()?.open_table(META)?;
        meta.get(STATE_HEAD)?.map(|bytes| decode_head(bytes.value())).transpose()
    }

    /// The newest state.
    pub(crate) fn view(&self) -> Result<StateView, LedgerError> {
        StateView::newest(&self.database.begin_read()?)
    }

    /// The oldest block whose state can be read.
    pub(crate) fn oldest(&self) -> Result<u64, LedgerError> {
        let meta = self.database.begin_read()?.open_table(META)?;
        meta.get(PRUNED)?.map_or(Ok(0), |bytes| be64(bytes.value()))
    }

    /// Moves the state by one block.
    pub(crate) fn apply(&self, effects: &BlockEffects<'_>, options: WriteOptions) -> Result<(), LedgerError> {
        let number = effects.head.number;
        let mut write = self.database.begin_write()?;
        write.set_durability(if options.durable { Durability::Immediate } else { Durability::None })?;
        write.set_quick_repair(options.durable);
        write_diff(&write, effects.diff)?;
        write_block(&write, effects)?;
        // Block 0 has nothing before it.
        if number > 0 {
            history::record(&write, number, effects.diff)?;
            history::prune(&write, number, options.history_blocks, history::PRUNED_PER_BLOCK)?;
        }
        write.open_table(META)?.insert(STATE_HEAD, encode_head(&effects.head).as_slice())?;
        write.commit()?;
        Ok(())
    }

    /// Moves the state by the blocks of a segment: their indices and histories, and what they changed together. It
    /// survives a crash when this returns.
    pub(crate) fn apply_segment(
        &self,
        effects: &SegmentEffects<'_>,
        history: u64,
    ) -> Result<(), LedgerError> {
        let Some((last, executed)) = effects.blocks.last() else { return Ok(()) };
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        write.set_quick_repair(true);
        write_pending(&write, effects.pending)?;
        {
            let mut index = Index::open(&write)?;
            for (block, executed) in effects.blocks {
                index.add(&BlockEffects::of(block.header.number, executed))?;
            }
        }
        for (block, executed) in effects.blocks {
            history::record(&write, block.header.number, &executed.diff)?;
        }
        let most = history::PRUNED_PER_BLOCK.saturating_mul(effects.blocks.len() as u64);
        history::prune(&write, last.header.number, history, most)?;
        let head = BlockEffects::of(last.header.number, executed).head;
        write.open_table(META)?.insert(STATE_HEAD, encode_head(&head).as_slice())?;
        write.commit()?;
        Ok(())
    }

    /// Makes everything written so far survive a crash.
    pub(crate) fn flush(&self) -> Result<(), LedgerError> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        write.set_quick_repair(true);
        write.commit()?;
        Ok(())
    }

    pub(crate) fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, LedgerError> {
        let receipts = self.database.begin_read()?.open_table(RECEIPTS)?;
        receipts.get(number)?.map(|bytes| decode_receipts(bytes.value())).transpose()
    }

    pub(crate) fn senders(&self, number: u64) -> Result<Option<Vec<Address>>, LedgerError> {
        let senders = self.database.begin_read()?.open_table(SENDERS)?;
        let stored = senders.get(number)?;
        Ok(stored.map(|bytes| bytes.value().chunks_exact(20).map(Address::from_slice).collect()))
    }

    /// Block and index of a transaction.
    pub(crate) fn transaction(&self, hash: &TxHash) -> Result<Option<(u64, u32)>, LedgerError> {
        let transactions = self.database.begin_read()?.open_table(TRANSACTIONS)?;
        Ok(transactions.get(&hash.0)?.map(|place| place.value()))
    }
}

fn write_diff(write: &WriteTransaction, diff: &StateDiff) -> Result<(), LedgerError> {
    let mut accounts = write.open_table(ACCOUNTS)?;
    for change in &diff.accounts {
        match &change.next {
            Some(account) => accounts.insert(&change.account.0, account.encode().as_slice())?,
            None => accounts.remove(&change.account.0)?,
        };
    }
    let mut storage = write.open_table(STORAGE)?;
    for (account, slots) in &diff.slots {
        for (slot, _, next) in slots {
            let key = slot_key(account, slot);
            if next.is_zero() {
                storage.remove(&key)?;
            } else {
                storage.insert(&key, encode_slot(*next).as_slice())?;
            }
        }
    }
    let mut code = write.open_table(CODE)?;
    for (hash, bytes) in &diff.code {
        code.insert(&hash.0, bytes.as_ref())?;
    }
    write_nodes(write, diff)
}

fn write_nodes(write: &WriteTransaction, diff: &StateDiff) -> Result<(), LedgerError> {
    let mut nodes = write.open_table(ACCOUNT_NODES)?;
    for path in &diff.account_nodes.delete {
        nodes.remove(&path_key(path))?;
    }
    for (path, node) in &diff.account_nodes.put {
        nodes.insert(&path_key(path), encode_node(node).as_slice())?;
    }
    let mut nodes = write.open_table(STORAGE_NODES)?;
    for (account, delta) in &diff.storage_nodes {
        for path in &delta.delete {
            nodes.remove(&storage_path_key(account, &path_key(path)))?;
        }
        for (path, node) in &delta.put {
            nodes.insert(&storage_path_key(account, &path_key(path)), encode_node(node).as_slice())?;
        }
    }
    Ok(())
}

/// What the last block of a segment left in each key, in order of key.
fn write_pending(write: &WriteTransaction, pending: &Pending) -> Result<(), LedgerError> {
    let mut accounts = write.open_table(ACCOUNTS)?;
    for (key, account) in &pending.accounts {
        match account {
            Some(account) => accounts.insert(key, account.encode().as_slice())?,
            None => accounts.remove(key)?,
        };
    }
    let mut storage = write.open_table(STORAGE)?;
    for (key, value) in &pending.slots {
        if value.is_zero() {
            storage.remove(key)?;
        } else {
            storage.insert(key, encode_slot(*value).as_slice())?;
        }
    }
    let mut code = write.open_table(CODE)?;
    for (hash, bytes) in &pending.code {
        code.insert(&hash.0, bytes.as_ref())?;
    }
    let mut nodes = write.open_table(ACCOUNT_NODES)?;
    for (path, node) in &pending.account_nodes {
        match node {
            Some(node) => nodes.insert(path, encode_node(node).as_slice())?,
            None => nodes.remove(path)?,
        };
    }
    let mut nodes = write.open_table(STORAGE_NODES)?;
    for (path, node) in &pending.storage_nodes {
        match node {
            Some(node) => nodes.insert(path, encode_node(node).as_slice())?,
            None => nodes.remove(path)?,
        };
    }
    Ok(())
}

/// The entries of one block by number and transaction.
pub(super) fn write_block(write: &WriteTransaction, effects: &BlockEffects<'_>) -> Result<(), LedgerError> {
    Index::open(write)?.add(effects)
}

/// The tables by block and transaction.
struct Index<'a> {
    receipts: Table<'a, u64, &'static [u8]>,
    senders: Table<'a, u64, &'static [u8]>,
    transactions: Table<'a, &'static [u8; 32], (u64, u32)>,
}

impl<'a> Index<'a> {
    fn open(write: &'a WriteTransaction) -> Result<Self, LedgerError> {
        Ok(Self {
            receipts: write.open_table(RECEIPTS)?,
            senders: write.open_table(SENDERS)?,
            transactions: write.open_table(TRANSACTIONS)?,
        })
    }

    fn add(&mut self, effects: &BlockEffects<'_>) -> Result<(), LedgerError> {
        let number = effects.head.number;
        self.receipts.insert(number, encode_receipts(effects.receipts).as_slice())?;
        let senders: Vec<u8> = effects.senders.iter().flat_map(|sender| sender.0.0).collect();
        self.senders.insert(number, senders.as_slice())?;
        for (index, hash) in (0u32..).zip(effects.transaction_hashes) {
            self.transactions.insert(&hash.0, (number, index))?;
        }
        Ok(())
    }
}

pub(super) fn encode_head(head: &StateHead) -> Vec<u8> {
    [&head.number.to_be_bytes()[..], head.hash.as_slice(), head.root.as_slice()].concat()
}

fn decode_head(bytes: &[u8]) -> Result<StateHead, LedgerError> {
    if bytes.len() != 72 {
        return Err(LedgerError::Corrupt { what: "state head" });
    }
    Ok(StateHead {
        number: be64(&bytes[..8])?,
        hash: B256::from_slice(&bytes[8..40]),
        root: B256::from_slice(&bytes[40..]),
    })
}

fn be64(bytes: &[u8]) -> Result<u64, LedgerError> {
    let bytes = bytes.try_into().map_err(|_| LedgerError::Corrupt { what: "block number" })?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
