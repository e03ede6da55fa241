//! How fast a new node catches up: a source with a finished chain, a fresh node beside it, both real processes.
//!
//! `bench_sync --binary target/release/quorate-validator` makes three chains (empty blocks with four seals each, full blocks
//! of transfers, full blocks of token transfers), lets a fresh node fetch each of them over RLPx on the loopback interface,
//! prints a table, keeps the result as JSON and ends with `empty-blocks-per-second=… mgas-per-second=…`; the second is the
//! slower of the two full chains. Two cores: about one is the source's, one the fresh node's. The source lies in memory
//! where there is `/dev/shm`, so that making it is quick; the fresh node writes to a real disk.

mod load;
mod maker;
mod node;
mod report;

use clap::Parser;
use load::Load;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Parser)]
struct Options {
    /// The node's binary.
    #[arg(long, default_value = "target/release/quorate-validator")]
    binary: PathBuf,
    /// Empty blocks.
    #[arg(long, env = "EMPTY", default_value_t = 50_000)]
    empty: u64,
    /// Full blocks of each kind.
    #[arg(long, env = "FULL", default_value_t = 100)]
    full: u64,
    /// Gas limit of a block.
    #[arg(long, env = "GAS_LIMIT", default_value_t = 30_000_000)]
    gas_limit: u64,
    /// Accounts that send.
    #[arg(long, env = "SENDERS", default_value_t = 1000)]
    senders: usize,
    /// Accounts that receive.
    #[arg(long, env = "RECIPIENTS", default_value_t = 20_000)]
    recipients: u64,
    /// Only this kind of chain: empty, transfers or calls.
    #[arg(long, env = "ONLY")]
    only: Option<Load>,
    /// Folder for the networks, kept afterwards; a temporary one when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// First port; every node takes three of the next ten.
    #[arg(long, default_value_t = 33_000)]
    base_port: u16,
    /// Where the result is kept.
    #[arg(long, default_value = "target/bench/sync.json")]
    json: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let temporary = tempfile::tempdir()?;
    let dir = options.dir.clone().unwrap_or_else(|| temporary.path().join("bench"));
    let mut rows = Vec::new();
    for load in [Load::Empty, Load::Transfers, Load::Calls] {
        if options.only.is_none_or(|only| only == load) {
            rows.push(node::catch_up(&options, load, &dir.join(load.name()))?);
            report::line(rows.last());
        }
    }
    report::table(&rows);
    report::keep(&options.json, &rows)?;
    report::ending(&rows);
    Ok(ExitCode::SUCCESS)
}
