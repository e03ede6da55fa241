//! The flat tables as a whole: read from end to end, and filled from a snapshot.

use super::{
    blocks::BlockStore,
    codec::{SlimAccount, decode_slot, encode_node, encode_slot, path_key, slot_key, storage_path_key},
    state::{BlockEffects, StateHead, StateStore, encode_head, write_block},
    tables::{ACCOUNT_NODES, ACCOUNTS, CODE, META, PRUNED, STATE_HEAD, STORAGE, STORAGE_NODES, SlotKey},
};
use crate::{LedgerError, trie::walk::TrieDelta};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use redb::{
    Durability, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata as _, Table, WriteTransaction,
};
use std::iter::Peekable;

/// META of a state that a snapshot is being read into: how far it is.
const IMPORT: &str = "snapshot_import";

/// An account, or a slot of the account before.
pub(crate) enum FlatEntry {
    Account(B256, SlimAccount),
    Slot(B256, U256),
}

/// Accounts, storage and code at one moment.
pub(crate) struct Flat {
    accounts: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    storage: ReadOnlyTable<&'static SlotKey, &'static [u8]>,
    code: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
}

impl StateStore {
    /// The flat tables of this moment.
    pub(crate) fn flat(&self) -> Result<Flat, LedgerError> {
        let read = self.database.begin_read()?;
        Ok(Flat {
            accounts: read.open_table(ACCOUNTS)?,
            storage: read.open_table(STORAGE)?,
            code: read.open_table(CODE)?,
        })
    }

    /// How far an import had come when it was last written, in the importer's own bytes.
    pub(crate) fn imported(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        let meta = self.database.begin_read()?.open_table(META)?;
        Ok(meta.get(IMPORT)?.map(|bytes| bytes.value().to_vec()))
    }

    /// Adds to the flat tables, durable with how far that is when this returns.
    pub(crate) fn fill<E: From<LedgerError>>(
        &self,
        add: impl FnOnce(&mut Filler<'_>) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        let write = self.begin()?;
        let progress = add(&mut Filler::open(&write)?)?;
        put_progress(&write, Some(&progress))?;
        committed(write)?;
        Ok(())
    }

    /// Stores branches of the account trie and of storage tries.
    pub(crate) fn put_nodes(
        &self,
        accounts: &TrieDelta,
        storage: &[(B256, TrieDelta)],
    ) -> Result<(), LedgerError> {
        let write = self.begin()?;
        {
            let mut nodes = write.open_table(ACCOUNT_NODES)?;
            for (path, node) in &accounts.put {
                nodes.insert(&path_key(path), encode_node(node).as_slice())?;
            }
            let mut nodes = write.open_table(STORAGE_NODES)?;
            for (account, delta) in storage {
                for (path, node) in &delta.put {
                    nodes
                        .insert(&storage_path_key(account, &path_key(path)), encode_node(node).as_slice())?;
                }
            }
        }
        committed(write)
    }

    /// Ends an import: the state is that of this block, and none before it is kept.
    pub(crate) fn finish_import(&self, block: &BlockEffects<'_>) -> Result<(), LedgerError> {
        let write = self.begin()?;
        // Block 0 holds nothing, as in a ledger that began with it.
        let head = StateHead { number: 0, ..block.head };
        write_block(&write, &BlockEffects { head, receipts: &[], senders: &[], transaction_hashes: &[] })?;
        write_block(&write, block)?;
        {
            let mut meta = write.open_table(META)?;
            meta.insert(STATE_HEAD, encode_head(&block.head).as_slice())?;
            meta.insert(PRUNED, block.head.number.to_be_bytes().as_slice())?;
        }
        put_progress(&write, None)?;
        committed(write)
    }

    fn begin(&self) -> Result<WriteTransaction, LedgerError> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        write.set_quick_repair(true);
        Ok(write)
    }
}

fn put_progress(write: &WriteTransaction, progress: Option<&[u8]>) -> Result<(), LedgerError> {
    let mut meta = write.open_table(META)?;
    match progress {
        Some(progress) => meta.insert(IMPORT, progress)?,
        None => meta.remove(IMPORT)?,
    };
    Ok(())
}

