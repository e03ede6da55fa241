//! `eth_*`, one file per group.

pub(super) mod block;
mod call;
mod config;
mod fees;
mod logs;
mod polling;
mod proof;
mod simulate;
mod state;
pub(super) mod subscriptions;
mod transaction;

use super::{
    SyncProgress,
    args::Args,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    raw,
};
use alloy_primitives::{Address, U64};
use ledger::CallError;
use serde::Serialize;
use std::time::Instant;

/// Every table of the namespace.
pub(super) const METHODS: &[&[Method]] = &[
    NODE,
    block::METHODS,
    call::METHODS,
    config::METHODS,
    fees::METHODS,
    logs::METHODS,
    polling::METHODS,
    proof::METHODS,
    raw::ETH,
    simulate::METHODS,
    state::METHODS,
    transaction::METHODS,
];

const NODE: &[Method] = &[
    method("eth_chainId", 0, Run::Now(chain_id)),
    method("eth_blockNumber", 0, Run::Now(block_number)),
    method("eth_accounts", 0, Run::Now(accounts)),
    method("eth_coinbase", 0, Run::Now(coinbase)),
    method("eth_syncing", 0, Run::Now(syncing)),
];

fn chain_id(context: &Context, _: &Args) -> Answer {
    json(&U64::from(context.chain_id()))
}

fn block_number(context: &Context, _: &Args) -> Answer {
    json(&U64::from(context.ledger.head().number))
}

/// None: the node holds no user's key.
fn accounts(_: &Context, _: &Args) -> Answer {
    json(&[Address::ZERO; 0])
}

fn coinbase(context: &Context, _: &Args) -> Answer {
    match context.node.coinbase() {
        Some(address) => json(&address),
        None => Err(Failure::refused("etherbase must be explicitly specified: this node has no identity")),
    }
}

#[derive(Serialize)]
struct Progress {
    #[serde(rename = "startingBlock")]
    starting: U64,
    #[serde(rename = "currentBlock")]
    current: U64,
    #[serde(rename = "highestBlock")]
    highest: U64,
}

impl From<SyncProgress> for Progress {
    fn from(progress: SyncProgress) -> Self {
        Self {
            starting: U64::from(progress.starting),
            current: U64::from(progress.current),
            highest: U64::from(progress.highest),
        }
    }
}

fn syncing(context: &Context, _: &Args) -> Answer {
    match context.node.syncing() {
        None => json(&false),
        Some(progress) => json(&Progress::from(progress)),
    }
}

/// Does something as long as `evmTimeoutS` says, like go-ethereum's `rpc.evmtimeout`; without end when that is 0.
fn in_time<T>(
    context: &Context,
    what: &str,
    run: impl FnOnce(&dyn Fn() -> bool) -> Result<T, CallError>,
) -> Result<T, Failure> {
    let (started, limit) = (Instant::now(), context.limits.evm_timeout_s);
    let out_of_time = || limit > 0 && started.elapsed().as_secs() >= limit;
    run(&out_of_time).map_err(|error| match error {
        CallError::OutOfTime => Failure::refused(format!("{what} aborted (timeout = {limit}s)")),
        error => error.into(),
    })
}
