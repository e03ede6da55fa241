//! How many transactions four validators take on this machine, the generator beside them.
//!
//! `bench_chain --binary target/release/quorate-validator`: real processes on loopback, transactions signed beforehand by
//! 1,024 accounts and offered in JSON-RPC batches to all nodes. Each kind of transaction is offered faster than blocks
//! take it, transfers then at twice that rate and at 60 % of it. Ends with `tps=… wall=… ratio=…` and more; a JSON
//! document with everything is kept. The wall is what recovering every sender once on each node would allow on these
//! cores, measured before and after the load.

mod contracts;
#[path = "../shared/exposition.rs"]
mod exposition;
mod follow;
mod network;
mod offer;
mod report;
mod rpc;
mod run;
#[path = "../shared/sender.rs"]
mod sender;
mod signing;
#[path = "../shared/start.rs"]
mod start;
#[path = "../shared/usage.rs"]
mod usage;
mod wall;

use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// What to run.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// Transfers in all.
    #[arg(long, env = "TRANSACTIONS", default_value_t = 1_000_000)]
    transactions: usize,
    /// Kinds besides transfers, comma-separated: erc20, storage, payload1k.
    #[arg(long, env = "KINDS", value_delimiter = ',', default_value = "erc20,storage,payload1k")]
    kinds: Vec<signing::Kind>,
    /// Transactions of each other kind; of `erc20` a fifth of the transfers by default, of the others fewer, as blocks take
    /// fewer of them.
    #[arg(long, env = "KIND_TRANSACTIONS")]
    kind_transactions: Option<usize>,
    /// The node's binary.
    #[arg(long, default_value = "target/release/quorate-validator")]
    binary: PathBuf,
    /// Folder for the network, kept afterwards; a temporary one when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The JSON result.
    #[arg(long, default_value = "target/bench/chain.json")]
    out: PathBuf,
    /// First port; every node takes three of the next ten.
    #[arg(long, default_value_t = 31500)]
    base_port: u16,
    /// Gas of a block.
    #[arg(long, default_value_t = 600_000_000)]
    gas_limit: u64,
    /// Seconds between blocks.
    #[arg(long, default_value_t = 2)]
    block_period: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let result = run::run(&options).await?;
    report::keep(&result, &options.out)?;
    report::print(&result);
    Ok(ExitCode::SUCCESS)
}
