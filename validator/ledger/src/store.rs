//! The two files on disk: `blocks.redb` (sealed, written first) and `state.redb` (derived, may lag, replayable).

pub(crate) mod behind;
pub(crate) mod blocks;
pub(crate) mod bulk;
pub(crate) mod codec;
pub(crate) mod history;
pub(crate) mod layer;
pub(crate) mod pending;
pub(crate) mod queue;
pub(crate) mod state;
pub(crate) mod tables;
pub(crate) mod tail;
pub(crate) mod view;

use crate::{LedgerError, OpenError, inspect::TableStats};
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTableMetadata, TableHandle,
    backends::InMemoryBackend,
};
use std::path::Path;

/// Where a store is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// In this file.
    File(&'a Path),
    /// Nowhere: it is gone when it is closed.
    Memory,
}

/// Opens or creates one file; reopening after `kill -9` is immediate because every commit saves what repair needs.
fn open_file(place: Place<'_>, cache_bytes: usize) -> Result<Database, OpenError> {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    let (path, opened) = match place {
        Place::File(path) => (path, builder.create(path)),
        Place::Memory => (Path::new("memory"), builder.create_with_backend(InMemoryBackend::new())),
    };
    opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_path_buf() },
        other => OpenError::Ledger(LedgerError::Storage(Box::new(other.into()))),
    })
}

/// Rows and bytes of every table, by walking each.
fn tables(database: &Database) -> Result<Vec<TableStats>, LedgerError> {
    let read = database.begin_read()?;
    let mut tables = Vec::new();
    for handle in read.list_tables()? {
        let name = handle.name().to_string();
        let table = read.open_untyped_table(handle)?;
        let (rows, stats) = (table.len()?, table.stats()?);
        let overhead = stats.metadata_bytes() + stats.fragmented_bytes();
        tables.push(TableStats { name, rows, stored: stats.stored_bytes(), overhead });
    }
    tables.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}
