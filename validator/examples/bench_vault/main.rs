//! What a vault costs four validators whose keys never leave it, and what its failures cost.
//!
//! `bench_vault --binary target/release/quorate-validator`: real processes on loopback. First with local keys, then with a vault
//! double for each seat: latency and throttling (the measurement), the same with late refusals, overload, and f vaults away, once
//! refusing and once hanging. Prints a table and ends with `missed-percent=… added-p99-over-latency=… conflicts=…` and more; exits
//! with 1 where a bar is missed. A JSON document with everything is kept.
//!
//! * **missed**: of all pairs of a block and a seat those where the seat neither sent a COMMIT nor had one signed when the next
//!   block was due, one period after this block's own timestamp, however late the block came. A COMMIT that was signed in time and came
//!   after the quorum's is no miss: the seat was there, and nobody waited for it. `late-percent` counts these.
//! * **vote latency**: from a proposal's being found valid (of one's own: sent) to the COMMIT's being sent, or signed if it was not
//!   needed any more; the period for a miss. `added-p99-over-latency` is its 99th percentile above that of local keys, in
//!   latencies of the vault (way and work). With local keys a COMMIT that was not sent was signed all the same: it is late, never missed.
//! * **latency** is what a signature takes. Key Vault throttles before it works, so a 429 comes at once, or after the way to the vault
//!   where it has one (`NETWORK`). `added-p99-with-late-refusals` is the same figure of blocks where a 429 takes as long as a
//!   signature; the bar there is that no more votes are missed. One vote of some twenty-five then has two refusals in its way, one
//!   after the other, so the percentile is two latencies higher; only asking twice for every signature would take them away,
//!   which is refused (ADR 36).
//! * **conflicts**: two different votes of one seat for one (height, round, phase), as the vaults' logs of everything signed and the nodes'
//!   vote journals tell; seals and messages are phases of their own. `unexplained` digests belong to no vote in any journal.
//! * **full strength**: from the vaults' return, as slow and as throttled as before, until each of their seats has had a COMMIT signed
//!   again; the worse of both ways to be away.

mod conflicts;
#[path = "../shared/exposition.rs"]
mod exposition;
mod heads;
mod network;
mod node_log;
mod report;
mod run;
mod votes;

use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// What to run.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// Seats.
    #[arg(long, env = "VALIDATORS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=31))]
    validators: u16,
    /// Blocks of the measurement.
    #[arg(long, env = "BLOCKS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    blocks: u64,
    /// Milliseconds that a vault takes to sign.
    #[arg(long, env = "LATENCY", default_value_t = 50)]
    latency: u64,
    /// Milliseconds that the way to it takes, for 429 too.
    #[arg(long, env = "NETWORK", default_value_t = 0)]
    network: u64,
    /// Milliseconds on top, at most.
    #[arg(long, env = "JITTER", default_value_t = 0)]
    jitter: u64,
    /// Percent of requests that are throttled.
    #[arg(long, env = "THROTTLED", default_value_t = 10.0)]
    throttled: f64,
    /// Seconds that these are told to wait; not told when absent, as Key Vault does.
    #[arg(long, env = "RETRY_AFTER")]
    retry_after: Option<u32>,
    /// Seconds between blocks.
    #[arg(long, env = "PERIOD", default_value_t = 1)]
    period: u64,
    /// Seconds that f vaults are away, twice, at least 30; 0 leaves these phases out.
    #[arg(long, env = "AWAY", default_value_t = 60, value_parser = long_enough)]
    away: u64,
    /// Seconds of overload, at least 30; 0 leaves the phase out.
    #[arg(long, env = "OVERLOAD", default_value_t = 60, value_parser = long_enough)]
    overload: u64,
    /// What the vaults' faults are drawn from.
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
    /// The node's binary.
    #[arg(long, default_value = "target/release/quorate-validator")]
    binary: PathBuf,
    /// Folder for the networks, kept afterwards; a temporary one when absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The JSON result.
    #[arg(long, default_value = "target/bench/vault.json")]
    out: PathBuf,
    /// First port; every node takes three of the next ten.
    #[arg(long, default_value_t = 33500)]
    base_port: u16,
}

/// A phase shorter than the longest gap that is allowed would tell nothing of the chain.
fn long_enough(seconds: &str) -> Result<u64, String> {
    let seconds: u64 = seconds.parse().map_err(|error| format!("{error}"))?;
    let least = u64::from(report::LONGEST_GAP_SECONDS);
    if seconds == 0 || seconds >= least {
        return Ok(seconds);
    }
    Err(format!("{seconds} s are too few to tell anything: at least {least}, or 0 to leave it out"))
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let result = run::run(&options).await?;
    report::keep(&result, &options.out)?;
    report::print(&result);
    Ok(if report::missed_bars(&result).is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
