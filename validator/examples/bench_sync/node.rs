//! The two processes, and how long the fresh one takes.

use crate::{
    Options,
    load::Load,
    maker::{self, CHAIN_ID, SEATS},
};
use anyhow::{Context as _, anyhow, ensure};
use chain::client::ClientProfile;
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use validator::devnet::{self, DevnetSpec, Ports};

/// Nodes without a seat: nobody makes blocks meanwhile.
const SOURCE: usize = SEATS;
const FRESH: usize = SEATS + 1;
const PATIENCE: Duration = Duration::from_secs(60);
/// A chain that does not grow for so long will not grow any more.
const STALL: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);
/// Clock ticks per second of `/proc/<pid>/stat`.
const TICKS: f64 = 100.0;

/// One measured chain.
#[derive(serde::Serialize)]
pub(crate) struct Row {
    pub(crate) chain: &'static str,
    pub(crate) blocks: u64,
    pub(crate) transactions: u64,
    pub(crate) gas: u64,
    pub(crate) made_in_seconds: f64,
    /// From the first connection to the source until the last block is readable.
    pub(crate) seconds: f64,
    pub(crate) source_cpu_seconds: f64,
    pub(crate) fresh_cpu_seconds: f64,
    pub(crate) fresh_rss_mib: u64,
    pub(crate) fresh_disk_mib: u64,
    /// Seconds of the fresh node by stage, as its own metrics tell; stages overlap.
    pub(crate) stages: Vec<(String, f64)>,
}

impl Row {
    pub(crate) fn blocks_per_second(&self) -> f64 {
        count(self.blocks) / self.seconds
    }

    pub(crate) fn mgas_per_second(&self) -> f64 {
        count(self.gas) / 1e6 / self.seconds
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) const fn count(value: u64) -> f64 {
    value as f64
}

/// A process that ends with the measurement.
struct Node {
    process: Child,
    metrics: u16,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes a network and its chain, then lets a fresh node catch up.
pub(crate) fn catch_up(options: &Options, load: Load, dir: &Path) -> anyhow::Result<Row> {
    let ports: Vec<Ports> = (0..=FRESH)
        .map(|node| Ports::from_base(options.base_port, u16::try_from(node).unwrap_or_default()))
        .collect();
    let devnet = devnet::create(&DevnetSpec {
        profile: ClientProfile::Quorate,
        dir: dir.to_path_buf(),
        chain_id: CHAIN_ID,
        block_period_s: 1,
        request_timeout_ms: 1500,
        gas_limit: options.gas_limit,
        nodes: ports.clone(),
        seats: SEATS,
    })?;
    let data = dir.join(format!("node{SOURCE}/data"));
    let _in_memory = source_folder(&data)?;
    let begun = Instant::now();
    let made = maker::make(dir, &data, load, options)?;
    let made_in_seconds = begun.elapsed().as_secs_f64();
    eprintln!("{}: {} blocks made in {made_in_seconds:.1} s", load.name(), made.blocks);
    let source = Node::start(options, &devnet.configs[SOURCE], ports[SOURCE])?;
    source.wait("quorate_head_number", |head| head >= count(made.blocks))?;
    let source_before = source.cpu()?;
    let fresh = Node::start(options, &devnet.configs[FRESH], ports[FRESH])?;
    fresh.wait("quorate_peers", |peers| peers >= 1.0)?;
    let begun = Instant::now();
    fresh.wait("quorate_head_number", |head| head >= count(made.blocks))?;
    let seconds = begun.elapsed().as_secs_f64();
    let text = fresh.metrics().context("the fresh node's metrics")?;
    ensure!(value(&text, "quorate_faults_total") == Some(0.0), "the fresh node has faults");
    Ok(Row {
        chain: load.name(),
        blocks: made.blocks,
        transactions: made.transactions,
        gas: made.gas,
        made_in_seconds,
        seconds,
        source_cpu_seconds: source.cpu()? - source_before,
        fresh_cpu_seconds: fresh.cpu()?,
        fresh_rss_mib: fresh.rss_mib()?,
        fresh_disk_mib: size(&dir.join(format!("node{FRESH}/data")))? >> 20,
        stages: stages(&text),
    })
}

/// The source's data folder: in memory where the machine has such a place.
fn source_folder(data: &Path) -> anyhow::Result<Option<tempfile::TempDir>> {
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        fs::create_dir_all(data)?;
        return Ok(None);
    }
    let folder = tempfile::tempdir_in(memory)?;
    symlink(folder.path(), data)?;
    Ok(Some(folder))
}

impl Node {
    fn start(options: &Options, config: &PathBuf, ports: Ports) -> anyhow::Result<Self> {
        let log = File::create(config.with_file_name("log"))?;
        let mut command = Command::new(&options.binary);
        command.args(["run", "--config"]).arg(config).stdout(Stdio::null()).stderr(log);
        let process =
            command.spawn().with_context(|| format!("{}; build it first", options.binary.display()))?;
        Ok(Self { process, metrics: ports.metrics })
    }

    /// Waits until a gauge is as wanted; longer than the patience only while it changes.
    fn wait(&self, name: &str, is_there: impl Fn(f64) -> bool) -> anyhow::Result<()> {
        let (mut before, mut changed) = (None, Instant::now());
        loop {
            let now = self.metrics().and_then(|text| value(&text, name));
            if now.is_some_and(&is_there) {
                return Ok(());
            }
            if now != before {
                (before, changed) = (now, Instant::now());
            }
            let patience = if before.is_some() { STALL } else { PATIENCE };
            ensure!(changed.elapsed() < patience, "{name} of port {} stays at {now:?}", self.metrics);
            sleep(POLL);
        }
    }

    fn metrics(&self) -> Option<String> {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.metrics))).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// User and system time so far, seconds.
    fn cpu(&self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields = text.rsplit_once(')').map(|(_, rest)| rest).ok_or_else(|| anyhow!("stat: {text}"))?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(count(ticks.sum::<Result<u64, _>>()?) / TICKS)
    }

    fn rss_mib(&self) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
    }
}

fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn stages(text: &str) -> Vec<(String, f64)> {
    let stage = |line: &str| {
        let (label, value) = line.strip_prefix("quorate_sync_seconds_total{stage=\"")?.split_once("\"} ")?;
        Some((label.to_string(), value.parse().ok()?))
    };
    text.lines().filter_map(stage).collect()
}

fn size(dir: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { size(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}
