//! A chain as Ethereum's test tools write it: `genesis.json` in go-ethereum's form and `chain.rlp`, block after block.

use alloy_rlp::Decodable;
use chain::genesis::{Genesis, GenesisError};
use ledger::{Block, CommitError, CommittedBlock, InvalidBlock, Ledger, OpenError, Options};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why a chain cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file that is not there.
    #[error("{path}: {source}; give a directory with genesis.json and chain.rlp")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a genesis file.
    #[error("genesis.json: {0}")]
    Genesis(#[from] GenesisError),
    /// No ledger over this genesis.
    #[error("ledger: {0}")]
    Open(#[from] OpenError),
    /// Bytes that are no block.
    #[error("chain.rlp: block {index} does not decode: {source}")]
    Decode {
        /// From 0.
        index: usize,
        /// Why.
        source: alloy_rlp::Error,
    },
    /// A block that is refused.
    #[error("chain.rlp: block {number} is refused: {source}")]
    Invalid {
        /// Height.
        number: u64,
        /// Why.
        source: Box<InvalidBlock>,
    },
    /// A block that cannot be stored.
    #[error("chain.rlp: block {number}: {source}")]
    Commit {
        /// Height.
        number: u64,
        /// Why.
        source: Box<CommitError>,
    },
}

/// Loads the chain of a directory into memory, each block checked and executed; hands out each as it is committed.
pub fn load(dir: &Path, mut committed: impl FnMut(&Arc<CommittedBlock>)) -> Result<Ledger, LoadError> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path).map_err(|source| LoadError::Read { path, source })
    };
    let (genesis, blocks) = (read("genesis.json")?, read("chain.rlp")?);
    let genesis = Genesis::ethereum_from_json(&String::from_utf8_lossy(&genesis))?;
    let options = Options { history_blocks: 0, ..Options::default() };
    let ledger = Ledger::in_memory(genesis, options)?;
    let (mut rest, mut index) = (blocks.as_slice(), 0);
    while !rest.is_empty() {
        let block = Block::decode(&mut rest).map_err(|source| LoadError::Decode { index, source })?;
        index += 1;
        let number = block.header.number;
        // A file may begin with block 0, which the genesis gave already.
        if number == 0 {
            continue;
        }
        let invalid = |source| LoadError::Invalid { number, source: Box::new(source) };
        ledger.validate(&block).map_err(invalid)?;
        let block = ledger.commit(block);
        committed(&block.map_err(|source| LoadError::Commit { number, source: Box::new(source) })?);
    }
    Ok(ledger)
}
