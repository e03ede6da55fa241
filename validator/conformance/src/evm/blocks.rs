//! A blockchain test: blocks one after the other onto a genesis, good ones taken and bad ones refused.

use super::{
    Verdict,
    fields::{Config, Hex, State, alloc},
    network,
};
use alloy_primitives::B256;
use alloy_rlp::Decodable;
use chain::genesis::Genesis;
use ledger::{At, Block, Ledger, Options};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::HashMap, fmt::Display};

/// A test of a file.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockchainTest {
    network: String,
    #[serde(rename = "genesisRLP")]
    genesis_rlp: Hex,
    pre: State,
    blocks: Vec<Candidate>,
    lastblockhash: B256,
    #[serde(default, rename = "postState")]
    post_state: Option<State>,
    #[serde(default)]
    config: Config,
}

/// A block as a file holds it; invalid ones say so in one of several keys, or lack the header.
#[derive(Clone, Debug, Deserialize)]
struct Candidate {
    rlp: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Candidate {
    fn is_valid(&self) -> bool {
        let expects = |key: &String| key.starts_with("expectException");
        self.rest.contains_key("blockHeader") && !self.rest.keys().any(expects)
    }

    fn block(&self) -> Result<Block, String> {
        let bytes = alloy_primitives::hex::decode(&self.rlp).map_err(shown)?;
        let mut rest = bytes.as_slice();
        let block = Block::decode(&mut rest).map_err(shown)?;
        if rest.is_empty() { Ok(block) } else { Err(format!("{} bytes after the block", rest.len())) }
    }
}

/// Runs a test.
#[must_use]
pub fn run(test: &BlockchainTest) -> Verdict {
    let merge = test.blocks.iter().filter_map(|candidate| candidate.block().ok());
    let merge =
        merge.filter(|block| block.header.difficulty.is_zero()).map(|block| block.header.number).min();
    let config = match network::rules(&test.network, &test.config, merge) {
        Ok(config) => config,
        Err(reason) => return Verdict::Skipped(reason),
    };
    let outcome = Block::decode(&mut test.genesis_rlp.0.as_ref())
        .map_err(|error| format!("genesis: {error}"))
        .and_then(|genesis| Importer::new(Genesis::ethereum(config, genesis.header, alloc(&test.pre))))
        .and_then(|importer| import(test, importer));
    outcome.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

fn import(test: &BlockchainTest, mut importer: Importer) -> Result<(), String> {
    for (index, candidate) in test.blocks.iter().enumerate() {
        let head = importer.ledger.head().hash;
        match (candidate.is_valid(), candidate.block().and_then(|block| importer.import(block))) {
            (true, Err(reason)) => return Err(format!("block {index} refused: {reason}")),
            (false, Ok(())) => return Err(format!("block {index} taken, expected it to be refused")),
            (true, Ok(())) => {}
            // A refusal may have come after a change of branch, so the head is looked for on it.
            (false, Err(_)) if importer.has_kept(head) => {}
            (false, Err(_)) => return Err(format!("block {index} moved the head though refused")),
        }
    }
    importer.move_to(test.lastblockhash)?;
    match &test.post_state {
        Some(state) => compare(&importer.ledger, state),
        None => Ok(()),
    }
}

/// Every account that the file names is as it says. The root covered them already; this says which one differs.
fn compare(ledger: &Ledger, state: &State) -> Result<(), String> {
    for (address, want) in alloc(state) {
        let got = ledger.account(address, At::Head).map_err(shown)?;
        let code = ledger.code(address, At::Head).map_err(shown)?;
        let same = got.balance == want.balance
            && got.nonce == want.nonce.unwrap_or_default()
            && code == want.code.unwrap_or_default();
        if !same {
            return Err(format!("account {address} is {got:?}, expected balance {}", want.balance));
        }
        for (slot, value) in want.storage.into_iter().flatten() {
            let got = ledger.storage(address, slot.into(), At::Head).map_err(shown)?;
            if B256::from(got) != value {
                return Err(format!("slot {slot} of {address} is {got:#x}, expected {value}"));
            }
        }
    }
    Ok(())
}

/// A chain that keeps blocks of other branches. This ledger is final and never leaves a branch, so another one is
/// executed again from block 0; which one is heavier is not what these tests are for here.
struct Importer {
    genesis: Genesis,
    ledger: Ledger,
    known: HashMap<B256, Block>,
}

impl Importer {
    fn new(genesis: Genesis) -> Result<Self, String> {
        let ledger = open(&genesis)?;
        Ok(Self { genesis, ledger, known: HashMap::new() })
    }

    fn import(&mut self, block: Block) -> Result<(), String> {
        let parent = block.header.parent_hash;
        if parent != self.ledger.head().hash {
            self.move_to(parent)?;
        }
        let hash = block.header.hash_slow();
        append(&self.ledger, block.clone())?;
        self.known.insert(hash, block);
        Ok(())
    }

    /// Makes this block the head.
    fn move_to(&mut self, hash: B256) -> Result<(), String> {
        if hash == self.ledger.head().hash {
            return Ok(());
        }
        let (mut path, mut at) = (Vec::new(), hash);
        while at != self.genesis.hash {
            let block = self.known.get(&at).ok_or_else(|| format!("block {at} is not known"))?;
            path.push(block.clone());
            at = block.header.parent_hash;
        }
        self.ledger = open(&self.genesis)?;
        path.into_iter().rev().try_for_each(|block| append(&self.ledger, block))
    }

    /// Whether nothing was added since `head` was the head.
    fn has_kept(&self, head: B256) -> bool {
        let now = self.ledger.head();
        now.hash == head || self.known.contains_key(&now.hash) || now.hash == self.genesis.hash
    }
}

fn open(genesis: &Genesis) -> Result<Ledger, String> {
    Ledger::in_memory(genesis.clone(), Options::default()).map_err(shown)
}

/// As a node takes a block: refused with the proposer's fault, or committed.
fn append(ledger: &Ledger, block: Block) -> Result<(), String> {
    ledger.validate(&block).map_err(shown)?;
    ledger.commit(block).map_err(shown)?;
    Ok(())
}

fn shown(error: impl Display) -> String {
    error.to_string()
}
