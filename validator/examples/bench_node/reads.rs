//! Reads per second by method and chain length, and reads while blocks are full.

use crate::{
    load::{Load, Traffic},
    maker::{self, CHAIN_ID, Made, Plan},
    process::{Node, count, source_folder},
    report,
    served::{Connection, Served},
};
use alloy_eips::eip2718::Encodable2718 as _;
use anyhow::Context as _;
use chain::client::ClientProfile;
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread::{scope, sleep},
    time::{Duration, Instant},
};
use validator::devnet::{self, DevnetSpec, Ports};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The node's binary.
    #[arg(long, default_value = "target/release/quorate-validator")]
    binary: PathBuf,
    /// Lengths of the chains.
    #[arg(long, env = "SIZES", value_delimiter = ',', default_value = "1000,10000,100000")]
    sizes: Vec<u64>,
    /// Seconds of each measurement.
    #[arg(long, env = "SECONDS_EACH", default_value_t = 3)]
    seconds: u64,
    /// Connections that read at once.
    #[arg(long, env = "CONNECTIONS", default_value_t = 4)]
    connections: u64,
    /// Reads per second and method while blocks are idle or full.
    #[arg(long, env = "PACE", default_value_t = 100)]
    pace: u64,
    /// Seconds of idle and of full blocks.
    #[arg(long, env = "FULL_SECONDS", default_value_t = 20)]
    full_seconds: u64,
    /// Folder for the networks, kept afterwards; a temporary one when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// First port; three are taken.
    #[arg(long, default_value_t = 33_100)]
    base_port: u16,
    /// Where the result is kept.
    #[arg(long, default_value = "target/bench/rpc.json")]
    json: PathBuf,
}

/// Methods whose times are promised.
const PROMISED: [&str; 3] = ["eth_call", "eth_getBalance", "eth_getBlockByNumber"];
const GAS_LIMIT: u64 = 30_000_000;
/// Transactions of one batch, and of a second: a little more than a block of one second takes.
const BATCH: usize = 100;
const OFFERED: usize = 1500;

/// One measurement.
#[derive(serde::Serialize)]
struct Row {
    chain: String,
    method: String,
    reads_per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

/// What there is to ask about.
struct Subject {
    length: u64,
    sender: String,
    token: String,
    hashes: Vec<String>,
}

impl Subject {
    fn of(made: &Made) -> anyhow::Result<Self> {
        let (sender, token) = made.traffic.as_ref().map(Traffic::names).unwrap_or_default();
        Ok(Self {
            length: made.blocks,
            sender: sender.context("a sender")?.to_string(),
            token: token.context("a token")?.to_string(),
            hashes: made.hashes.iter().map(ToString::to_string).collect(),
        })
    }

