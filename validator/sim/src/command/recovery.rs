//! How soon after its quorum is back a halted network decides its next block, in virtual time.

use super::{on_every_core, per};
use chain::quorum::quorum;
use qbft_sim::recovery::{BAR_MS, Case, Loss, Path, measure};

const SIZES: [usize; 5] = [4, 7, 10, 16, 31];
const OUTAGES_S: [u64; 3] = [10, 600, 86_400];
/// Seats times seconds without a quorum that one case may simulate: the larger ones have fewer seeds.
const BUDGET: u64 = 6_000_000;

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for seats in SIZES {
        for path in Path::ALL {
            for loss in Loss::ALL {
                cases.extend(OUTAGES_S.map(|outage_s| Case { seats, path, loss, outage_s }));
            }
        }
    }
    cases
}

/// Runs every case with so many seeds and prints the table; `true` if nothing was broken and all came on below the bar.
pub(crate) fn run(seeds: u64) -> bool {
    println!(
        "virtual time: blocks every 2 s, request timeout 1.5 s; when the quorum is back exactly Q seats live; bar {} s",
        seconds(Some(BAR_MS))
    );
    println!("seats  dead  path  quorum lost by  outage s  seeds  first block after s: p50  worst");
    let mut worst = Some(0);
    for case in cases() {
        let most = BUDGET / (case.outage_s * (case.seats * case.seats) as u64);
        let seeds = seeds.min(most.max(2));
        let results = on_every_core(|seed| seed < seeds, |seed| Some(measure(case, seed)));
        let mut delays: Vec<Option<u64>> = results.into_iter().map(|(_, delay)| delay).collect();
        // A block that never came is worse than any other.
        delays.sort_unstable_by_key(|delay| delay.unwrap_or(u64::MAX));
        let (p50, last) = (delays.get(delays.len() / 2).copied().flatten(), delays.last().copied().flatten());
        worst = worst.zip(last).map(|(worst, last): (u64, u64)| worst.max(last));
        let Case { seats, path: Path { name: path, .. }, loss, outage_s } = case;
        let (dead, loss) = (seats - quorum(seats), format!("{loss:?}").to_lowercase());
        let (p50, last) = (seconds(p50), seconds(last));
        println!("{seats:5}  {dead:4}  {path}   {loss:14}  {outage_s:8}  {seeds:5}  {p50:>24}  {last:>5}");
    }
    println!("virtual-worst-recovery-seconds={} bar={}", seconds(worst), seconds(Some(BAR_MS)));
    worst.is_some_and(|worst| worst <= BAR_MS)
}

fn seconds(ms: Option<u64>) -> String {
    ms.map_or_else(|| "never".to_string(), |ms| format!("{:.2}", per(ms, 1_000.0)))
}
