//! A snapshot out of one node and into another, by the node's own commands.

use crate::{
    load::{Load, Traffic},
    maker::{Account, Maker, SEATS},
    network,
    process::{Node, count},
    report,
};
use anyhow::{Context as _, ensure};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// Nodes without a seat: nobody makes blocks meanwhile.
const SOURCE: usize = SEATS;
const FRESH: usize = SEATS + 1;
/// Large blocks: the state counts, not the chain.
const GAS_LIMIT: u64 = 600_000_000;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The node's binary.
    #[arg(long, default_value = "target/release/quorate-validator")]
    binary: PathBuf,
    /// Accounts; a tenth as many slots of one contract beside them.
    #[arg(long, env = "ACCOUNTS", default_value_t = 1_000_000)]
    accounts: u64,
    /// Accounts that send.
    #[arg(long, env = "SENDERS", default_value_t = 1000)]
    senders: usize,
    /// Folder for the network, kept afterwards; a temporary one when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// First port; every node takes three of the next ten.
    #[arg(long, default_value_t = 31_800)]
    base_port: u16,
    /// Where the result is kept.
    #[arg(long, default_value = "target/bench/snapshot.json")]
    json: PathBuf,
}

#[derive(serde::Serialize)]
struct Row {
    accounts: u64,
    slots: u64,
    blocks: u64,
    made_in_seconds: f64,
    export_seconds: f64,
    import_seconds: f64,
    /// From the start of the new node until it answers with the snapshot's block as its head.
    start_seconds: f64,
    file_bytes: u64,
    chain_bytes: u64,
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let dir = options.dir.clone().unwrap_or_else(|| temporary.path().join("bench"));
    let row = run(options, &dir)?;
    let mib = |bytes: u64| bytes >> 20;
    println!("accounts      slots  blocks   made s  export s  import s  start s  file MiB  chain MiB");
    println!(
        "{:8} {:10} {:7} {:8.1} {:9.1} {:9.1} {:8.1} {:9} {:10}",
        row.accounts,
        row.slots,
        row.blocks,
        row.made_in_seconds,
        row.export_seconds,
        row.import_seconds,
        row.start_seconds,
        mib(row.file_bytes),
        mib(row.chain_bytes),
    );
    report::keep(&options.json, &row)?;
    println!(
        "accounts={} export-seconds={:.1} import-seconds={:.1} bytes-per-account={:.1}",
        row.accounts,
        row.export_seconds,
        row.import_seconds,
        count(row.file_bytes) / count(row.accounts),
    );
    Ok(())
}

fn run(options: &Options, dir: &Path) -> anyhow::Result<Row> {
    let (devnet, ports) = network::create(dir, (SEATS, 2), GAS_LIMIT, options.base_port)?;
    let (begun, slots) = (Instant::now(), options.accounts / 10);
    let blocks = grow(options, dir, slots)?;
    let made_in_seconds = begun.elapsed().as_secs_f64();
    eprintln!("{} accounts in {blocks} blocks, made in {made_in_seconds:.1} s", options.accounts);
    let file = dir.join("state.snapshot");
    let text = file.to_str().context("a path in UTF-8")?;
    let (printed, export_seconds) = snapshot(options, "export", &devnet.configs[SOURCE], &["--out", text])?;
    let hash = printed.rsplit_once("hash=").map(|(_, hash)| hash.trim()).context("no hash printed")?;
    let (_, import_seconds) =
        snapshot(options, "import", &devnet.configs[FRESH], &["--in", text, "--hash", hash])?;
    let begun = Instant::now();
    let node = Node::start(&options.binary, &devnet.configs[FRESH], ports[FRESH])?;
    node.wait("quorate_head_number", |head| head >= count(blocks))?;
    Ok(Row {
        accounts: options.accounts,
        slots,
        blocks,
        made_in_seconds,
        export_seconds,
        import_seconds,
        start_seconds: begun.elapsed().as_secs_f64(),
        file_bytes: fs::metadata(&file)?.len(),
        chain_bytes: crate::usage::disk(&dir.join(format!("node{FRESH}/data/chain"))),
    })
}

/// A chain whose last state has so many accounts and slots; its height.
fn grow(options: &Options, dir: &Path, slots: u64) -> anyhow::Result<u64> {
    let mut maker = Maker::new(dir, &dir.join(format!("node{SOURCE}/data")), SEATS, GAS_LIMIT)?;
    let mut admin = Account::admin(dir)?;
    let mut traffic =
        Traffic::prepare(&mut maker, &mut admin, Load::Transfers, options.senders, options.accounts)?;
    maker.take(&mut traffic, options.accounts)?;
    traffic.deploy(&mut maker, &mut admin)?;
    maker.take(&mut traffic, slots)?;
    Ok(maker.finish()?.blocks)
}

/// One of the node's `snapshot` commands; what it prints, and its seconds.
fn snapshot(options: &Options, what: &str, config: &Path, rest: &[&str]) -> anyhow::Result<(String, f64)> {
    let begun = Instant::now();
    let mut command = Command::new(&options.binary);
    command.args(["snapshot", what, "--config"]).arg(config).args(rest).stderr(Stdio::inherit());
    let output = command.output()?;
    ensure!(output.status.success(), "snapshot {what} ended with {}", output.status);
    Ok((String::from_utf8(output.stdout)?, begun.elapsed().as_secs_f64()))
}
