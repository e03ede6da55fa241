//! A spare takes an identity over, and its own node has it back.

use crate::{
    Seen,
    fleet::{Fleet, LONG, same},
};
use anyhow::{Context, Result, ensure};
use e2e::{
    patience::{Progress, with_progress},
    process::Stopped,
};
use serde_json::Value;
use std::time::Instant;

/// Of the four: not the one that is asked for blocks.
const VICTIM: usize = 1;
const WITNESS: usize = 0;

/// The holder's process stops as it stands, with whatever vote it was about to sign, and wakes as another one votes in its place.
pub(crate) async fn by_pause(fleet: &Fleet, seen: &mut Seen) -> Result<()> {
    let (victim, witness, spare) = (fleet.node(VICTIM), fleet.node(WITNESS), fleet.spare());
    let (address, epoch) = holder(fleet, &victim).await?;
    let from = fleet.rpc(&witness).await?.block_number().await?;
    let began = Instant::now();
    let stopped = Stopped::stop(fleet.process(&victim).await?)?;
    println!("  {victim} ({address}, epoch {epoch}) stands still");
    votes_for(fleet, &spare, &address).await?;
    let height = fleet.heard(&witness, &address).await?;
    seen.take_over_seconds = seen.take_over_seconds.max(began.elapsed().as_secs_f64());
    seen.take_overs += 1;
    println!(
        "  {spare} votes in its place at {height}, {:.1} s after it stopped",
        began.elapsed().as_secs_f64()
    );
    let leases = fleet.leases().await?;
    ensure!(
        leases.values().any(|holder| holder.ends_with(&spare)),
        "no Lease names {spare} as its holder: {leases:?}"
    );
    shown(fleet, &spare, &victim).await?;
    fleet.event("IdentityMoved", &[&spare, &victim]).await?;
    fleet.tell().await?;
    fleet.blocks(&witness, 2).await?;
    stopped.wake()?;
    println!("  {victim} wakes");
    has_it_back(fleet, &victim, epoch).await?;
    fleet.settled().await?;
    fleet.event("IdentityReturned", &[&victim]).await?;
    fleet.heard(&witness, &address).await?;
    seen.equivocations += fleet.agrees(from).await?;
    Ok(())
}

/// The holder's pod is told to end, as for an upgrade: it gives the identity up at once.
pub(crate) async fn by_move(fleet: &Fleet, seen: &mut Seen) -> Result<()> {
    let (victim, witness, spare) = (fleet.node(VICTIM), fleet.node(WITNESS), fleet.spare());
    let (address, epoch) = holder(fleet, &victim).await?;
    let from = fleet.rpc(&witness).await?.block_number().await?;
    let began = Instant::now();
    fleet.cluster.delete_pod(&format!("{victim}-0"), 30).await?;
    println!("  {victim} ({address}, epoch {epoch}) is told to end");
    votes_for(fleet, &spare, &address).await?;
    println!("  {spare} holds it {:.1} s later", began.elapsed().as_secs_f64());
    seen.take_overs += 1;
    fleet.tell().await?;
    has_it_back(fleet, &victim, epoch).await?;
    fleet.settled().await?;
    fleet.heard(&witness, &address).await?;
    seen.equivocations += fleet.agrees(from).await?;
    Ok(())
}

/// The identity that a node holds as its own, and in which epoch.
pub(crate) async fn holder(fleet: &Fleet, node: &str) -> Result<(String, u64)> {
    let identity = fleet.status(node).await?["identity"].clone();
    ensure!(identity["fence"]["role"] == "holder", "{node} does not hold its identity: {identity}");
    let address = identity["address"].as_str().context("address")?.to_owned();
    Ok((address, identity["fence"]["epoch"].as_u64().context("epoch")?))
}

/// Waits until the spare holds this identity.
pub(crate) async fn votes_for(fleet: &Fleet, spare: &str, address: &str) -> Result<()> {
    with_progress(&format!("{spare} takes {address} over"), LONG, || async {
        let status = fleet.status(spare).await?;
        let identity = &status["identity"];
        let is_held = same(&identity["address"], address) && identity["fence"]["role"] == "holder";
        Ok(if is_held && identity["voting"] == true {
            Progress::Done(())
        } else {
            Progress::Waiting(format!("identity {identity}, stands by {}", roles(&status)))
        })
    })
    .await
}

/// Waits until the node holds its identity anew, two take-overs later at least.
pub(crate) async fn has_it_back(fleet: &Fleet, node: &str, before: u64) -> Result<()> {
    with_progress(&format!("{node} has its identity back"), LONG, || async {
        let identity = fleet.status(node).await?["identity"].clone();
        let epoch = identity["fence"]["epoch"].as_u64().unwrap_or(0);
        let is_back = identity["fence"]["role"] == "holder" && identity["voting"] == true;
        Ok(if is_back && epoch >= before + 2 {
            Progress::Done(())
        } else {
            Progress::Waiting(identity["fence"].to_string())
        })
    })
    .await
}

/// Waits until the operator shows which node votes for which.
async fn shown(fleet: &Fleet, spare: &str, victim: &str) -> Result<()> {
    with_progress(&format!("{}: {spare} is shown as the holder", fleet.name), LONG, || async {
        let (one, other) = (fleet.shown(spare).await?, fleet.shown(victim).await?);
        let is_holder = one["phase"] == "Validating" && one["holds"] == victim;
        let is_held = other["heldBy"].as_str().is_some_and(|holder| holder.ends_with(spare));
        Ok(if is_holder && is_held {
            Progress::Done(())
        } else {
            Progress::Waiting(format!("{one}, {other}"))
        })
    })
    .await
}

fn roles(status: &Value) -> String {
    let all = status["standbyFor"].as_array().into_iter().flatten();
    let one = |one: &Value| format!("{} {}", one["address"], one["fence"]);
    all.map(one).collect::<Vec<_>>().join(", ")
}
