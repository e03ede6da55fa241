//! The file: three tables, and how far they go.

use super::rows::Rows;
use alloy_primitives::{Address, B256};
use parking_lot::{Condvar, Mutex};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use std::{path::Path, time::Duration};

/// Address, block, position in the block.
const APPEARANCES: TableDefinition<&[u8; 32], ()> = TableDefinition::new("appearances");
/// Sender and nonce: block, position in the block.
const SENT: TableDefinition<&[u8; 28], &[u8; 12]> = TableDefinition::new("sent");
/// Contract: block, position in the block, who made it.
const MADE: TableDefinition<&[u8; 20], &[u8; 32]> = TableDefinition::new("made");
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

const GENESIS: &str = "genesis";
const NEXT: &str = "next";
const CALLS_FROM: &str = "calls from";
/// Page cache; the index is written in small steps and read seldom.
const CACHE_BYTES: usize = 16 << 20;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file.
    #[error("index of addresses: {0}; if this stays, delete ots.redb: it is made anew from the chain")]
    File(#[source] Box<redb::Error>),
    /// Of another chain.
    #[error(
        "index of addresses belongs to the chain of genesis {got}, this one's is {want}; delete ots.redb"
    )]
    Genesis {
        /// In the file.
        got: String,
        /// Of the chain.
        want: B256,
    },
    /// A row that we never wrote.
    #[error("index of addresses is damaged ({0}); delete ots.redb: it is made anew from the chain")]
    Corrupt(&'static str),
    /// The chain that it is made from.
    #[error("index of addresses, block {block}: {reason}")]
    Chain {
        /// Being indexed.
        block: u64,
        /// Why it could not be.
        reason: String,
    },
}

impl<E: Into<redb::Error>> From<E> for IndexError {
    fn from(error: E) -> Self {
        Self::File(Box::new(error.into()))
    }
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Appearance {
    /// Height.
    pub block: u64,
    /// Position in the block.
    pub index: u32,
}

impl Appearance {
    pub(super) fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.block.to_be_bytes());
        bytes[8..].copy_from_slice(&self.index.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let corrupt = |_| IndexError::Corrupt("place of a transaction");
        let (block, index) =
            bytes.split_at_checked(8).ok_or(IndexError::Corrupt("place of a transaction"))?;
        Ok(Self {
            block: u64::from_be_bytes(block.try_into().map_err(corrupt)?),
            index: u32::from_be_bytes(index.try_into().map_err(corrupt)?),
        })
    }
}

/// Transactions that touched an address, blocks whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order they were asked for.
    pub found: Vec<Appearance>,
    /// Whether there are more in that direction.
    pub more: bool,
}

/// The index; shared by its writer and its readers.
pub struct OtsIndex {
    db: Database,
    next: Mutex<u64>,
    grown: Condvar,
}

impl OtsIndex {
    /// Opens or creates the index of the chain with this genesis.
    pub fn open(path: &Path, genesis: B256) -> Result<Self, IndexError> {
        let db = Database::builder().set_cache_size(CACHE_BYTES).create(path)?;
        let write = db.begin_write()?;
        write.open_table(APPEARANCES)?;
        write.open_table(SENT)?;
        write.open_table(MADE)?;
        let next = {
            let mut meta = write.open_table(META)?;
            let known = meta.get(GENESIS)?.map(|bytes| bytes.value().to_vec());
            match known {
                None => drop(meta.insert(GENESIS, genesis.as_slice())?),
                Some(known) if known == genesis.as_slice() => {}
                Some(known) => {
                    return Err(IndexError::Genesis {
                        got: alloy_primitives::hex::encode_prefixed(known),
                        want: genesis,
                    });
                }
            }
            number(meta.get(NEXT)?.map(|bytes| bytes.value().to_vec()))?
        };
        write.commit()?;
        Ok(Self { db, next: Mutex::new(next.unwrap_or_default()), grown: Condvar::new() })
    }

    /// The first block that is not in it yet.
    pub fn next(&self) -> u64 {
        *self.next.lock()
    }

    /// Waits, but not for ever, until a block is in it; returns whether it is.
    pub fn wait_for(&self, block: u64, patience: Duration) -> bool {
        let mut next = self.next.lock();
        !self.grown.wait_while_for(&mut next, |next| *next <= block, patience).timed_out()
    }

    /// The first block from which on calls between contracts are in it: the state of those before was pruned already.
    pub fn calls_from(&self) -> Result<u64, IndexError> {
        let meta = self.db.begin_read()?.open_table(META)?;
        Ok(number(meta.get(CALLS_FROM)?.map(|bytes| bytes.value().to_vec()))?.unwrap_or_default())
    }

    /// At least `most` transactions that touched an address in blocks below `block`, the newest first, unless there are not so
    /// many. The last block is whole: only by its number can a client ask for what follows.
    pub fn before(&self, address: Address, block: u64, most: usize) -> Result<Page, IndexError> {
        let table = self.db.begin_read()?.open_table(APPEARANCES)?;
        let (low, high) =
            (key(address, Appearance { block: 0, index: 0 }), key(address, Appearance { block, index: 0 }));
        page(table.range::<&[u8; 32]>(&low..&high)?.rev(), most)
    }

