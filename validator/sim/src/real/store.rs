//! One node's ledger and the directory it lives in.

use chain::genesis::Genesis;
use ledger::{Ledger, OpenError, Options};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Small caches: a scenario has few blocks and many ledgers.
fn options() -> Options {
    Options { state_cache_bytes: 1 << 20, block_cache_bytes: 1 << 20, ..Options::default() }
}

/// A ledger that survives its process.
#[derive(Debug)]
pub(super) struct Store {
    root: TempDir,
    /// Counts lives: each has its own directory, and begins with a copy of the files of the one before.
    life: u32,
}

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system.
    #[error("ledger directory: {0}")]
    Io(#[from] io::Error),
    /// The ledger.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Store {
    pub(super) fn create(genesis: &Genesis) -> Result<(Self, Ledger), StoreError> {
        let memory = Path::new("/dev/shm");
        // Files in memory: a scenario syncs hundreds of times, and loses its disk when it ends.
        let root = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        let store = Self { root, life: 0 };
        let ledger = Ledger::open(&store.dir(), genesis.clone(), options())?;
        Ok((store, ledger))
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join(self.life.to_string())
    }

    /// What `kill -9` leaves: the files as they are, opened anew. Whoever still holds the old ledger writes elsewhere.
    pub(super) fn reopen(&mut self, genesis: &Genesis) -> Result<Ledger, StoreError> {
        let before = self.dir();
        self.life += 1;
        let after = self.dir();
        fs::create_dir_all(&after)?;
        for file in ["blocks.redb", "state.redb"] {
            fs::copy(before.join(file), after.join(file))?;
        }
        fs::remove_dir_all(before)?;
        Ok(Ledger::open(&after, genesis.clone(), options())?)
    }

    /// An empty directory.
    pub(super) fn replace(&mut self, genesis: &Genesis) -> Result<Ledger, StoreError> {
        fs::remove_dir_all(self.dir())?;
        self.life += 1;
        Ok(Ledger::open(&self.dir(), genesis.clone(), options())?)
    }
}
