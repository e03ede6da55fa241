//! One node's ledger and the directory it lives in.

use chain::genesis::Genesis;
use ledger::{Ledger, LedgerError, OpenError, Options};
use std::{fs, io, path::PathBuf};
use tempfile::TempDir;

/// Small caches: a scenario has few blocks and many ledgers.
fn options() -> Options {
    Options { state_cache_bytes: 1 << 20, block_cache_bytes: 1 << 20, ..Options::default() }
}

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";
/// Containers get 64 MiB there, which a few networks fill: 2 MiB a node. Half of a machine's memory is the usual size.
const LEAST_KIB: u64 = 1 << 20;

/// Whether files in memory have room, by the table of mounts.
fn has_room(mounts: &str) -> bool {
    let mut lines = mounts.lines().map(str::split_whitespace);
    let options = lines.find_map(|mut words| (words.nth(1) == Some(MEMORY)).then(|| words.nth(1)));
    let Some(Some(options)) = options else { return false };
    let size = options.split(',').find_map(|option| option.strip_prefix("size="));
    size.is_none_or(|size| {
        size.strip_suffix('k').and_then(|kib| kib.parse().ok()).is_some_and(|kib: u64| kib >= LEAST_KIB)
    })
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
    /// The ledger that was open before.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Store {
    pub(super) fn create(genesis: &Genesis) -> Result<(Self, Ledger), StoreError> {
        // Files in memory: a scenario syncs hundreds of times, and loses its disk when it ends.
        let root = match fs::read_to_string("/proc/mounts") {
            Ok(mounts) if has_room(&mounts) => TempDir::new_in(MEMORY)?,
            _ => TempDir::new()?,
        };
        let store = Self { root, life: 0 };
        let ledger = Ledger::open(&store.dir(), genesis.clone(), options())?;
        Ok((store, ledger))
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join(self.life.to_string())
    }

    /// What `kill -9` leaves: the files as they are, opened anew. Whoever still holds the old ledger writes elsewhere. A
    /// copy is not made in one moment, so the old ledger's writer must have nothing to do.
    pub(super) fn reopen(&mut self, old: &Ledger, genesis: &Genesis) -> Result<Ledger, StoreError> {
        old.flush()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_to_memory_only_where_it_has_room() {
        let mounts = |options: &str| format!("proc /proc proc rw 0 0\ntmpfs /dev/shm tmpfs {options} 0 0\n");
        assert!(has_room(&mounts("rw,nosuid,nodev")));
        assert!(has_room(&mounts("rw,size=8192000k,inode64")));
        assert!(!has_room(&mounts("rw,size=65536k")));
        assert!(!has_room("proc /proc proc rw 0 0\n"));
    }
}
