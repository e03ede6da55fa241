//! What the signing service costs a vote whose key is in a file.
//!
//! `bench_signing`: PREPARE and COMMIT of height after height take the node's own way, without a network: durable in the vote
//! journal, then signed. One height goes through the service, as the driver takes it (the signer behind its trait, counters,
//! the answer as the core is given it), another has its hashes signed by the key itself, at random; so both have the same disk
//! and the same moment. Ends with `local-sign-us=… direct-sign-us=… vote-path-ratio=…`, medians: of a signature with and without
//! the service (a height takes three), and of a height's whole way with it over that without. `same-path-ratio` is the same ratio of two halves of the heights without: what
//! this machine shows as different of what is not.

mod votes;

use anyhow::{Context as _, ensure};
use clap::Parser;
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};
use votes::{Height, Way};

/// More than this is measurable.
const RATIO: f64 = 1.05;
/// Signatures of a height: PREPARE, the seal, COMMIT.
const SIGNATURES: f64 = 3.0;

/// What to run.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Heights, half of them with the service.
    #[arg(long, env = "HEIGHTS", default_value_t = 2000)]
    heights: u64,
    /// Folder of the vote journal, on the disk that is meant; made anew.
    #[arg(long, default_value = "target/bench/signing")]
    dir: PathBuf,
    /// The JSON result.
    #[arg(long, default_value = "target/bench/signing.json")]
    out: PathBuf,
}

/// Medians, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Measured {
    heights: usize,
    local_sign_us: f64,
    direct_sign_us: f64,
    durable_us: f64,
    vote_path_us: f64,
    vote_path_ratio: f64,
    same_path_ratio: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    ensure!(options.heights >= 8, "HEIGHTS is {}, at least 8 are needed", options.heights);
    let heights = votes::run(&options.dir, options.heights).await?;
    let measured = weigh(&heights);
    if let Some(dir) = options.out.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let text = serde_json::to_string_pretty(&measured)? + "\n";
    std::fs::write(&options.out, text).with_context(|| options.out.display().to_string())?;
    println!("{}", options.out.display());
    println!(
        "{} heights, two votes each: durable in {:.0} us, the whole way {:.0} us",
        measured.heights, measured.durable_us, measured.vote_path_us
    );
    if measured.vote_path_ratio > RATIO {
        println!("missed: vote-path-ratio is {:.3}, at most {RATIO} is wanted", measured.vote_path_ratio);
    }
    println!(
        "local-sign-us={:.1} direct-sign-us={:.1} added-us={:.1} vote-path-us={:.0} vote-path-ratio={:.3} same-path-ratio={:.3}",
        measured.local_sign_us,
        measured.direct_sign_us,
        measured.local_sign_us - measured.direct_sign_us,
        measured.vote_path_us,
        measured.vote_path_ratio,
        measured.same_path_ratio
    );
    Ok(if measured.vote_path_ratio <= RATIO { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn weigh(heights: &[Height]) -> Measured {
    let of = |way| heights.iter().filter(move |height| height.way == way);
    let median = |of: &mut dyn Iterator<Item = f64>| -> f64 {
        let mut values: Vec<f64> = of.collect();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let total = |height: &Height| height.durable_us + height.signed_us;
    let (service, direct) =
        (median(&mut of(Way::Service).map(total)), median(&mut of(Way::Direct).map(total)));
    let halves: [f64; 2] = [0, 1].map(|half| median(&mut of(Way::Direct).skip(half).step_by(2).map(total)));
    Measured {
        heights: heights.len(),
        local_sign_us: median(&mut of(Way::Service).map(|height| height.signed_us)) / SIGNATURES,
        direct_sign_us: median(&mut of(Way::Direct).map(|height| height.signed_us)) / SIGNATURES,
        durable_us: median(&mut heights.iter().map(|height| height.durable_us)),
        vote_path_us: service,
        vote_path_ratio: service / direct,
        same_path_ratio: halves[0] / halves[1],
    }
}
