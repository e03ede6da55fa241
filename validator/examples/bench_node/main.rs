//! One node, measured as a process of its own: how fast it catches up, and how fast it is read.
//!
//! `bench_node sync` makes three chains (empty blocks with four seals each, full blocks of transfers, full blocks of token
//! transfers), lets a fresh node fetch each of them over RLPx on the loopback interface, and ends with
//! `empty-blocks-per-second=… mgas-per-second=…`; the second is the slower of the two full chains. Two cores: about one is
//! the source's, one the fresh node's. The source lies in memory where there is `/dev/shm`, so that making it is quick; the
//! fresh node writes to a real disk.
//!
//! `bench_node rpc` reads chains of several lengths by several methods, then a node that makes full blocks, and ends with
//! median and 99th percentile of the methods that count, idle and while blocks are full, and the ratio of the latter. Times are the node's
//! own, by its histogram; beside them stands what the client sees.
//!
//! `bench_node snapshot` grows a state, exports it from one node and imports it into another by the node's own commands, and
//! ends with `accounts=… export-seconds=… import-seconds=… bytes-per-account=…`. All print a table and keep the result as JSON.

mod catch_up;
#[path = "../shared/exposition.rs"]
mod exposition;
mod live;
mod load;
mod maker;
mod network;
mod process;
mod reads;
mod report;
mod served;
mod snapshot;
#[path = "../shared/start.rs"]
mod start;
#[path = "../shared/usage.rs"]
mod usage;

use clap::Parser;

#[derive(Debug, Parser)]
enum Options {
    /// How fast a new node catches up.
    Sync(catch_up::Options),
    /// How fast reads are answered.
    Rpc(reads::Options),
    /// How long a snapshot takes, out and in.
    Snapshot(snapshot::Options),
}

fn main() -> anyhow::Result<()> {
    match Options::parse() {
        Options::Sync(options) => sync(&options),
        Options::Rpc(options) => reads::measure(&options),
        Options::Snapshot(options) => snapshot::measure(&options),
    }
}

fn sync(options: &catch_up::Options) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let dir = options.dir.clone().unwrap_or_else(|| temporary.path().join("bench"));
    let mut rows = Vec::new();
    for load in options.loads() {
        rows.push(catch_up::catch_up(options, load, &dir.join(load.name()))?);
        report::line(rows.last());
    }
    report::table(&rows);
    report::keep(&options.json, &rows)?;
    report::ending(&rows);
    Ok(())
}
