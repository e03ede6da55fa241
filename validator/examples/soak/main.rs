//! Four validators as processes for some minutes, and how well they keep time.
//!
//! `soak --minutes 10 --binary target/release/quorate-validator`: prints a line per minute, a table, and ends with
//! `interval-error-max-ms=… interval-p999-error-ms=… round-changes=… round0-missed=… lost=…`. A block's error is how long
//! after its tick (its own timestamp) a subscriber of new heads at any node hears of it; no interval between two blocks
//! can be off by more. `interval-p999-error-ms` is of the intervals themselves: how far the time between two blocks, as
//! each node's subscriber hears of them, is from the period.

#[path = "../shared/exposition.rs"]
mod exposition;
mod heard;
mod load;
#[path = "../shared/sender.rs"]
mod sender;
#[path = "../shared/start.rs"]
mod start;

use clap::Parser;
use heard::{Node, follow, warm_up, watch};
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use load::Load;
use std::{
    path::PathBuf,
    process::{Child, ExitCode},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use validator::devnet::{self, DevnetSpec, Ports};

const NODES: u16 = 4;
const CHAIN_ID: u64 = 10101;
/// Of the blocks made, how many each node's subscriber must have heard of.
const LEAST_HEARD_PERCENT: u64 = 90;
const START_PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Parser)]
struct Options {
    /// How long to watch.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The node's binary.
    #[arg(long, default_value = "target/release/quorate-validator")]
    binary: PathBuf,
    /// Folder for the network, kept afterwards; a temporary one when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// First port; every node takes three of the next ten.
    #[arg(long, default_value_t = 32000)]
    base_port: u16,
    /// Seconds between blocks.
    #[arg(long, default_value_t = 2)]
    block_period: u64,
    /// Transfers per second offered to each node; 0 for empty blocks.
    #[arg(long, default_value_t = 5.0)]
    load: f64,
}

/// Processes that end with the soak.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let temporary = tempfile::tempdir()?;
    let dir = options.dir.clone().unwrap_or_else(|| temporary.path().join("net"));
    let mut processes = start(&options, dir)?;
    let ports: Vec<Ports> = (0..NODES).map(|node| Ports::from_base(options.base_port, node)).collect();
    let (sender, mut heard) = mpsc::channel(1024);
    let mut loads = Vec::new();
    for (node, ports) in (0..).zip(&ports) {
        tokio::spawn(follow(node, connect(ports.rpc).await?, sender.clone()));
        if options.load > 0.0 {
            loads.push(Load::start(node, CHAIN_ID, connect(ports.rpc).await?, options.load)?);
        }
    }
    drop(sender);
    warm_up(&mut heard).await?;
    let before = counters(&ports)?;
    let time = Duration::from_secs(options.minutes * 60);
    let (mut nodes, blocks) = watch(&mut heard, NODES, options.block_period * 1000, time).await?;
    let after = counters(&ports)?;
    for child in &mut processes.0 {
        anyhow::ensure!(child.try_wait()?.is_none(), "a validator ended during the soak");
    }
    let (mut sent, mut lost) = (0, 0);
    for load in loads {
        let counted = load.stop().await?;
        sent += counted.0;
        lost += counted.1;
    }
    report(&mut nodes, sent, before, after, lost);
    for (number, node) in nodes.iter().enumerate() {
        let enough = node.late_ms.len() as u64 * 100 >= blocks * LEAST_HEARD_PERCENT;
        anyhow::ensure!(enough, "node {number} told of {} of {blocks} blocks", node.late_ms.len());
    }
    anyhow::ensure!(lost == 0, "{lost} of {sent} acknowledged transfers are in no block");
    Ok(ExitCode::SUCCESS)
}

fn start(options: &Options, dir: PathBuf) -> anyhow::Result<Processes> {
    let made = devnet::create(&DevnetSpec {
        profile: chain::client::ClientProfile::Quorate,
        dir,
        chain_id: CHAIN_ID,
        block_period_s: options.block_period,
        request_timeout_ms: 1500,
        gas_limit: 250_000_000,
        nodes: (0..NODES).map(|node| Ports::from_base(options.base_port, node)).collect(),
        seats: usize::from(NODES),
    })?;
    let mut processes = Processes(Vec::new());
    for config in &made.configs {
        processes.0.push(start::start(&options.binary, config)?);
    }
    Ok(processes)
}

async fn connect(port: u16) -> anyhow::Result<WsClient> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        match WsClientBuilder::default().build(format!("ws://127.0.0.1:{port}")).await {
            Ok(client) => return Ok(client),
            Err(error) => anyhow::ensure!(Instant::now() < deadline, "RPC port {port}: {error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// (round changes, blocks above round 0), the highest of all nodes.
fn counters(ports: &[Ports]) -> anyhow::Result<(u64, u64)> {
    let mut highest = (0, 0);
    for port in ports.iter().map(|ports| ports.metrics) {
        let text = exposition::read(port)?;
        let value = |name: &str| {
            exposition::value(&text, name).ok_or_else(|| anyhow::anyhow!("metrics port {port}: no {name}"))
        };
        highest.0 = highest.0.max(value("quorate_round_changes_total")?);
        highest.1 = highest.1.max(value("quorate_round0_missed_total")?);
    }
    Ok(highest)
}

fn report(nodes: &mut [Node], sent: u64, before: (u64, u64), after: (u64, u64), lost: u64) {
    println!("node  blocks  late p50 ms  p99 ms  max ms  interval off p50 ms  p99.9 ms  max ms");
    for (number, node) in nodes.iter_mut().enumerate() {
        node.late_ms.sort_unstable();
        node.off_ms.sort_unstable();
        println!(
            "{number:4}  {:6}  {:11}  {:6}  {:6}  {:19}  {:8}  {:6}",
            node.late_ms.len(),
            per_mille(&node.late_ms, 500),
            per_mille(&node.late_ms, 990),
            per_mille(&node.late_ms, 1000),
            per_mille(&node.off_ms, 500),
            per_mille(&node.off_ms, 999),
            per_mille(&node.off_ms, 1000),
        );
    }
    println!("transfers: {sent} acknowledged");
    let worst = |of: fn(&Node) -> u64| nodes.iter().map(of).max().unwrap_or(0);
    println!(
        "interval-error-max-ms={} interval-p999-error-ms={} round-changes={} round0-missed={} lost={lost}",
        worst(|node| per_mille(&node.late_ms, 1000)),
        worst(|node| per_mille(&node.off_ms, 999)),
        after.0 - before.0,
        after.1 - before.1
    );
}

/// The value that so many thousandths of the sorted values do not exceed.
fn per_mille(sorted: &[u64], share: usize) -> u64 {
    let rank = (sorted.len() * share).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}
