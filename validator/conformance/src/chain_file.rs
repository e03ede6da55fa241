//! A chain as Ethereum's test tools write it: `genesis.json` in go-ethereum's form and `chain.rlp`, block after block. With a
//! section `config.qbft` it is a network's, whose seals are checked. Blocks of `next.rlp` come later, one at a time.

use alloy_rlp::Decodable;
use chain::genesis::{Genesis, GenesisError};
use ledger::{Block, CommitError, CommittedBlock, InvalidBlock, Ledger, OpenError, Options};
use serde_json::Value;
use std::{
    collections::VecDeque,
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
    #[error("{file}: block {index} does not decode: {source}")]
    Decode {
        /// Its name.
        file: &'static str,
        /// From 0.
        index: usize,
        /// Why.
        source: alloy_rlp::Error,
    },
    /// A block that is refused.
    #[error("{file}: block {number} is refused: {source}")]
    Invalid {
        /// Its file.
        file: &'static str,
        /// Height.
        number: u64,
        /// Why.
        source: Box<InvalidBlock>,
    },
    /// A block that cannot be stored.
    #[error("{file}: block {number}: {source}")]
    Commit {
        /// Its file.
        file: &'static str,
        /// Height.
        number: u64,
        /// Why.
        source: Box<CommitError>,
    },
}

const CHAIN: &str = "chain.rlp";
/// What comes after the chain was loaded.
pub const NEXT: &str = "next.rlp";

/// Loads the chain of a directory into memory, each block checked and executed; hands out each as it is committed.
pub fn load(dir: &Path, mut committed: impl FnMut(&Arc<CommittedBlock>)) -> Result<Ledger, LoadError> {
    let options = Options { history_blocks: 0, ..Options::default() };
    let ledger = Ledger::in_memory(genesis(&read(dir, "genesis.json")?)?, options)?;
    for block in decode(CHAIN, &read(dir, CHAIN)?)? {
        // A file may begin with block 0, which the genesis gave already.
        if block.header.number != 0 {
            committed(&add(&ledger, CHAIN, block)?);
        }
    }
    Ok(ledger)
}

/// The blocks that follow those of the chain; none when there is no such file.
pub fn next(dir: &Path) -> Result<VecDeque<Block>, LoadError> {
    if !dir.join(NEXT).exists() {
        return Ok(VecDeque::new());
    }
    decode(NEXT, &read(dir, NEXT)?).map(VecDeque::from)
}

/// Checks, executes and commits a block of a file.
pub fn add(ledger: &Ledger, file: &'static str, block: Block) -> Result<Arc<CommittedBlock>, LoadError> {
    let number = block.header.number;
    let invalid = |source| LoadError::Invalid { file, number, source: Box::new(source) };
    ledger.validate(&block).map_err(invalid)?;
    ledger.commit(block).map_err(|source| LoadError::Commit { file, number, source: Box::new(source) })
}

fn read(dir: &Path, name: &str) -> Result<Vec<u8>, LoadError> {
    let path = dir.join(name);
    std::fs::read(&path).map_err(|source| LoadError::Read { path, source })
}

/// A network's genesis, or that of an Ethereum chain.
fn genesis(file: &[u8]) -> Result<Genesis, GenesisError> {
    let text = String::from_utf8_lossy(file);
    let json: Value = serde_json::from_str(&text)?;
    match json.pointer("/config/qbft") {
        Some(_) => Genesis::from_json(&text),
        None => Genesis::ethereum_from_json(&text),
    }
}

fn decode(file: &'static str, mut rest: &[u8]) -> Result<Vec<Block>, LoadError> {
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let index = blocks.len();
        blocks.push(Block::decode(&mut rest).map_err(|source| LoadError::Decode { file, index, source })?);
    }
    Ok(blocks)
}
