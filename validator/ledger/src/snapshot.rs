//! Snapshot files: the state after one block, so that a new node need not execute the chain.
//!
//! `quorsnap`, then frames. A frame is its kind (1 byte), its length (4 bytes, big-endian), `keccak(index ‖ kind ‖ payload)`
//! and the payload; the index is the frame's place, 8 bytes big-endian. In this order:
//!
//! | kind | payload |
//! |---|---|
//! | 0 | `rlp([version, genesis hash, block number, block hash, headers that follow])` |
//! | 1, repeated | headers in RLP with their seals, ascending, the last one the block's |
//! | 2 | `rlp([body, receipts])` of the block |
//! | 3, repeated | state: code before the first account that has it, accounts in order of `keccak(address)`, after each its slots in order of `keccak(slot)` |
//! | 4 | accounts, slots and codes, 8 bytes each |
//!
//! Whoever imports names the block's hash (ADR 19): it vouches for the header, the header's state root for every account
//! and slot, parent hashes for the headers before.

mod export;
mod frame;
mod import;
mod record;
mod root;

pub use import::import;

use crate::{LedgerError, OpenError};
use alloy_primitives::B256;
use std::{io, path::PathBuf};

/// First bytes of a file.
const MAGIC: &[u8; 8] = b"quorsnap";
/// Of the format.
const VERSION: u64 = 1;
/// Bytes of state after which a frame ends: large enough to read at disk speed, small enough to tell where a copy is damaged.
pub const FRAME_BYTES: usize = 1 << 20;
/// Headers before the block that contracts can ask for (BLOCKHASH), itself included.
const HEADERS: u64 = 256;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file written or read so far; the whole file while roots are worked out.
    pub bytes: u64,
    /// Accounts so far: written, read, or with their root worked out.
    pub accounts: u64,
    /// Slots so far.
    pub slots: u64,
    /// Codes so far.
    pub codes: u64,
    /// Share of the pass that is done: writing, reading, or working out roots.
    pub percent: u64,
    /// Whether everything is read and roots are being worked out.
    pub hashing: bool,
}

fn percent(done: u64, all: u64) -> u64 {
    (u128::from(done) * 100)
        .checked_div(all.into())
        .map_or(100, |percent| u64::try_from(percent).unwrap_or(100))
}

/// Why there is no snapshot, or why it is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file, or a folder.
    #[error("{path}: {source}; check the path and the space left")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another kind of file, or another version of it.
    #[error("not a snapshot of version {VERSION}: {found}; export it anew with this version")]
    Format {
        /// What it begins with.
        found: String,
    },
    /// Of another chain.
    #[error("snapshot is of the chain with genesis {got}, this node's is {want}; take one of this chain")]
    Genesis {
        /// In the file.
        got: B256,
        /// This node's.
        want: B256,
    },
    /// Of another block than the operator trusts.
    #[error(
        "snapshot is of block {got}, the hash given is {want}; ask several nodes for the hash of this block, and take the file from elsewhere if they agree on another"
    )]
    Pin {
        /// In the file.
        got: B256,
        /// Given.
        want: B256,
    },
    /// A frame does not have its hash.
    #[error("frame {frame} at byte {offset} is damaged; copy the file anew")]
    Damaged {
        /// Its place.
        frame: u64,
        /// Where it begins.
        offset: u64,
    },
    /// The file ends too early.
    #[error("file ends at byte {offset}, inside frame {frame}; copy it anew")]
    Truncated {
        /// Frame that should go on.
        frame: u64,
        /// Length of the file.
        offset: u64,
    },
    /// Whoever wrote a frame wrote it wrong.
    #[error("frame {frame}: {what}; take the file from another node")]
    Malformed {
        /// Its place.
        frame: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The state is not the one that the block's header names.
    #[error("{what} is {got}, {want} is what the block says; the file is forged: take it from another node")]
    Root {
        /// Root of what.
        what: String,
        /// Worked out.
        got: B256,
        /// Vouched for.
        want: B256,
    },
    /// There is a chain already.
    #[error("{path} holds a chain; a snapshot is for a new node: name another data directory, or remove it")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Reading or writing the ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Opening the ledger that is made.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl SnapshotError {
    /// Whether the file itself is at fault, so that nothing of it may stay.
    pub const fn is_refusal(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::NotEmpty { .. } | Self::Ledger(_) | Self::Open(_))
    }
}
