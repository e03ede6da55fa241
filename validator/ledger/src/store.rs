//! The two files on disk: `blocks.redb` (sealed, written first) and `state.redb` (derived, may lag, replayable).

pub(crate) mod blocks;
pub(crate) mod codec;
pub(crate) mod history;
pub(crate) mod pending;
pub(crate) mod state;
pub(crate) mod tables;
pub(crate) mod view;

use crate::OpenError;
use redb::{Builder, Database, DatabaseError};
use std::path::Path;

/// Opens or creates one file; reopening after `kill -9` is immediate because every commit saves what repair needs.
fn open_file(path: &Path, cache_bytes: usize) -> Result<Database, OpenError> {
    let opened = Builder::new().set_cache_size(cache_bytes).create(path);
    opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_path_buf() },
        other => OpenError::Ledger(crate::LedgerError::Storage(Box::new(other.into()))),
    })
}
