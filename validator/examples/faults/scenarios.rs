//! Faults of all kinds, one after the other, and after each: nothing forked, nobody signed twice, all goes on.

mod disk;
mod journals;

use crate::{
    lab::{Lab, NODES, PATIENCE, Setting},
    node::Node,
};
use alloy_primitives::Address;
use anyhow::Context as _;
use chain::metrics;
use qbft::Rejected;
use std::{process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};

/// What is done to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Two of four cannot talk to the other two.
    Halves,
    /// Two of four are heard by the others but hear nothing.
    Deaf,
    /// One is cut off.
    Isolated,
    /// A fifth of all packets is lost.
    Loss,
    /// Everybody sends at 128 kbit/s.
    Slow,
    /// Two are killed and started again.
    KillTwo,
    /// All are.
    KillAll,
    /// Two are stopped and go on.
    StopTwo,
    /// The disk of one is full.
    FullDisk,
    /// The journal of one is lost.
    JournalOfOne,
    /// The journals of all are lost: they sit out, until a person takes the risk.
    JournalsOfAll,
    /// The clocks of so many nodes are off by so many seconds, and then right again.
    Clock { nodes: usize, seconds: i64 },
}

/// Faults by the lab they are tried in, one after the other.
const LABS: [&[Fault]; 3] = [
    &[Fault::Halves, Fault::Deaf, Fault::Isolated, Fault::Loss, Fault::Slow],
    &[
        Fault::KillTwo,
        Fault::KillAll,
        Fault::StopTwo,
        Fault::FullDisk,
        Fault::JournalOfOne,
        Fault::JournalsOfAll,
    ],
    &[
        Fault::Clock { nodes: 1, seconds: 30 },
        Fault::Clock { nodes: 1, seconds: -30 },
        Fault::Clock { nodes: 1, seconds: 3600 },
        Fault::Clock { nodes: NODES, seconds: 30 },
    ],
];

struct Row {
    name: String,
    from: u64,
    to: u64,
    outcome: anyhow::Result<(f64, f64)>,
}

