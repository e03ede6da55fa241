//! The table, the JSON document and the last line.

use crate::run::Result;
use std::path::Path;

const MIB: u64 = 1 << 20;

/// Writes the JSON document.
pub(crate) fn keep(result: &Result, out: &Path) -> anyhow::Result<()> {
    if let Some(dir) = out.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(out, serde_json::to_string_pretty(result)? + "\n")?;
    println!("{}", out.display());
    Ok(())
}

/// Prints everything for people, then the line for machines.
pub(crate) fn print(result: &Result) {
    println!(
        "gas limit {}, {} cores, wall {:.0}/s before and {:.0}/s after",
        result.gas_limit, result.cores, result.walls[0], result.walls[1]
    );
    println!(
        "{:10} {:>8} {:>7} {:>7} {:>13} {:>15} {:>5} {:>8} {:>7} {:>8} {:>7} {:>6}",
        "phase",
        "txs",
        "tps",
        "block",
        "inclusion ms",
        "interval ms",
        "lost",
        "cpu us",
        "gen us",
        "wire B",
        "disk B",
        "MiB"
    );
    for (name, phase) in &result.phases {
        println!(
            "{name:10} {:8} {:7.0} {:7} {:6}/{:6} {:7}/{:7} {:5} {:8.1} {:7.1} {:8.0} {:7.0} {:6}",
            phase.transactions,
            phase.tps,
            phase.block_max,
            phase.inclusion_p50_ms,
            phase.inclusion_p99_ms,
            phase.interval_p50_ms,
            phase.interval_p999_ms,
            phase.lost,
            phase.cpu_us_per_tx_node,
            phase.generator_cpu_us_per_tx,
            phase.wire_bytes_per_tx,
            phase.disk_bytes_per_tx_node,
            phase.rss / MIB,
        );
    }
    let tps = |name: &str| result.phases.get(name).map_or(0.0, |phase| phase.tps);
    println!(
        "tps={:.0} wall={:.0} ratio={:.2} cpu-us-per-tx-node={:.1} erc20-tps={:.0} overload-tps={:.0} lost={} round-changes={} inclusion-p99-ms={} rss-mb={} idle-rss-mb={}",
        tps("transfer"),
        result.wall,
        tps("transfer") / result.wall,
        result.cpu_us_per_tx_node,
        tps("erc20"),
        tps("overload"),
        result.lost,
        result.round_changes,
        result.phases.get("moderate").map_or(0, |phase| phase.inclusion_p99_ms),
        result.rss / MIB,
        result.idle_rss / MIB,
    );
}