fn committed(write: WriteTransaction) -> Result<(), LedgerError> {
    write.commit()?;
    Ok(())
}

/// Fills the flat tables within one commit.
pub(crate) struct Filler<'a> {
    accounts: Table<'a, &'static [u8; 32], &'static [u8]>,
    storage: Table<'a, &'static SlotKey, &'static [u8]>,
    code: Table<'a, &'static [u8; 32], &'static [u8]>,
}

impl<'a> Filler<'a> {
    fn open(write: &'a WriteTransaction) -> Result<Self, LedgerError> {
        Ok(Self {
            accounts: write.open_table(ACCOUNTS)?,
            storage: write.open_table(STORAGE)?,
            code: write.open_table(CODE)?,
        })
    }

    pub(crate) fn account(&mut self, key: &B256, account: &SlimAccount) -> Result<(), LedgerError> {
        self.accounts.insert(&key.0, account.encode().as_slice())?;
        Ok(())
    }

    pub(crate) fn slot(&mut self, account: &B256, slot: &B256, value: U256) -> Result<(), LedgerError> {
        self.storage.insert(&slot_key(account, slot), encode_slot(value).as_slice())?;
        Ok(())
    }

    pub(crate) fn code(&mut self, hash: &B256, code: &[u8]) -> Result<(), LedgerError> {
        self.code.insert(&hash.0, code)?;
        Ok(())
    }
}

impl Flat {
    /// Numbers of accounts, slots and codes.
    pub(crate) fn counts(&self) -> Result<[u64; 3], LedgerError> {
        Ok([self.accounts.len()?, self.storage.len()?, self.code.len()?])
    }

    /// Code by hash.
    pub(crate) fn code(&self, hash: &B256) -> Result<Vec<u8>, LedgerError> {
        let code = self.code.get(&hash.0)?.map(|bytes| bytes.value().to_vec());
        code.ok_or(LedgerError::Corrupt { what: "contract code" })
    }

    pub(crate) fn has_code(&self, hash: &B256) -> Result<bool, LedgerError> {
        Ok(self.code.get(&hash.0)?.is_some())
    }

    /// Every account in order of key, each followed by its slots in order of key.
    pub(crate) fn each<E: From<LedgerError>>(
        &self,
        mut take: impl FnMut(FlatEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let slots = self.storage.range::<&SlotKey>(..).map_err(LedgerError::from)?.map(|entry| {
            let (key, value) = entry?;
            Ok::<_, LedgerError>((*key.value(), decode_slot(value.value())?))
        });
        let mut slots = slots.peekable();
        for entry in self.accounts.range::<&[u8; 32]>(..).map_err(LedgerError::from)? {
            let (key, value) = entry.map_err(LedgerError::from)?;
            let account = B256::from(*key.value());
            take(FlatEntry::Account(account, SlimAccount::decode(value.value())?))?;
            while let Some((slot, value)) = next_of(&mut slots, &account)? {
                take(FlatEntry::Slot(slot, value))?;
            }
        }
        // A slot of no account stops the walk over all others after it.
        match slots.next() {
            Some(Err(error)) => Err(error.into()),
            Some(Ok(_)) => Err(LedgerError::Corrupt { what: "storage of no account" }.into()),
            None => Ok(()),
        }
    }
}

fn next_of(
    slots: &mut Peekable<impl Iterator<Item = Result<(SlotKey, U256), LedgerError>>>,
    account: &B256,
) -> Result<Option<(B256, U256)>, LedgerError> {
    let is_next =
        |entry: &Result<(SlotKey, U256), _>| entry.as_ref().map_or(true, |(key, _)| key[..32] == account.0);
    let next = slots.next_if(is_next).transpose()?;
    Ok(next.map(|(key, value)| (B256::from_slice(&key[32..]), value)))
}

impl BlockStore {
    /// Adds headers that were vouched for, without their bodies.
    pub(crate) fn append_headers(&self, headers: &[(B256, Header)]) -> Result<(), LedgerError> {
        self.put_headers(headers.iter().map(|(hash, header)| (header, *hash)))
    }
}
