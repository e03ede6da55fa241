//! Four validators as processes for some minutes, and how well they keep time.
//!
//! `soak --minutes 10 --binary target/release/quorate-validator`: prints a line per minute, a table, and ends with
//! `interval-error-max-ms=… round-changes=… round0-missed=…`. A block's error is how long after its tick (its own
//! timestamp) a subscriber of new heads at any node hears of it; no interval between two blocks can be off by more.

#[path = "shared/start.rs"]
mod start;

use clap::Parser;
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT as _},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::Value;
use std::{
    path::PathBuf,
    process::{Child, ExitCode},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use validator::{
    clock::unix_ms,
    devnet::{self, DevnetSpec, Ports},
};

const NODES: u16 = 4;
/// Blocks before the measurement: connections are made, the first heights are overdue from genesis.
const WARM_UP: u64 = 5;
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
}

/// A block as one node's subscriber heard of it.
struct Heard {
    node: u16,
    number: u64,
    late_ms: u64,
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
    for (node, ports) in (0..).zip(&ports) {
        let client = connect(ports.rpc).await?;
        tokio::spawn(follow(node, client, sender.clone()));
    }
    drop(sender);
    warm_up(&mut heard).await?;
    let before = counters(&ports).await?;
    let (mut errors, blocks) = watch(&mut heard, Duration::from_secs(options.minutes * 60)).await?;
    let after = counters(&ports).await?;
    for child in &mut processes.0 {
        anyhow::ensure!(child.try_wait()?.is_none(), "a validator ended during the soak");
    }
    report(&mut errors, before, after);
    for (node, heard) in errors.iter().map(Vec::len).enumerate() {
        let enough = heard as u64 * 100 >= blocks * LEAST_HEARD_PERCENT;
        anyhow::ensure!(enough, "node {node} told of {heard} of {blocks} blocks");
    }
    Ok(ExitCode::SUCCESS)
}

fn start(options: &Options, dir: PathBuf) -> anyhow::Result<Processes> {
    let made = devnet::create(&DevnetSpec {
        profile: chain::client::ClientProfile::Quorate,
        dir,
        chain_id: 10101,
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

/// Tells of every head until the node or the soak ends.
async fn follow(node: u16, client: WsClient, out: mpsc::Sender<Heard>) -> anyhow::Result<()> {
    let mut heads: Subscription<Value> =
        client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
    while let Some(Ok(head)) = heads.next().await {
        let now_ms = unix_ms();
        let (Some(number), Some(timestamp)) = (quantity(&head["number"]), quantity(&head["timestamp"]))
        else {
            anyhow::bail!("head without number or timestamp: {head}");
        };
        let late_ms = now_ms.abs_diff(timestamp * 1000);
        out.send(Heard { node, number, late_ms }).await?;
    }
    Ok(())
}

fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

async fn warm_up(heard: &mut mpsc::Receiver<Heard>) -> anyhow::Result<()> {
    loop {
        let next = timeout(START_PATIENCE, heard.recv()).await?;
        let next = next.ok_or_else(|| anyhow::anyhow!("subscriptions ended"))?;
        if next.number >= WARM_UP {
            return Ok(());
        }
    }
}

/// What each node's blocks were late by, and how many blocks were made meanwhile.
async fn watch(heard: &mut mpsc::Receiver<Heard>, time: Duration) -> anyhow::Result<(Vec<Vec<u64>>, u64)> {
    let start = Instant::now();
    let mut errors = vec![Vec::new(); usize::from(NODES)];
    let mut minute = 0;
    let (mut newest, mut before) = (0, None);
    while start.elapsed() < time {
        let next = timeout(START_PATIENCE, heard.recv()).await?;
        let next = next.ok_or_else(|| anyhow::anyhow!("subscriptions ended"))?;
        newest = newest.max(next.number);
        // The first block told of here may still come from the other nodes: it counts as made before.
        let _ = before.get_or_insert(next.number);
        if let Some(node) = errors.get_mut(usize::from(next.node)) {
            node.push(next.late_ms);
        }
        if start.elapsed().as_secs() / 60 > minute {
            minute = start.elapsed().as_secs() / 60;
            let worst = errors.iter().flatten().max().copied().unwrap_or(0);
            println!("minute {minute}: block {newest}, worst error {worst} ms");
        }
    }
    Ok((errors, newest.saturating_sub(before.unwrap_or(newest))))
}

/// (round changes, blocks above round 0), the highest of all nodes.
async fn counters(ports: &[Ports]) -> anyhow::Result<(u64, u64)> {
    let mut highest = (0, 0);
    for ports in ports {
        let mut stream = TcpStream::connect(("127.0.0.1", ports.metrics)).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|value| value.trim().parse::<u64>().ok());
            value.ok_or_else(|| anyhow::anyhow!("metrics port {}: no {name}", ports.metrics))
        };
        highest.0 = highest.0.max(value("quorate_round_changes_total ")?);
        highest.1 = highest.1.max(value("quorate_round0_missed_total ")?);
    }
    Ok(highest)
}

fn report(errors: &mut [Vec<u64>], before: (u64, u64), after: (u64, u64)) {
    println!("node  blocks  p50 ms  p99 ms  max ms");
    for (node, errors) in errors.iter_mut().enumerate() {
        errors.sort_unstable();
        let at =
            |percent: usize| errors.get(errors.len() * percent / 100).or(errors.last()).copied().unwrap_or(0);
        println!("{node:4}  {:6}  {:6}  {:6}  {:6}", errors.len(), at(50), at(99), at(100));
    }
    println!(
        "interval-error-max-ms={} round-changes={} round0-missed={}",
        errors.iter().flatten().max().copied().unwrap_or(0),
        after.0 - before.0,
        after.1 - before.1
    );
}