/// Tries all faults whose name contains `only` and which this machine can bring about; fails if one of them is not
/// survived, or if there was none.
pub(crate) async fn run(setting: &Setting, only: &str) -> anyhow::Result<ExitCode> {
    let wanted = |fault: &Fault| format!("{fault:?}").contains(only);
    let lab = |index: u8| {
        let faults = LABS.get(usize::from(index)).copied().unwrap_or_default();
        let is_tried = |fault: &Fault| wanted(fault) && lacking(setting, *fault).is_none();
        try_all(setting, index, faults.iter().copied().filter(is_tried).collect())
    };
    let (one, two, three) = tokio::join!(lab(0), lab(1), lab(2));
    let rows: Vec<Row> = [one?, two?, three?].into_iter().flatten().collect();
    println!(
        "scenario                             heights  fork  next block after s  all follow after s  verdict"
    );
    rows.iter().for_each(print);
    let lacking = |fault: Fault| Some((fault, lacking(setting, fault)?));
    let left_out: Vec<_> =
        LABS.concat().into_iter().filter(|fault| wanted(fault)).filter_map(lacking).collect();
    for (fault, why) in &left_out {
        println!("{:35}  left out: {why}", format!("{fault:?}"));
    }
    let failed = |what: &str| {
        rows.iter().filter(|row| row.outcome.as_ref().is_err_and(|e| e.to_string().contains(what))).count()
    };
    let (forks, failures) = (failed("fork"), rows.iter().filter(|row| row.outcome.is_err()).count());
    let (count, stuck) = (rows.len(), failures - forks);
    println!("scenarios={count} left-out={} forks={forks} stuck={stuck}", left_out.len());
    Ok(if failures == 0 && count > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(row: &Row) {
    let heights = format!("{}-{}", row.from, row.to);
    match &row.outcome {
        Ok((next, all)) => println!("{:35}  {heights:>7}  no    {next:18.2}  {all:18.2}  ok", row.name),
        Err(error) => println!("{:35}  {heights:>7}  FAILED: {error:#}", row.name),
    }
}

/// What this machine lacks to bring a fault about.
fn lacking(setting: &Setting, fault: Fault) -> Option<&'static str> {
    let (kernel, faketime) = (setting.kernel, setting.faketime.is_some());
    let (there, what) = match fault {
        Fault::Halves | Fault::Deaf | Fault::Isolated => (kernel.cuts, "no nftables in this kernel"),
        Fault::Loss => (kernel.loss, "no nftables with numgen in this kernel"),
        Fault::Slow => (kernel.slow, "no token buckets (tc tbf) in this kernel"),
        Fault::Clock { .. } => (faketime, "no libfaketime; apt-get download cannot get it"),
        _ => return None,
    };
    (!there).then_some(what)
}

async fn try_all(setting: &Setting, index: u8, faults: Vec<Fault>) -> anyhow::Result<Vec<Row>> {
    let steps_clocks = faults.iter().any(|fault| matches!(fault, Fault::Clock { .. }));
    if faults.is_empty() {
        return Ok(Vec::new());
    }
    let setting = Setting { faketime: setting.faketime.clone().filter(|_| steps_clocks), ..setting.clone() };
    let mut lab = Lab::new(&setting, index, Duration::ZERO)?;
    if faults.contains(&Fault::FullDisk) {
        disk::make_small(&lab.nodes[disk::NODE])?;
    }
    lab.nodes.iter_mut().try_for_each(Node::start)?;
    lab.settle().await?;
    let mut rows = Vec::new();
    for fault in faults {
        let from = lab.watch.height();
        let outcome = survive(&mut lab, fault).await;
        let row = Row { name: format!("{fault:?}"), from, to: lab.watch.height(), outcome };
        eprintln!("{}: {:?}", row.name, row.outcome);
        let is_over = row.outcome.is_err();
        rows.push(row);
        if is_over {
            break;
        }
    }
    Ok(rows)
}

/// One fault. Gives when the next block came, and when all nodes followed and voted again, after its end.
async fn survive(lab: &mut Lab, fault: Fault) -> anyhow::Result<(f64, f64)> {
    let before = lab.watch.height();
    begin(lab, fault).await?;
    let before = match fault {
        // What was decided in the last moment was not told of by nodes that were killed.
        Fault::JournalsOfAll => journals::highest(lab).await?,
        _ => before,
    };
    sleep(hold(fault)).await;
    check(lab, fault, before).await?;
    let height = lab.watch.height();
    let end = Instant::now();
    finish(lab, fault)?;
    let next = lab.watch.above(height, PATIENCE).await?;
    lab.settle().await?;
    let all = end.elapsed().as_secs_f64();
    lab.compare().await?;
    let reason = Rejected::Equivocation { author: Address::ZERO }.label();
    for node in &lab.nodes {
        let twice = node.counter(&metrics::MESSAGES_REJECTED, &format!("{{reason=\"{reason}\"}}")).await?;
        anyhow::ensure!(
            twice == 0,
            "fork danger: {} heard two votes of one seat for one thing",
            node.namespace
        );
    }
    Ok((next.at.saturating_duration_since(end).as_secs_f64(), all))
}

const fn hold(fault: Fault) -> Duration {
    Duration::from_secs(match fault {
        Fault::KillAll => 2,
        Fault::JournalOfOne => 1,
        Fault::Loss | Fault::Slow => 10,
        _ => 8,
    })
}

async fn begin(lab: &mut Lab, fault: Fault) -> anyhow::Result<()> {
    match fault {
        Fault::Halves => lab.links.part(&[&[0, 1], &[2, 3]]),
        Fault::Deaf => {
            // From, to.
            lab.links.cut_one_way(&[(2, 0), (3, 0), (2, 1), (3, 1)])
        }
        Fault::Isolated => lab.links.part(&[&[0], &[1, 2, 3]]),
        Fault::Loss => lab.links.lose(20),
        Fault::Slow => lab.links.limit("128kbit"),
        Fault::KillTwo => lab.nodes.iter_mut().take(2).try_for_each(Node::kill),
        Fault::KillAll => lab.nodes.iter_mut().try_for_each(Node::kill),
        Fault::StopTwo => lab.nodes.iter().take(2).try_for_each(|node| node.signal("STOP")),
        Fault::FullDisk => disk::fill(&lab.nodes[disk::NODE]),
        Fault::JournalOfOne => journals::lose(lab, 1).await,
        Fault::JournalsOfAll => journals::lose(lab, NODES).await,
        Fault::Clock { nodes, seconds } => {
            lab.nodes.iter().rev().take(nodes).try_for_each(|node| node.step_clock(seconds))
        }
    }
}

/// What must hold while the fault lasts; it found the network at the height `before`.
async fn check(lab: &Lab, fault: Fault, before: u64) -> anyhow::Result<()> {
    let goes_on = match fault {
        Fault::Isolated | Fault::FullDisk => true,
        Fault::Clock { nodes, seconds } => nodes == 1 || seconds > 0,
        _ => false,
    };
    if goes_on {
        lab.watch.above(before + 1, PATIENCE).await.context("stuck, though a quorum is well")?;
    }
    match fault {
        Fault::FullDisk => disk::check(lab).await,
        Fault::JournalsOfAll => journals::all_sit_out(lab, before).await,
        _ => Ok(()),
    }
}

fn finish(lab: &mut Lab, fault: Fault) -> anyhow::Result<()> {
    match fault {
        Fault::Halves | Fault::Deaf | Fault::Isolated | Fault::Loss => lab.links.heal(),
        Fault::Slow => lab.links.unlimit(),
        Fault::KillTwo => lab.nodes.iter_mut().take(2).try_for_each(Node::start),
        Fault::KillAll => lab.nodes.iter_mut().try_for_each(Node::start),
        Fault::StopTwo => lab.nodes.iter().take(2).try_for_each(|node| node.signal("CONT")),
        Fault::FullDisk => disk::free(&mut lab.nodes[disk::NODE]),
        Fault::JournalOfOne => Ok(()),
        Fault::JournalsOfAll => journals::accept_loss(lab),
        Fault::Clock { nodes, .. } => {
            lab.nodes.iter().rev().take(nodes).try_for_each(|node| node.step_clock(0))
        }
    }
}
