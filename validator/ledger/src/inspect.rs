//! A ledger's files, looked at while no node has them open: what they hold, and whether it is right.

mod blocks;
mod pass;
mod record;
mod state;

pub use state::Verified;

use crate::{
    LedgerError, OpenError,
    store::{
        Place,
        blocks::BlockStore,
        state::{StateHead, StateStore},
    },
};
use alloy_primitives::B256;
use alloy_trie::Nibbles;
use chain::genesis::Genesis;
use std::path::{Path, PathBuf};

/// Page cache of each file.
const CACHE: usize = 64 << 20;

/// Both files of one ledger. Nothing is replayed, nothing in them is written.
pub struct Files {
    genesis: B256,
    blocks: BlockStore,
    state: StateStore,
    paths: [PathBuf; 2],
}

/// What the files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Newest block and its on-chain hash.
    pub head: (u64, B256),
    /// Block whose state is written; none when no state is.
    pub state_head: Option<u64>,
    /// Oldest block whose state can be read.
    pub oldest_state: u64,
    /// The files.
    pub files: Vec<FileStats>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStats {
    /// Where.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its tables, by name.
    pub tables: Vec<TableStats>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStats {
    /// Name.
    pub name: String,
    /// Entries.
    pub rows: u64,
    /// Bytes of keys and values.
    pub stored: u64,
    /// Bytes of pages beside them.
    pub overhead: u64,
}

/// Why files cannot be looked at, or what is wrong in them.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no ledger.
    #[error("{path} does not exist; check the data directory")]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// The file's size cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Opening failed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A block is not there.
    #[error("block {number} is missing; restore blocks.redb, or resync")]
    NoBlock {
        /// Height.
        number: u64,
    },
    /// Something about a block is not what it must be.
    #[error("block {number}: {what} is {got}, should be {want}; restore blocks.redb, or resync")]
    Block {
        /// Height.
        number: u64,
        /// Which property.
        what: &'static str,
        /// Found.
        got: String,
        /// Worked out.
        want: String,
    },
    /// The state is not that of the block it claims.
    #[error(
        "state of block {number}: {what} is {got}, should be {want}; delete state.redb to rebuild it from blocks"
    )]
    State {
        /// Height.
        number: u64,
        /// Which property.
        what: String,
        /// Worked out from what is stored.
        got: String,
        /// As the header, or what stands above, says.
        want: String,
    },
    /// A stored branch does not follow from the leaves, or is missing.
    #[error(
        "{trie} trie: branch at {path:?} does not follow from the leaves; delete state.redb to rebuild it from blocks"
    )]
    Branch {
        /// Which trie.
        trie: String,
        /// Where.
        path: Nibbles,
    },
    /// The state file is empty.
    #[error("state.redb holds no state; start the node to rebuild it from blocks")]
    NoState,
}

impl Files {
    /// Opens the files in `dir`, which must exist and belong to this chain.
    pub fn open(dir: &Path, genesis: &Genesis) -> Result<Self, InspectError> {
        let paths = ["blocks.redb", "state.redb"].map(|file| dir.join(file));
        if let Some(path) = paths.iter().find(|path| !path.exists()) {
            return Err(InspectError::Missing { path: path.clone() });
        }
        let blocks = BlockStore::open(Place::File(&paths[0]), CACHE, genesis)?;
        let state = StateStore::open(Place::File(&paths[1]), CACHE)?;
        Ok(Self { genesis: genesis.hash, blocks, state, paths })
    }

    /// Sizes and ends.
    pub fn stats(&self) -> Result<Stats, InspectError> {
        let number = self.blocks.head()?;
        let hash = self.blocks.hash(number)?.ok_or(InspectError::NoBlock { number })?;
        let mut files = Vec::new();
        for (path, tables) in self.paths.iter().zip([self.blocks.tables()?, self.state.tables()?]) {
            let size = std::fs::metadata(path);
            let size = size.map_err(|source| InspectError::Unreadable { path: path.clone(), source })?;
            files.push(FileStats { path: path.clone(), bytes: size.len(), tables });
        }
        Ok(Stats {
            head: (number, hash),
            state_head: self.state_head()?.map(|head| head.number),
            oldest_state: self.state.oldest()?,
            files,
        })
    }

    fn state_head(&self) -> Result<Option<StateHead>, LedgerError> {
        self.state.head()
    }
}
