//! How soon after its quorum is back a halted chain makes its next block.

use crate::{
    lab::{Lab, Setting},
    node::Node,
    watch::Seen,
};
use std::{process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};

/// One way, on the long path.
const WAN: Duration = Duration::from_millis(300);
/// How long a block may take before the run is given up.
const PATIENCE: Duration = Duration::from_mins(2);
/// Seconds until the first block, at most.
const BAR: f64 = 6.0;
/// The seat that stays dead when the quorum is back, as many as may be.
const DEAD: usize = 0;
/// The seat whose return makes the quorum.
const BACK: usize = 1;

/// How the quorum is lost and comes back.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Both seats are killed; one is started again.
    Kill,
    /// Every node is cut off from every other; the links heal, but one seat was killed meanwhile.
    Partition,
    /// Both processes are stopped; one goes on.
    Stop,
    /// The links come and go all the time, never for long enough.
    Flicker,
}

const LOSSES: [Loss; 4] = [Loss::Kill, Loss::Partition, Loss::Stop, Loss::Flicker];

struct Row {
    delay: Duration,
    loss: Loss,
    seconds: u64,
    first: f64,
    block: u64,
}

/// Measures every loss at every length, on a short and on a long path, both beside each other.
pub(crate) async fn run(setting: &Setting, seconds: &[u64]) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(setting.kernel.cuts, "links cannot be cut here: the kernel lacks nftables, see above");
    let (near, far) = tokio::join!(all(setting, 0, Duration::ZERO, seconds), all(setting, 1, WAN, seconds));
    let mut rows = near?;
    rows.extend(far?);
    println!(
        "real processes: 4 validators, blocks every 2 s, one seat dead for good when the quorum is back; bar {BAR:.2} s"
    );
    println!("delay ms  quorum lost by  outage s  first block after s  block");
    for row in &rows {
        let loss = format!("{:?}", row.loss).to_lowercase();
        println!(
            "{:8}  {loss:14}  {:8}  {:19.2}  {:5}",
            row.delay.as_millis(),
            row.seconds,
            row.first,
            row.block
        );
    }
    let worst = rows.iter().map(|row| row.first).fold(0.0, f64::max);
    println!("real-worst-recovery-seconds={worst:.2} bar={BAR:.2} outages={}", rows.len());
    Ok(if worst <= BAR { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn all(setting: &Setting, index: u8, delay: Duration, seconds: &[u64]) -> anyhow::Result<Vec<Row>> {
    let mut lab = Lab::start(setting, index, delay).await?;
    let mut rows = Vec::new();
    for length in seconds {
        for loss in LOSSES {
            let (back, first) = measure(&mut lab, loss, Duration::from_secs(*length)).await?;
            let row = Row {
                delay,
                loss,
                seconds: *length,
                first: first.at.saturating_duration_since(back).as_secs_f64(),
                block: first.number,
            };
            eprintln!("{} ms, {loss:?}, {length} s: {:.2} s", delay.as_millis(), row.first);
            rows.push(row);
            lab.compare().await?;
        }
    }
    Ok(rows)
}

/// Loses the quorum for so long and gives it back. Tells when it was back, and the first block after.
async fn measure(lab: &mut Lab, loss: Loss, length: Duration) -> anyhow::Result<(Instant, Seen)> {
    let began = Instant::now();
    lose(lab, loss)?;
    // What was decided in the last moment may still be told of.
    sleep(Duration::from_secs(2)).await;
    let height = lab.watch.height();
    while began.elapsed() < length {
        if matches!(loss, Loss::Flicker) {
            lab.heal()?;
            sleep(Duration::from_millis(300)).await;
            isolate(lab)?;
        }
        sleep(Duration::from_millis(1500).min(length.saturating_sub(began.elapsed()))).await;
    }
    let halted = lab.watch.height();
    anyhow::ensure!(
        halted == height || matches!(loss, Loss::Flicker),
        "the chain went on from {height} to {halted} without a quorum"
    );
    let back = Instant::now();
    give_back(lab, loss)?;
    let first = lab.watch.above(halted, PATIENCE).await?;
    revive(lab, loss)?;
    lab.settle().await?;
    Ok((back, first))
}

fn lose(lab: &mut Lab, loss: Loss) -> anyhow::Result<()> {
    match loss {
        Loss::Kill => [DEAD, BACK].iter().try_for_each(|node| lab.nodes[*node].kill()),
        Loss::Stop => [DEAD, BACK].iter().try_for_each(|node| lab.nodes[*node].signal("STOP")),
        Loss::Partition | Loss::Flicker => {
            isolate(lab)?;
            lab.nodes[DEAD].kill()
        }
    }
}

fn isolate(lab: &Lab) -> anyhow::Result<()> {
    lab.part(&[&[0], &[1], &[2], &[3]])
}

fn give_back(lab: &mut Lab, loss: Loss) -> anyhow::Result<()> {
    match loss {
        Loss::Kill => lab.nodes[BACK].start(),
        Loss::Stop => lab.nodes[BACK].signal("CONT"),
        Loss::Partition | Loss::Flicker => lab.heal(),
    }
}

fn revive(lab: &mut Lab, loss: Loss) -> anyhow::Result<()> {
    match loss {
        Loss::Stop => lab.nodes[DEAD].signal("CONT"),
        Loss::Kill | Loss::Partition | Loss::Flicker => Node::start(&mut lab.nodes[DEAD]),
    }
}