    /// Method and parameters of the `turn`-th call of a kind.
    fn call(&self, kind: usize, turn: u64) -> (&'static str, Value) {
        let number = format!("{:#x}", turn.wrapping_mul(7919) % self.length + 1);
        let hash = usize::try_from(turn).ok().and_then(|turn| self.hashes.get(turn % self.hashes.len()));
        let transfer = format!("0x{:064x}{:064x}", turn, 1);
        match kind {
            0 => ("eth_call", json!([{"from": self.sender, "to": self.token, "data": transfer}, "latest"])),
            1 => ("eth_getBalance", json!([self.sender, "latest"])),
            2 => ("eth_getBlockByNumber", json!([number, false])),
            3 => ("eth_blockNumber", json!([])),
            4 => ("eth_getTransactionCount", json!([self.sender, "latest"])),
            5 => ("eth_getStorageAt", json!([self.token, "0x0", "latest"])),
            6 => ("eth_getTransactionReceipt", json!([hash])),
            7 => ("eth_getTransactionByHash", json!([hash])),
            _ => {
                let from = turn.wrapping_mul(7919) % self.length.saturating_sub(100).max(1);
                let range =
                    json!({"fromBlock": format!("{from:#x}"), "toBlock": format!("{:#x}", from + 99)});
                ("eth_getLogs", json!([range]))
            }
        }
    }
}

const KINDS: usize = 9;

pub(crate) fn measure(options: &Options) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let dir = options.dir.clone().unwrap_or_else(|| temporary.path().join("bench"));
    let mut rows = Vec::new();
    for size in &options.sizes {
        by_size(options, *size, &dir.join(format!("{size}")), &mut rows)?;
    }
    under_load(options, &dir.join("live"), &mut rows)?;
    println!("chain     method                       reads/s    p50 us    p99 us");
    for row in &rows {
        let Row { chain, method, reads_per_second, p50_us, p99_us } = row;
        println!("{chain:9} {method:26} {reads_per_second:9.0} {p50_us:9.0} {p99_us:9.0}");
    }
    report::keep(&options.json, &rows)?;
    let figure = |chain: &str, method: &str, pick: fn(&Row) -> f64| {
        rows.iter().find(|row| row.chain == chain && row.method == method).map_or(0.0, pick)
    };
    let names = PROMISED.map(|method| {
        let short = method.trim_start_matches("eth_");
        let [p50, idle, full] = [
            figure("full", method, |row| row.p50_us),
            figure("idle", method, |row| row.p99_us),
            figure("full", method, |row| row.p99_us),
        ];
        format!("{short}-p50-us={p50:.0} {short}-p99-idle-us={idle:.0} {short}-p99-full-us={full:.0}")
    });
    println!("{}", names.join(" "));
    Ok(())
}

fn network(
    options: &Options,
    dir: &Path,
    plan: &Plan,
) -> anyhow::Result<(Node, Made, Option<tempfile::TempDir>)> {
    let ports = Ports::from_base(options.base_port, 0);
    let spare = Ports::from_base(options.base_port, 1);
    let devnet = devnet::create(&DevnetSpec {
        profile: ClientProfile::Quorate,
        dir: dir.to_path_buf(),
        chain_id: CHAIN_ID,
        block_period_s: 1,
        request_timeout_ms: 1500,
        gas_limit: GAS_LIMIT,
        nodes: vec![ports, spare],
        seats: 1,
    })?;
    // Only a node without the seat stands still.
    let node = usize::from(plan.transactions.is_some());
    let data = dir.join(format!("node{node}/data"));
    let memory = if node == 1 { source_folder(&data)? } else { None };
    let made = maker::make(dir, &data, plan)?;
    let node = Node::start(&options.binary, &devnet.configs[node], [ports, spare][node])?;
    node.wait("quorate_head_number", |head| head >= count(made.blocks))?;
    Ok((node, made, memory))
}

fn by_size(options: &Options, size: u64, dir: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let plan = Plan {
        load: Load::Calls,
        seats: 1,
        blocks: size,
        every: 20,
        transactions: Some(20),
        gas_limit: GAS_LIMIT,
        senders: 100,
        recipients: 10_000,
    };
    let (node, made, _memory) = network(options, dir, &plan)?;
    let subject = Subject::of(&made)?;
    for kind in 0..KINDS {
        let method = subject.call(kind, 0).0;
        let before = Served::read(&node.metrics().unwrap_or_default(), method);
        let begun = Instant::now();
        let reads = read_for(options, &node, &subject, kind)?;
        let seconds = begun.elapsed().as_secs_f64();
        let served = Served::read(&node.metrics().context("metrics")?, method).since(&before);
        rows.push(Row {
            chain: size.to_string(),
            method: method.to_string(),
            reads_per_second: count(reads) / seconds,
            p50_us: served.percentile(50),
            p99_us: served.percentile(99),
        });
    }
    Ok(())
}

