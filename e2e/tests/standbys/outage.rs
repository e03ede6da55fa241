//! A key of the vault is away: its seat is silent, the others go on, and it is back by itself.

use crate::{
    Seen,
    fleet::{Fleet, LONG},
};
use anyhow::{Context, Result};
use e2e::patience::{Progress, with_progress};
use http::Request;
use serde_json::{Value, json};
use std::time::Instant;

const VICTIM: usize = 2;
const WITNESS: usize = 0;
/// Blocks that are made meanwhile: half a minute.
const BLOCKS: u64 = 15;

/// Takes one node's key away by the double's switches, and gives it back.
pub(crate) async fn of_one_key(fleet: &Fleet, seen: &mut Seen) -> Result<()> {
    let (victim, witness) = (fleet.node(VICTIM), fleet.node(WITNESS));
    let status = fleet.status(&victim).await?;
    let address = status["identity"]["address"].as_str().context("address")?.to_owned();
    let from = fleet.rpc(&witness).await?.block_number().await?;
    // As the operator calls it unless a prefix is given.
    let faults = format!("keys/{}-{victim}/faults", fleet.name);
    switch(fleet, "PUT", &faults, Some(json!({ "away": "refusing" }))).await?;
    with_progress(&format!("{victim} is held back from its key"), LONG, || async {
        let signer = fleet.status(&victim).await?["identity"]["signer"].clone();
        let is_away = signer["state"] == "failing";
        Ok(if is_away { Progress::Done(()) } else { Progress::Waiting(signer.to_string()) })
    })
    .await?;
    let told = fleet.says("its condition tells", &["KeyAccess=False", "NodeKeyAccess", &victim]).await?;
    println!("    {told}");
    fleet.blocks(&witness, BLOCKS).await?;
    switch(fleet, "DELETE", &faults, None).await?;
    let back = Instant::now();
    fleet.heard(&witness, &address).await?;
    seen.full_strength_seconds = back.elapsed().as_secs_f64();
    println!("  {victim} votes again {:.1} s after its key was back", seen.full_strength_seconds);
    fleet.says("its condition tells", &["KeyAccess=True"]).await?;
    fleet.settled().await?;
    seen.equivocations += fleet.agrees(from).await?;
    Ok(())
}

/// Asks the double's switches, through the API server.
async fn switch(fleet: &Fleet, method: &str, path: &str, body: Option<Value>) -> Result<()> {
    let path = format!("/api/v1/namespaces/azure/services/switches:9000/proxy/{path}");
    let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
    let request = Request::builder().method(method).uri(&path).header("content-type", "application/json");
    let answer = fleet.cluster.client.request_text(request.body(body)?).await;
    answer.map(drop).with_context(|| format!("{method} {path}"))
}
