//! One of four validators dead for good: how long the heights take whose proposer it would have been.

use crate::{
    lab::{Lab, NODES, Setting},
    watch::Seen,
};
use std::{collections::BTreeMap, process::ExitCode, time::Duration};
use tokio::time::Instant;

/// How long a block may take before the run is given up.
const PATIENCE: Duration = Duration::from_mins(2);
const DEAD: usize = 0;
/// Seconds a dead proposer's height may take at most.
const BAR: f64 = 4.0;

/// A block as the living nodes told of it, and what it came after.
struct Gap {
    number: u64,
    is_dead: bool,
    /// Between the two headers' timestamps.
    timestamps: u64,
    /// Longest time, at one node, between its telling of the parent and of this block.
    arrivals: f64,
}

/// Watches until so many heights of the dead proposer have passed.
pub(crate) async fn run(setting: &Setting, heights: u64) -> anyhow::Result<ExitCode> {
    let mut lab = Lab::start(setting, 0, Duration::ZERO).await?;
    let status = lab.nodes[DEAD].status().await?;
    let dead = status.identity.map(|identity| format!("{:#x}", identity.address)).unwrap_or_default();
    let seats: Vec<String> = status.seats.iter().map(|seat| format!("{:#x}", seat.address)).collect();
    lab.nodes[DEAD].kill()?;
    let mut next = lab.watch.height() + 2;
    let (mut gaps, mut found) = (Vec::new(), 0);
    while found < heights {
        let at_node = |node| lab.watch.above_at(node, next - 1, PATIENCE);
        for node in (0..NODES).filter(|node| *node != DEAD) {
            at_node(node).await?;
        }
        let gap = gap(&lab.watch.all(), next, &dead, &seats)?;
        if gap.is_dead {
            found += 1;
            eprintln!("{found}/{heights}: block {next} after {:.2} s", gap.arrivals);
        }
        gaps.push(gap);
        next += 1;
    }
    lab.compare().await?;
    let worst = report(&gaps);
    Ok(if found > 0 && worst <= BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn gap(seen: &[Seen], number: u64, dead: &str, seats: &[String]) -> anyhow::Result<Gap> {
    let at = |number: u64| -> BTreeMap<usize, &Seen> {
        // The first telling counts.
        let of = seen.iter().rev().filter(|seen| seen.number == number && seen.node != DEAD);
        of.map(|seen| (seen.node, seen)).collect()
    };
    let (parents, blocks) = (at(number - 1), at(number));
    let (Some(parent), Some(block)) = (parents.values().next(), blocks.values().next()) else {
        anyhow::bail!("block {number} or its parent was not told of");
    };
    let turn = seats.iter().position(|seat| *seat == parent.proposer).map(|index| (index + 1) % seats.len());
    let between = |node: &usize| {
        let (parent, block): (Instant, Instant) = (parents.get(node)?.at, blocks.get(node)?.at);
        Some(block.saturating_duration_since(parent).as_secs_f64())
    };
    Ok(Gap {
        number,
        is_dead: turn.is_some_and(|turn| seats[turn] == dead),
        timestamps: block.timestamp.saturating_sub(parent.timestamp),
        arrivals: blocks.keys().filter_map(between).fold(0.0, f64::max),
    })
}

/// Prints the table; gives the longest a dead proposer's height took, by arrival or by timestamp.
fn report(gaps: &[Gap]) -> f64 {
    println!(
        "real processes: {NODES} validators, blocks every 2 s, one dead; bar for its heights {BAR:.2} s"
    );
    println!("proposer  heights  by arrival: p50 s  p99 s  max s  by timestamp: max s");
    for (name, is_dead) in [("alive", false), ("dead", true)] {
        let rows: Vec<&Gap> = gaps.iter().filter(|gap| gap.is_dead == is_dead).collect();
        let mut arrivals: Vec<f64> = rows.iter().map(|gap| gap.arrivals).collect();
        arrivals.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| {
            arrivals.get(arrivals.len() * percent / 100).or(arrivals.last()).copied().unwrap_or(0.0)
        };
        let timestamps = rows.iter().map(|gap| gap.timestamps).max().unwrap_or(0);
        println!(
            "{name:8}  {:7}  {:17.2}  {:5.2}  {:5.2}  {timestamps:20}",
            rows.len(),
            at(50),
            at(99),
            at(100)
        );
    }
    let dead: Vec<&Gap> = gaps.iter().filter(|gap| gap.is_dead).collect();
    let worst = dead.iter().map(|gap| gap.arrivals).fold(0.0, f64::max);
    let timestamps = dead.iter().map(|gap| gap.timestamps).max().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let worst = worst.max(timestamps as f64);
    println!(
        "dead-heights={} from-block={} bar={BAR:.2} dead-height-max-seconds={worst:.2}",
        dead.len(),
        gaps.first().map_or(0, |gap| gap.number)
    );
    worst
}