/// As many calls as the connections get through; how many.
fn read_for(options: &Options, node: &Node, subject: &Subject, kind: usize) -> anyhow::Result<u64> {
    let (turn, until) = (AtomicU64::new(0), Instant::now() + Duration::from_secs(options.seconds));
    let port = node.ports.rpc;
    scope(|scope| {
        let read = || -> anyhow::Result<()> {
            let mut connection = Connection::open(port)?;
            while Instant::now() < until {
                let (method, params) = subject.call(kind, turn.fetch_add(1, Ordering::Relaxed));
                connection.call(method, &params)?;
            }
            Ok(())
        };
        let readers: Vec<_> = (0..options.connections).map(|_| scope.spawn(read)).collect();
        readers
            .into_iter()
            .try_for_each(|reader| reader.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a reader ended"))))
    })?;
    Ok(turn.load(Ordering::Relaxed))
}

/// A node that makes a block a second: the same pace of reads while blocks are empty, and while they are full.
fn under_load(options: &Options, dir: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let plan = Plan {
        load: Load::Calls,
        seats: 1,
        blocks: 1,
        every: 1,
        transactions: None,
        gas_limit: GAS_LIMIT,
        senders: 1000,
        recipients: 20_000,
    };
    let (node, mut made, _) = network(options, dir, &plan)?;
    let mut subject = Subject::of(&made)?;
    let traffic = made.traffic.take().context("traffic")?;
    paced(options, &node, &subject, "idle", rows)?;
    let stop = AtomicBool::new(false);
    let port = node.ports.rpc;
    scope(|scope| {
        let sender = scope.spawn(|| offer(port, traffic, &stop));
        // The first blocks fill up.
        sleep(Duration::from_secs(3));
        subject.length += 2;
        let outcome = paced(options, &node, &subject, "full", rows);
        stop.store(true, Ordering::Relaxed);
        let offered = sender.join().map_err(|_| anyhow::anyhow!("the sender ended"))??;
        eprintln!("{offered} transactions offered while blocks were full");
        outcome
    })
}

fn offer(port: u16, mut traffic: Traffic, stop: &AtomicBool) -> anyhow::Result<u64> {
    let mut connection = Connection::open(port)?;
    let (begun, mut sent) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        let due = begun.elapsed().as_secs_f64() * count(OFFERED as u64);
        if count(sent) > due {
            sleep(Duration::from_millis(5));
            continue;
        }
        let batch: Vec<Value> = (0..BATCH)
            .filter_map(|id| {
                let raw = alloy_primitives::hex::encode_prefixed(traffic.next()?.tx.encoded_2718());
                Some(json!({"jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw]}))
            })
            .collect();
        sent += batch.len() as u64;
        connection.send(&Value::Array(batch))?;
    }
    Ok(sent)
}

/// Reads of the promised kinds at an even pace.
fn paced(
    options: &Options,
    node: &Node,
    subject: &Subject,
    chain: &str,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let text = node.metrics().unwrap_or_default();
    let before = PROMISED.map(|method| Served::read(&text, method));
    let mut connection = Connection::open(node.ports.rpc)?;
    let (begun, mut turn) = (Instant::now(), 0);
    let pause = Duration::from_micros(1_000_000 / options.pace.max(1));
    while begun.elapsed() < Duration::from_secs(options.full_seconds) {
        for kind in 0..PROMISED.len() {
            let (method, params) = subject.call(kind, turn);
            connection.call(method, &params)?;
        }
        turn += 1;
        let next = begun + pause * u32::try_from(turn).unwrap_or(u32::MAX);
        sleep(next.saturating_duration_since(Instant::now()));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let text = node.metrics().context("metrics")?;
    for (method, before) in PROMISED.iter().zip(&before) {
        let served = Served::read(&text, method).since(before);
        rows.push(Row {
            chain: chain.to_string(),
            method: (*method).to_string(),
            reads_per_second: count(turn) / seconds,
            p50_us: served.percentile(50),
            p99_us: served.percentile(99),
        });
    }
    Ok(())
}
