//! What is printed and kept.

use crate::catch_up::Row;
use std::{fs, path::Path};

pub(crate) fn line(row: Option<&Row>) {
    if let Some(row) = row {
        eprintln!(
            "{}: {:.1} s, {:.0} blocks/s, {:.1} Mgas/s",
            row.chain,
            row.seconds,
            row.blocks_per_second(),
            row.mgas_per_second()
        );
    }
}

pub(crate) fn table(rows: &[Row]) {
    println!(
        "chain       blocks      txs    Mgas  seconds  blocks/s  Mgas/s     tx/s  cpu source  cpu fresh  us/block both  busy  peak MiB  disk MiB"
    );
    for row in rows {
        println!(
            "{:10} {:7} {:8} {:7} {:8.1} {:9.0} {:7.1} {:8.0} {:11.2} {:10.2} {:6.1} {:7.1} {:4.0}% {:9} {:9}",
            row.chain,
            row.blocks,
            row.transactions,
            row.gas / 1_000_000,
            row.seconds,
            row.blocks_per_second(),
            row.mgas_per_second(),
            crate::process::count(row.transactions) / row.seconds,
            row.source_cpu_seconds,
            row.fresh_cpu_seconds,
            row.source_cpu_seconds * 1e6 / crate::process::count(row.blocks),
            row.fresh_cpu_seconds * 1e6 / crate::process::count(row.blocks),
            (row.source_cpu_seconds + row.fresh_cpu_seconds) / row.seconds * 50.0,
            row.fresh_peak_rss_mib,
            row.fresh_disk_mib,
        );
    }
    for row in rows.iter().filter(|row| !row.stages.is_empty()) {
        let stages: Vec<String> =
            row.stages.iter().map(|(stage, seconds)| format!("{stage} {seconds:.2} s")).collect();
        println!("{}: {}", row.chain, stages.join(", "));
    }
}

pub(crate) fn keep(path: &Path, rows: &impl serde::Serialize) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_string_pretty(rows)? + "\n")?;
    Ok(())
}

/// The figures that count; of the full chains the slower one.
pub(crate) fn ending(rows: &[Row]) {
    let empty = rows.iter().find(|row| row.transactions == 0).map_or(0.0, Row::blocks_per_second);
    let full = rows.iter().filter(|row| row.transactions > 0).map(Row::mgas_per_second);
    let full = full.min_by(f64::total_cmp).unwrap_or(0.0);
    println!("empty-blocks-per-second={empty:.0} mgas-per-second={full:.1}");
}