    /// The same in blocks above `block`, the oldest first.
    pub fn after(&self, address: Address, block: Option<u64>, most: usize) -> Result<Page, IndexError> {
        let table = self.db.begin_read()?.open_table(APPEARANCES)?;
        let from = block.map_or(0, |block| block.saturating_add(1));
        let (low, high) = (
            key(address, Appearance { block: from, index: 0 }),
            key(address, Appearance { block: u64::MAX, index: u32::MAX }),
        );
        page(table.range::<&[u8; 32]>(&low..&high)?, most)
    }

    /// The transaction of a sender with a nonce.
    pub fn sent(&self, sender: Address, nonce: u64) -> Result<Option<Appearance>, IndexError> {
        let table = self.db.begin_read()?.open_table(SENT)?;
        let found = table.get(&sent_key(sender, nonce))?;
        found.map(|bytes| Appearance::from_bytes(bytes.value())).transpose()
    }

    /// The transaction that made a contract, and the account that did.
    pub fn made(&self, contract: Address) -> Result<Option<(Appearance, Address)>, IndexError> {
        let table = self.db.begin_read()?.open_table(MADE)?;
        let Some(bytes) = table.get(&contract.0.0)? else { return Ok(None) };
        let (place, creator) = bytes.value().split_at(12);
        Ok(Some((Appearance::from_bytes(place)?, Address::from_slice(creator))))
    }

    /// Rows of all tables.
    pub fn rows(&self) -> Result<u64, IndexError> {
        let read = self.db.begin_read()?;
        Ok(read.open_table(APPEARANCES)?.len()?
            + read.open_table(SENT)?.len()?
            + read.open_table(MADE)?.len()?)
    }

    /// Adds blocks up to, not including, `next`; `durable` once they are to survive a power cut.
    pub(super) fn add(&self, rows: &Rows, next: u64, durable: bool) -> Result<(), IndexError> {
        let mut write = self.db.begin_write()?;
        write
            .set_durability(if durable { Durability::Immediate } else { Durability::None })
            .map_err(|error| IndexError::File(Box::new(error.into())))?;
        insert(&write, rows, next)?;
        write.commit()?;
        *self.next.lock() = next;
        self.grown.notify_all();
        Ok(())
    }
}

fn insert(write: &WriteTransaction, rows: &Rows, next: u64) -> Result<(), IndexError> {
    let mut appearances = write.open_table(APPEARANCES)?;
    for (address, place) in &rows.appearances {
        appearances.insert(&key(*address, *place), ())?;
    }
    let mut sent = write.open_table(SENT)?;
    for ((sender, nonce), place) in &rows.sent {
        sent.insert(&sent_key(*sender, *nonce), &place.to_bytes())?;
    }
    let mut made = write.open_table(MADE)?;
    for (contract, place, creator) in &rows.made {
        let mut value = [0; 32];
        value[..12].copy_from_slice(&place.to_bytes());
        value[12..].copy_from_slice(creator.as_slice());
        made.insert(&contract.0.0, &value)?;
    }
    let mut meta = write.open_table(META)?;
    meta.insert(NEXT, next.to_be_bytes().as_slice())?;
    if let Some(block) = rows.calls_from {
        meta.insert(CALLS_FROM, block.to_be_bytes().as_slice())?;
    }
    Ok(())
}

fn key(address: Address, place: Appearance) -> [u8; 32] {
    let mut key = [0; 32];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&place.to_bytes());
    key
}

fn sent_key(sender: Address, nonce: u64) -> [u8; 28] {
    let mut key = [0; 28];
    key[..20].copy_from_slice(sender.as_slice());
    key[20..].copy_from_slice(&nonce.to_be_bytes());
    key
}

fn number(bytes: Option<Vec<u8>>) -> Result<Option<u64>, IndexError> {
    let number = bytes.map(|bytes| Ok(u64::from_be_bytes(bytes.as_slice().try_into()?)));
    number.transpose().map_err(|_: std::array::TryFromSliceError| IndexError::Corrupt("a block number"))
}

type Row<'a> = (redb::AccessGuard<'a, &'static [u8; 32]>, redb::AccessGuard<'a, ()>);

fn page<'a>(
    rows: impl Iterator<Item = Result<Row<'a>, redb::StorageError>>,
    most: usize,
) -> Result<Page, IndexError> {
    let mut found: Vec<Appearance> = Vec::new();
    for row in rows {
        let (key, _) = row?;
        let place = Appearance::from_bytes(&key.value()[20..])?;
        if found.len() >= most && found.last().is_some_and(|last| last.block != place.block) {
            return Ok(Page { found, more: true });
        }
        found.push(place);
    }
    Ok(Page { found, more: false })
}
