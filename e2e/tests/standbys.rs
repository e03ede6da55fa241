//! `make e2e-standbys`: two networks on one cluster, their keys in a vault, each with a spare that takes over an identity whose
//! holder is gone. One is fenced by Leases of Kubernetes, the other by blobs in Azure's storage, and has a second cluster that stands by,
//! and one in which the same manifest runs by mistake.

#[path = "standbys/fleet.rs"]
mod fleet;
#[path = "standbys/outage.rs"]
mod outage;
#[path = "standbys/second.rs"]
mod second;
#[path = "standbys/take_over.rs"]
mod take_over;

use anyhow::{Context, Result, bail};
use fleet::Fleet;
use serde_json::{Value, json};

/// What was seen, for the last line.
#[derive(Debug, Default)]
struct Seen {
    /// Spares that took an identity over.
    take_overs: u32,
    /// Seconds from a holder's stop to the spare's vote, the worst.
    take_over_seconds: f64,
    /// Seconds from a vault's return to the seat's vote.
    full_strength_seconds: f64,
    /// Messages that some node refused for being a second one in one place.
    equivocations: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let path = arguments.first().context("usage: standbys SETTINGS [lease|blob]")?;
    let text = std::fs::read_to_string(path).with_context(|| path.clone())?;
    let settings: Value = serde_json::from_str(&text).with_context(|| path.clone())?;
    let only = arguments.get(1).map(String::as_str);
    let mut seen = Seen::default();
    match only {
        None | Some("lease" | "blob") => {}
        Some(other) => bail!("{other} is neither lease nor blob"),
    }
    // Both begin at once: what takes time is containers that start.
    let (lease, blob) = (Fleet::connect("bank-lease").await?, Fleet::connect("bank-blob").await?);
    let (with_lease, with_blob) = (only != Some("blob"), only != Some("lease"));
    if with_lease {
        lease.begin(20201, &settings["vault"], &json!({ "kubernetesLease": {} })).await?;
    }
    if with_blob {
        blob.begin(20202, &settings["vault"], &settings["fence"]).await?;
    }
    if with_lease {
        println!("\n-- Leases: a holder stops as it stands, and wakes");
        lease.settled().await?;
        take_over::by_pause(&lease, &mut seen).await?;
    }
    if with_blob {
        println!("\n-- blobs: a holder is moved");
        blob.settled().await?;
        take_over::by_move(&blob, &mut seen).await?;
        println!("\n-- a vault key is away");
        outage::of_one_key(&blob, &mut seen).await?;
        println!("\n-- a second cluster stands by for the first");
        second::takes_over(&blob, &settings, &mut seen).await?;
        println!("\n-- the same manifest in two clusters, by mistake");
        second::is_a_twin(&blob, &settings, &mut seen).await?;
    }
    println!(
        "\nstandbys={} conflicting-signatures={} take-over-seconds={:.1} full-strength-seconds={:.1}",
        seen.take_overs, seen.equivocations, seen.take_over_seconds, seen.full_strength_seconds
    );
    Ok(())
}
