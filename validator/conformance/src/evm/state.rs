//! A state test: one transaction on a given state, under several forks.

use super::{
    Verdict,
    fields::{Config, Hex, Number, State, alloc},
    network,
    transaction::{Indexes, Parts, decode},
};
use alloy_consensus::Header;
use alloy_genesis::ChainConfig;
use alloy_primitives::{Address, B256, Log, keccak256};
use chain::genesis::{Genesis, alloc_root};
use ledger::{Ledger, Options, Receipt, Transaction, Transition};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Ancestors that BLOCKHASH reaches.
const BLOCKHASH_WINDOW: u64 = 256;
/// Base fee of a file that names none: what the tool that filled them assumed.
const DEFAULT_BASE_FEE: u64 = 0x0a;

/// A test of a file.
#[derive(Clone, Debug, Deserialize)]
pub struct StateTest {
    env: Env,
    pre: State,
    transaction: Parts,
    /// Cases by fork.
    pub post: BTreeMap<String, Vec<Case>>,
    #[serde(default)]
    config: Config,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "as the files name them")]
struct Env {
    current_coinbase: Address,
    current_gas_limit: Number,
    current_number: Number,
    current_timestamp: Number,
    #[serde(default)]
    current_difficulty: Number,
    #[serde(default)]
    current_random: Option<Number>,
    #[serde(default)]
    current_base_fee: Option<Number>,
    #[serde(default)]
    current_excess_blob_gas: Option<Number>,
}

/// One choice of parts, and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    hash: B256,
    logs: B256,
    indexes: Indexes,
    #[serde(default)]
    txbytes: Option<Hex>,
    #[serde(default)]
    expect_exception: Option<String>,
}

/// Runs one case under a fork.
#[must_use]
pub fn run(test: &StateTest, fork: &str, case: &Case) -> Verdict {
    let config = match network::rules(fork, &test.config, None) {
        Ok(config) => config,
        Err(reason) => return Verdict::Skipped(reason),
    };
    match step(test, &config, case).and_then(|outcome| compare(case, &outcome)) {
        Ok(()) => Verdict::Passed,
        Err(reason) => Verdict::Failed(reason),
    }
}

/// What came of the transaction, and why it could not run.
struct Outcome {
    transition: Transition,
    refused: Option<String>,
}

fn step(test: &StateTest, config: &ChainConfig, case: &Case) -> Result<Outcome, String> {
    let tx = match &case.txbytes {
        Some(bytes) => decode(&bytes.0),
        None => test.transaction.signed(config.chain_id, case.indexes),
    };
    let header = test.env.header(config);
    let ledger = open(config, &test.pre)?;
    let transactions: &[Transaction] = tx.as_ref().map(std::slice::from_ref).unwrap_or_default();
    let coinbase = Some(header.beneficiary);
    let transition = ledger
        .transition(&header, transactions, coinbase, block_hashes(header.number))
        .map_err(|error| error.to_string())?;
    let refused = transition.rejected.first().map(|(_, reason)| reason.to_string());
    Ok(Outcome { refused: tx.err().or(refused), transition })
}

fn compare(case: &Case, outcome: &Outcome) -> Result<(), String> {
    match (&case.expect_exception, &outcome.refused) {
        (Some(want), None) => return Err(format!("transaction ran, expected {want}")),
        (None, Some(reason)) => return Err(format!("transaction refused: {reason}")),
        _ => {}
    }
    let logs: Vec<&Log> = outcome.transition.receipts.iter().flat_map(Receipt::logs).collect();
    let logs = keccak256(encoded(&logs));
    if logs != case.logs {
        return Err(format!("logs hash is {logs}, expected {}", case.logs));
    }
    let root = outcome.transition.state_root;
    if root != case.hash {
        return Err(format!("state root is {root}, expected {}", case.hash));
    }
    Ok(())
}

fn encoded(logs: &[&Log]) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::encode_list::<&Log, Log>(logs, &mut out);
    out
}

/// The hashes that these tests give to the ancestors: of their numbers in decimals.
fn block_hashes(number: u64) -> BTreeMap<u64, B256> {
    let ancestors = number.saturating_sub(BLOCKHASH_WINDOW)..number;
    ancestors.map(|number| (number, keccak256(number.to_string()))).collect()
}

fn open(config: &ChainConfig, pre: &State) -> Result<Ledger, String> {
    let alloc = alloc(pre);
    let header = Header { state_root: alloc_root(&alloc), ..Header::default() };
    Ledger::in_memory(Genesis::ethereum(config.clone(), header, alloc), Options::default())
        .map_err(|error| error.to_string())
}

impl Env {
    fn header(&self, config: &ChainConfig) -> Header {
        let number = self.current_number.u64();
        let is_london = config.is_london_active_at_block(number);
        let is_cancun = config.cancun_time.is_some();
        Header {
            beneficiary: self.current_coinbase,
            gas_limit: self.current_gas_limit.u64(),
            number,
            timestamp: self.current_timestamp.u64(),
            difficulty: self.current_difficulty.0,
            mix_hash: B256::from(self.current_random.unwrap_or_default().0),
            base_fee_per_gas: is_london.then(|| self.current_base_fee.map_or(DEFAULT_BASE_FEE, Number::u64)),
            excess_blob_gas: is_cancun.then(|| self.current_excess_blob_gas.unwrap_or_default().u64()),
            ..Header::default()
        }
    }
}
