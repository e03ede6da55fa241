//! A node's database while the node is stopped: blocks out to a file and in from one.
//!
//! The file is the one of `geth export` and Besu's `blocks export`: sealed blocks in RLP, one after the other, ascending.
//! Both ways go on where they stopped.

mod export;
mod file;
mod import;

pub use export::export;
pub use import::import;

use ledger::{CommitError, LedgerError, OpenError};
use std::path::PathBuf;

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Blocks that were there already.
    pub skipped: u64,
    /// Blocks written.
    pub written: u64,
    /// The last block.
    pub last: u64,
}

/// Why blocks cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The file.
    #[error("block file {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Bytes in the file are no block.
    #[error("block file {path}, byte {offset}: {reason}; write the file anew")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where the block begins.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The range asked for is not there.
    #[error("blocks {from} to {to} are not all here, the newest is {newest}; ask for fewer")]
    Range {
        /// First asked for.
        from: u64,
        /// Last asked for.
        to: u64,
        /// Newest here.
        newest: u64,
    },
    /// The file holds something else.
    #[error(
        "block {number} of the file has hash {got}, here it has {want}; it is of another chain, or damaged"
    )]
    Other {
        /// Height.
        number: u64,
        /// In the file.
        got: String,
        /// Here.
        want: String,
    },
    /// The file's blocks begin elsewhere.
    #[error("block file begins with block {got}, not with {want}; name another file")]
    Start {
        /// In the file.
        got: u64,
        /// Asked for.
        want: u64,
    },
    /// The file skips blocks.
    #[error("block file goes on with block {got}, the next one is {want}; export from {want} on")]
    Gap {
        /// In the file.
        got: u64,
        /// Needed.
        want: u64,
    },
    /// A block is refused.
    #[error("block {number}: {source}")]
    Refused {
        /// Height.
        number: u64,
        /// Why.
        source: Box<CommitError>,
    },
    /// Opening the database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading or writing the database.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
