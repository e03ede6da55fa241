//! Errors, one enum per way in.

mod block;
mod call;

pub use block::{CommitError, InvalidBlock};
pub use call::{CallError, SimulateError, TraceError};

use alloy_primitives::{Address, B256};
use std::path::PathBuf;

/// Reading or writing went wrong, or what was asked for is not kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The storage engine failed: disk full, I/O error, damaged file.
    #[error("storage: {0}; check the disk, then restart")]
    Storage(Box<redb::Error>),
    /// The state of a sealed block could not be written behind it.
    #[error(
        "state of block {block} could not be written: {reason}; sealed blocks are safe, a restart replays them"
    )]
    Unwritten {
        /// First block that is not written.
        block: u64,
        /// Why.
        reason: String,
    },
    /// A decided block could not be written.
    #[error(
        "block {block} could not be written: {reason}; free or repair the disk and restart, the node then fetches it again"
    )]
    BlockUnwritten {
        /// Which.
        block: u64,
        /// Why.
        reason: String,
    },
    /// Bytes on disk do not decode: the file is damaged or of another version.
    #[error("stored {what} does not decode; delete state.redb to rebuild it from blocks, or resync")]
    Corrupt {
        /// What was read.
        what: &'static str,
    },
    /// No such block here.
    #[error("unknown block {0}")]
    UnknownBlock(String),
    /// Blocks that old came without bodies and receipts, with a snapshot.
    #[error(
        "pruned history unavailable: block {block} is older than {earliest}, the first one here; ask an archive node"
    )]
    HistoryPruned {
        /// Asked for.
        block: u64,
        /// The first one that is here.
        earliest: u64,
    },
    /// The state of that block is no longer kept.
    #[error(
        "state of block {block} is not kept, oldest is {oldest}; raise the history kept, or ask an archive node"
    )]
    StatePruned {
        /// Asked for.
        block: u64,
        /// Oldest that can be read.
        oldest: u64,
    },
    /// Tries of an older state would have to be put together from too much that changed since.
    #[error(
        "missing trie node: tries go back {limit} blocks and 100,000 changed keys from the head, block {block} is further; ask for a newer block"
    )]
    TriePruned {
        /// Asked for.
        block: u64,
        /// Blocks that tries go back at most.
        limit: u64,
    },
    /// The validator contract did not answer with a list of validators.
    #[error("validator contract {contract} at block {block}: {reason}")]
    ValidatorContract {
        /// Its address.
        contract: Address,
        /// Height of the state it ran on.
        block: u64,
        /// What it did instead.
        reason: String,
    },
    /// A vote scheduled a fork that this version does not have.
    #[error(
        "hardfork {name} is in force from block {block} on and not known to this version; upgrade this node"
    )]
    UnknownHardfork {
        /// As the vote named it.
        name: String,
        /// First block.
        block: u64,
    },
    /// The head moved while a block was built on it.
    #[error("head moved from {was} to {is} meanwhile; build again")]
    HeadMoved {
        /// Number when the work began.
        was: u64,
        /// Number now.
        is: u64,
    },
    /// Attributes that no valid block can have.
    #[error("cannot build: {0}")]
    Attributes(String),
    /// A log query over too many blocks.
    #[error("log query spans {got} blocks, at most {limit} are allowed; split the range")]
    LogRange {
        /// Blocks asked for.
        got: u64,
        /// Allowed.
        limit: u64,
    },
    /// A log query with too many results.
    #[error("log query gives more than {limit} logs; narrow the range or the filter")]
    LogResults {
        /// Allowed.
        limit: usize,
    },
    /// A log query whose results are too long.
    #[error("logs take more than {limit} bytes; narrow the range or the filter")]
    LogBytes {
        /// Allowed.
        limit: usize,
    },
    /// The EVM stopped for a reason that is not the transaction's.
    #[error("execution engine: {0}")]
    Engine(String),
}

/// Opening a ledger's directory failed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or read.
    #[error("ledger directory {path}: {source}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that writes the state cannot be started.
    #[error("state writer: {0}; raise the limit on threads or memory")]
    Thread(std::io::Error),
    /// Another process has it open.
    #[error("{path} is open in another process; stop it first")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// The directory belongs to another chain.
    #[error(
        "ledger holds the chain of genesis {stored}, the genesis given is {given}; give the right genesis file or another data directory"
    )]
    WrongGenesis {
        /// In the directory.
        stored: B256,
        /// Given.
        given: B256,
    },
    /// State was written for a block that is not there.
    #[error(
        "state is at block {state}, blocks end at {blocks}: the block file was replaced or rolled back; restore it, or delete state.redb to rebuild"
    )]
    StateAhead {
        /// Of the state.
        state: u64,
        /// Of the blocks.
        blocks: u64,
    },
    /// The state is not that of the block it claims.
    #[error(
        "state root at block {block} is {got}, its header says {want}; delete state.redb to rebuild it from blocks"
    )]
    StateRoot {
        /// Height.
        block: u64,
        /// Stored.
        got: B256,
        /// In the header.
        want: B256,
    },
    /// A sealed block does not execute to its own header.
    #[error("replaying block {block}: {source}")]
    Replay {
        /// Height.
        block: u64,
        /// Why.
        source: Box<InvalidBlock>,
    },
    /// Reading or writing.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

macro_rules! storage_errors {
    ($($source:ty),* $(,)?) => {$(
        impl From<$source> for LedgerError {
            fn from(source: $source) -> Self {
                Self::Storage(Box::new(source.into()))
            }
        }
    )*};
}

storage_errors!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError,
);

/// So that the EVM can carry our own errors through.
impl revm::database_interface::DBErrorMarker for LedgerError {}
