//! A source, a fresh node, and how long the fresh one takes.

use crate::{
    exposition,
    load::Load,
    maker::{self, Plan, SEATS},
    network,
    process::{Node, count, source_folder},
    usage,
};
use anyhow::{Context as _, ensure};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// Nodes without a seat: nobody makes blocks meanwhile.
const SOURCE: usize = SEATS;
const FRESH: usize = SEATS + 1;

#[derive(Debug, Args)]
pub(crate) struct Options {
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
    /// Only this kind of chain.
    #[arg(long, env = "ONLY")]
    only: Option<Load>,
    /// Folder for the networks, kept afterwards; a temporary one when absent.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// First port; every node takes three of the next ten.
    #[arg(long, default_value_t = 31_600)]
    base_port: u16,
    /// Where the result is kept.
    #[arg(long, default_value = "target/bench/sync.json")]
    pub(crate) json: PathBuf,
}

impl Options {
    pub(crate) fn loads(&self) -> impl Iterator<Item = Load> {
        let only = self.only;
        [Load::Empty, Load::Transfers, Load::Calls]
            .into_iter()
            .filter(move |load| only.is_none_or(|o| o == *load))
    }

    fn plan(&self, load: Load) -> Plan {
        let blocks = if load == Load::Empty { self.empty } else { self.full };
        Plan {
            load,
            seats: SEATS,
            blocks,
            every: 1,
            transactions: None,
            gas_limit: self.gas_limit,
            senders: self.senders,
            recipients: self.recipients,
        }
    }
}

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
    pub(crate) fresh_peak_rss_mib: u64,
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

/// Makes a network and its chain, then lets a fresh node catch up.
pub(crate) fn catch_up(options: &Options, load: Load, dir: &Path) -> anyhow::Result<Row> {
    let (devnet, ports) = network::create(dir, (SEATS, 2), options.gas_limit, options.base_port)?;
    let data = dir.join(format!("node{SOURCE}/data"));
    let _in_memory = source_folder(&data)?;
    let begun = Instant::now();
    let made = maker::make(dir, &data, &options.plan(load))?;
    let made_in_seconds = begun.elapsed().as_secs_f64();
    eprintln!("{}: {} blocks made in {made_in_seconds:.1} s", load.name(), made.blocks);
    let source = Node::start(&options.binary, &devnet.configs[SOURCE], ports[SOURCE])?;
    source.wait("quorate_head_number", |head| head >= count(made.blocks))?;
    let source_before = source.cpu()?;
    let fresh = Node::start(&options.binary, &devnet.configs[FRESH], ports[FRESH])?;
    fresh.wait("quorate_peers", |peers| peers >= 1.0)?;
    let (begun, fresh_before) = (Instant::now(), fresh.cpu()?);
    fresh.wait("quorate_head_number", |head| head >= count(made.blocks))?;
    let seconds = begun.elapsed().as_secs_f64();
    // Only what catching up took: the start of the process is not part of it.
    let fresh_cpu_seconds = fresh.cpu()? - fresh_before;
    let memory = fresh.memory()?;
    let text = fresh.metrics().context("the fresh node's metrics")?;
    ensure!(
        exposition::value::<f64>(&text, "quorate_faults_total") == Some(0.0),
        "the fresh node has faults"
    );
    Ok(Row {
        chain: load.name(),
        blocks: made.blocks,
        transactions: made.transactions,
        gas: made.gas,
        made_in_seconds,
        seconds,
        source_cpu_seconds: source.cpu()? - source_before,
        fresh_cpu_seconds,
        fresh_rss_mib: memory.resident >> 20,
        fresh_peak_rss_mib: memory.peak >> 20,
        fresh_disk_mib: usage::disk(&dir.join(format!("node{FRESH}/data"))) >> 20,
        stages: stages(&text),
    })
}

fn stages(text: &str) -> Vec<(String, f64)> {
    let stage = |line: &str| {
        let (label, value) = line.strip_prefix("quorate_sync_seconds_total{stage=\"")?.split_once("\"} ")?;
        Some((label.to_string(), value.parse().ok()?))
    };
    text.lines().filter_map(stage).collect()
}
