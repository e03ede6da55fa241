//! Reads per second by method and chain length, and reads while blocks are full.

use crate::{
    live,
    load::{Load, Traffic},
    maker::{self, Made, Plan},
    network,
    process::{Node, count, source_folder},
    report,
    served::{Connection, Served},
};
use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread::scope,
    time::{Duration, Instant},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The node's binary.
    #[arg(long, default_value = "target/release/quorate-validator")]
    pub(crate) binary: PathBuf,
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
    pub(crate) pace: u64,
    /// Seconds of idle and of full blocks.
    #[arg(long, env = "FULL_SECONDS", default_value_t = 20)]
    pub(crate) full_seconds: u64,
    /// Folder for the networks, kept afterwards; a temporary one when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// First port; three are taken.
    #[arg(long, default_value_t = 31_700)]
    pub(crate) base_port: u16,
    /// Where the result is kept.
    #[arg(long, default_value = "target/bench/rpc.json")]
    json: PathBuf,
}

/// Methods whose times are promised.
pub(crate) const PROMISED: [&str; 3] = ["eth_call", "eth_getBalance", "eth_getBlockByNumber"];
pub(crate) const GAS_LIMIT: u64 = 30_000_000;

/// One measurement.
#[derive(serde::Serialize)]
pub(crate) struct Row {
    pub(crate) chain: String,
    pub(crate) method: String,
    pub(crate) reads_per_second: f64,
    /// Median and 99th percentile by the node's own histogram, microseconds.
    pub(crate) served: [f64; 2],
    /// The same as the client sees it, where it reads at an even pace.
    pub(crate) round_trip: [Option<f64>; 2],
}

/// What there is to ask about.
pub(crate) struct Subject {
    pub(crate) length: u64,
    sender: String,
    token: String,
    hashes: Vec<String>,
}

impl Subject {
    pub(crate) fn of(made: &Made) -> anyhow::Result<Self> {
        let (sender, token) = made.traffic.as_ref().map(Traffic::names).unwrap_or_default();
        Ok(Self {
            length: made.blocks,
            sender: sender.context("a sender")?.to_string(),
            token: token.context("a token")?.to_string(),
            hashes: made.hashes.iter().map(ToString::to_string).collect(),
        })
    }

    /// Method and parameters of the `turn`-th call of a kind.
    pub(crate) fn call(&self, kind: usize, turn: u64) -> (&'static str, Value) {
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
    let full_percent = live::measure(options, &dir.join("live"), &mut rows)?;
    println!(
        "chain     method                       reads/s    p50 us    p99 us  round trip p50 us    p99 us"
    );
    for row in &rows {
        let Row { chain, method, reads_per_second, served: [p50, p99], round_trip } = row;
        let [trip50, trip99] = round_trip.map(|us| us.map_or_else(String::new, |us| format!("{us:.0}")));
        println!("{chain:9} {method:26} {reads_per_second:9.0} {p50:9.0} {p99:9.0} {trip50:>18} {trip99:>9}");
    }
    report::keep(&options.json, &rows)?;
    let names = PROMISED.map(|method| ending(&rows, method));
    println!("{} blocks-full-percent={full_percent:.0}", names.join(" "));
    Ok(())
}

/// A method's median and 99th percentile, idle and while blocks are full, as the node itself measures them.
fn ending(rows: &[Row], method: &str) -> String {
    let short = method.trim_start_matches("eth_");
    let served = |chain: &str| {
        let row = rows.iter().find(|row| row.chain == chain && row.method == method);
        row.map_or([0.0; 2], |row| row.served)
    };
    let ([p50_idle, idle], [p50_full, full]) = (served("idle"), served("full"));
    format!(
        "{short}-p50-us={p50_idle:.0} {short}-p50-full-us={p50_full:.0} {short}-p99-idle-us={idle:.0} {short}-p99-full-us={full:.0} {short}-p99-ratio={:.2}",
        full / idle.max(1.0)
    )
}

/// A node that stands still, without a seat, at the end of a chain.
fn standing(options: &Options, dir: &Path, plan: &Plan) -> anyhow::Result<Standing> {
    let (devnet, ports) = network::create(dir, (1, 1), GAS_LIMIT, options.base_port)?;
    let data = dir.join("node1/data");
    let memory = source_folder(&data)?;
    let made = maker::make(dir, &data, plan)?;
    let node = Node::start(&options.binary, &devnet.configs[1], ports[1])?;
    node.wait("quorate_head_number", |head| head >= count(made.blocks))?;
    Ok(Standing { node, made, _memory: memory })
}

/// In the order in which they go.
struct Standing {
    node: Node,
    made: Made,
    _memory: Option<tempfile::TempDir>,
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
    let Standing { node, made, .. } = &standing(options, dir, &plan)?;
    let subject = Subject::of(made)?;
    for kind in 0..KINDS {
        let method = subject.call(kind, 0).0;
        let before = Served::read(&node.metrics().unwrap_or_default(), method);
        let begun = Instant::now();
        let reads = read_for(options, node, &subject, kind)?;
        let seconds = begun.elapsed().as_secs_f64();
        let served = Served::read(&node.metrics().context("metrics")?, method).since(&before);
        rows.push(Row {
            chain: size.to_string(),
            method: method.to_string(),
            reads_per_second: count(reads) / seconds,
            served: [50, 99].map(|percent| served.percentile(percent)),
            round_trip: [None; 2],
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
