//! Sealed blocks by number, and numbers by hash.

use super::{
    Place, open_file,
    tables::{BODIES, GENESIS, HEADERS, META, NUMBERS},
};
use crate::{BlockBody, LedgerError, OpenError, inspect::TableStats};
use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable};
use chain::genesis::Genesis;
use redb::{Database, Durability, ReadableDatabase, ReadableTable};
use std::ops::RangeInclusive;

/// The block file.
pub(crate) struct BlockStore {
    database: Database,
}

impl BlockStore {
    /// Opens the file, writing block 0 into an empty one; refuses the file of another chain.
    pub(crate) fn open(place: Place<'_>, cache_bytes: usize, genesis: &Genesis) -> Result<Self, OpenError> {
        Self::over(open_file(place, cache_bytes)?, genesis)
    }

    pub(super) fn over(database: Database, genesis: &Genesis) -> Result<Self, OpenError> {
        let store = Self { database };
        match store.genesis()? {
            Some(stored) if stored == genesis.hash => Ok(store),
            Some(stored) => Err(OpenError::WrongGenesis { stored, given: genesis.hash }),
            None => {
                let body = BlockBody {
                    withdrawals: genesis.header.withdrawals_root.map(|_| Vec::new().into()),
                    ..BlockBody::default()
                };
                store.write([(&genesis.header, &body, genesis.hash)], true)?;
                Ok(store)
            }
        }
    }

    /// Lets nobody write until it is dropped.
    #[cfg(test)]
    pub(super) fn hold(&self) -> redb::WriteTransaction {
        self.database.begin_write().unwrap()
    }

    fn genesis(&self) -> Result<Option<B256>, LedgerError> {
        let read = self.database.begin_read()?;
        let meta = match read.open_table(META) {
            Ok(meta) => meta,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let stored = meta.get(GENESIS)?;
        stored.map(|hash| as_hash(hash.value(), "genesis hash")).transpose()
    }

    /// Rows and bytes by table.
    pub(crate) fn tables(&self) -> Result<Vec<TableStats>, LedgerError> {
        super::tables(&self.database)
    }

    /// Number of the newest block.
    pub(crate) fn head(&self) -> Result<u64, LedgerError> {
        let headers = self.database.begin_read()?.open_table(HEADERS)?;
        let last = headers.last()?.map(|(number, _)| number.value());
        last.ok_or(LedgerError::Corrupt { what: "block file without blocks" })
    }

    /// The first block from which on all have their bodies, block 0 aside: a snapshot brings none of those before it.
    pub(crate) fn earliest(&self) -> Result<u64, LedgerError> {
        let bodies = self.database.begin_read()?.open_table(BODIES)?;
        let first = bodies.range(1..)?.next().transpose()?.map(|(number, _)| number.value());
        Ok(first.filter(|number| *number > 1).unwrap_or(0))
    }

    /// Appends a sealed block; it is on disk when this returns.
    pub(crate) fn append(&self, header: &Header, body: &BlockBody, hash: B256) -> Result<(), LedgerError> {
        self.append_all([(header, body, hash)])
    }

    /// Appends sealed blocks in their order, all or none; they are on disk when this returns.
    pub(crate) fn append_all<'a>(
        &self,
        blocks: impl IntoIterator<Item = (&'a Header, &'a BlockBody, B256)>,
    ) -> Result<(), LedgerError> {
        self.write(blocks, false)
    }

    fn write<'a>(
        &self,
        blocks: impl IntoIterator<Item = (&'a Header, &'a BlockBody, B256)>,
        genesis: bool,
    ) -> Result<(), LedgerError> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        write.set_quick_repair(true);
        {
            let (mut headers, mut bodies) = (write.open_table(HEADERS)?, write.open_table(BODIES)?);
            let mut numbers = write.open_table(NUMBERS)?;
            for (header, body, hash) in blocks {
                headers.insert(header.number, record(header, hash).as_slice())?;
                bodies.insert(header.number, alloy_rlp::encode(body).as_slice())?;
                numbers.insert(&hash.0, header.number)?;
                if genesis {
                    write.open_table(META)?.insert(GENESIS, hash.as_slice())?;
                }
            }
        }
        write.commit()?;
        Ok(())
    }

    /// Adds headers without bodies; they are on disk when this returns.
    pub(super) fn put_headers<'a>(
        &self,
        all: impl IntoIterator<Item = (&'a Header, B256)>,
    ) -> Result<(), LedgerError> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        write.set_quick_repair(true);
        {
            let (mut headers, mut numbers) = (write.open_table(HEADERS)?, write.open_table(NUMBERS)?);
            for (header, hash) in all {
                headers.insert(header.number, record(header, hash).as_slice())?;
                numbers.insert(&hash.0, header.number)?;
            }
        }
        write.commit()?;
        Ok(())
    }

    /// Number of a block by its hash.
    pub(crate) fn number(&self, hash: &B256) -> Result<Option<u64>, LedgerError> {
        let numbers = self.database.begin_read()?.open_table(NUMBERS)?;
        Ok(numbers.get(&hash.0)?.map(|number| number.value()))
    }

    /// On-chain hash of a block.
    pub(crate) fn hash(&self, number: u64) -> Result<Option<B256>, LedgerError> {
        let headers = self.database.begin_read()?.open_table(HEADERS)?;
        let record = headers.get(number)?;
        record.map(|record| as_hash(record.value().get(..32).unwrap_or_default(), "block hash")).transpose()
    }

    /// Header and on-chain hash of a block.
    pub(crate) fn header(&self, number: u64) -> Result<Option<(Header, B256)>, LedgerError> {
        let headers = self.database.begin_read()?.open_table(HEADERS)?;
        let Some(record) = headers.get(number)? else { return Ok(None) };
        decode(record.value()).map(Some)
    }

    /// Headers and on-chain hashes of the blocks of a range that are here, ascending, as they are at this moment.
    pub(crate) fn headers(
        &self,
        numbers: RangeInclusive<u64>,
    ) -> Result<impl Iterator<Item = Result<(Header, B256), LedgerError>> + use<>, LedgerError> {
        let headers = self.database.begin_read()?.open_table(HEADERS)?;
        Ok(headers.range(numbers)?.map(|entry| decode(entry?.1.value())))
    }

    /// Body of a block.
    pub(crate) fn body(&self, number: u64) -> Result<Option<BlockBody>, LedgerError> {
        let bodies = self.database.begin_read()?.open_table(BODIES)?;
        let Some(record) = bodies.get(number)? else { return Ok(None) };
        let body = BlockBody::decode(&mut record.value());
        body.map(Some).map_err(|_| LedgerError::Corrupt { what: "block body" })
    }
}

fn decode(record: &[u8]) -> Result<(Header, B256), LedgerError> {
    let corrupt = LedgerError::Corrupt { what: "block header" };
    let Some((hash, mut rlp)) = record.split_at_checked(32) else { return Err(corrupt) };
    let header = Header::decode(&mut rlp).map_err(|_| corrupt)?;
    Ok((header, B256::from_slice(hash)))
}

/// On-chain hash, then the header.
fn record(header: &Header, hash: B256) -> Vec<u8> {
    let mut record = Vec::with_capacity(32 + header.length());
    record.extend_from_slice(hash.as_slice());
    header.encode(&mut record);
    record
}

fn as_hash(bytes: &[u8], what: &'static str) -> Result<B256, LedgerError> {
    B256::try_from(bytes).map_err(|_| LedgerError::Corrupt { what })
}
