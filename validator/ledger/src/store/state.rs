//! The state file: one transaction moves everything derived from a block, or from several, so that a crash leaves it at
//! some block exactly, never between two.

use super::{
    Place,
    codec::{decode_receipts, encode_node, encode_receipts, encode_slot},
    history,
    layer::Layer,
    open_file,
    pending::Pending,
    tables::{
        ACCOUNT_HISTORY, ACCOUNT_NODES, ACCOUNTS, CHANGED, CHANGED_MORE, CODE, META, PRUNED, RECEIPTS,
        SENDERS, SLOT_HISTORY, STATE_HEAD, STORAGE, STORAGE_NODES, TRANSACTIONS,
    },
    view::StateView,
};
use crate::{LedgerError, OpenError, Receipt, execute::block::Executed, inspect::TableStats};
use alloy_primitives::{Address, B256, TxHash};
use redb::{Database, Durability, ReadableDatabase, Table, WriteTransaction};
use std::sync::Arc;

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
    pub(crate) receipts: &'a [Receipt],
    pub(crate) senders: &'a [Address],
    pub(crate) transaction_hashes: &'a [TxHash],
}

impl<'a> BlockEffects<'a> {
    fn of(number: u64, executed: &'a Executed) -> Self {
        Self {
            head: StateHead { number, hash: executed.hash, root: executed.diff.root },
            receipts: &executed.receipts,
            senders: &executed.senders,
            transaction_hashes: &executed.transaction_hashes,
        }
    }
}

/// How the file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteOptions {
    /// Blocks of history kept; 0 keeps all.
    pub(crate) history_blocks: u64,
    /// A commit with a block whose number is a multiple of this survives a crash, and with it all before.
    pub(crate) durable_every: u64,
}

/// The state file.
pub(crate) struct StateStore {
    pub(crate) database: Database,
}

impl StateStore {
    pub(crate) fn open(place: Place<'_>, cache_bytes: usize) -> Result<Self, OpenError> {
        Ok(Self::over(open_file(place, cache_bytes)?)?)
    }

    pub(crate) fn over(database: Database) -> Result<Self, LedgerError> {
        let store = Self { database };
        if !store.has_tables()? {
            store.create_tables()?;
        }
        Ok(store)
    }

    fn has_tables(&self) -> Result<bool, LedgerError> {
        // The youngest of them: files of older versions get it when they are opened.
        match self.database.begin_read()?.open_table(CHANGED_MORE) {
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
        write.open_table(CHANGED_MORE)?;
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

    /// Moves the state by the blocks of these layers, at once: their indices and histories, and of each key what the last
    /// of them leaves in it.
    pub(crate) fn write(&self, layers: &[Arc<Layer>], options: WriteOptions) -> Result<(), LedgerError> {
        let Some(head) = layers.last().and_then(|layer| layer.head()) else { return Ok(()) };
        let blocks = || layers.iter().flat_map(|layer| &layer.blocks);
        let durable = blocks().any(|(number, _)| number.is_multiple_of(options.durable_every.max(1)));
        let mut write = self.database.begin_write()?;
        write.set_durability(if durable { Durability::Immediate } else { Durability::None })?;
        write.set_quick_repair(durable);
        write_pending(&write, &together(layers))?;
        {
            let mut index = Index::open(&write)?;
            for (number, executed) in blocks() {
                index.add(&BlockEffects::of(*number, executed))?;
            }
        }
        // Block 0 has nothing before it.
        let mut keys = 0;
        for (number, executed) in blocks().filter(|(number, _)| *number > 0) {
            keys += history::record(&write, *number, &executed.diff)?;
        }
        history::prune(&write, head.number, options.history_blocks, (blocks().count(), keys))?;
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

/// What several layers changed together.
fn together(layers: &[Arc<Layer>]) -> Arc<Pending> {
    let mut all = layers.iter().map(|layer| &layer.last);
    let mut together = all.next().map(Arc::clone).unwrap_or_default();
    for later in all {
        Arc::make_mut(&mut together).extend(later);
    }
    together
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
        match value {
            Some(value) => storage.insert(key, encode_slot(*value).as_slice())?,
            None => storage.remove(key)?,
        };
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
pub(crate) mod tests;
