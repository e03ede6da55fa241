//! Another cluster with the same keys and the same container: one that stands by, and one that does not know better. Each is a namespace
//! of its own, with an operator account, a copy of the network info and no more of the first one.

use crate::{
    Seen,
    fleet::{Fleet, LONG, NETWORK, same},
    take_over::{has_it_back, holder, votes_for},
};
use anyhow::{Context, Result, ensure};
use e2e::{
    cluster::Cluster,
    patience::{Progress, with_progress},
    process::Stopped,
};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use std::time::Instant;

/// What is lost of the first cluster: a node, with the spare that would have voted in its place.
const VICTIM: usize = 1;
const WITNESS: usize = 0;
/// Whose seat the copy has a key of.
const COPIED: usize = 0;

/// A node is gone with the first cluster's spare: the second cluster votes in its place, and gives the identity back.
pub(crate) async fn takes_over(first: &Fleet, settings: &Value, seen: &mut Seen) -> Result<()> {
    // Two nodes, for the first two identities.
    let west = Fleet { cluster: Cluster::connect("bank-west").await?, name: "bank-west", nodes: (2, 0) };
    join(&west, first, settings, json!({ "site": "west", "preferred": false })).await?;
    stands_by(&west, VICTIM).await?;
    let (victim, witness, spare) = (first.node(VICTIM), first.node(WITNESS), first.spare());
    let (address, epoch) = holder(first, &victim).await?;
    let from = first.rpc(&witness).await?.block_number().await?;
    let began = Instant::now();
    let stopped =
        [Stopped::stop(first.process(&spare).await?)?, Stopped::stop(first.process(&victim).await?)?];
    println!("  {victim} ({address}, epoch {epoch}) and {spare} stand still");
    votes_for(&west, &west.node(VICTIM), &address).await?;
    let height = first.heard(&witness, &address).await?;
    println!(
        "  {} votes in its place at {height}, {:.1} s later",
        west.node(VICTIM),
        began.elapsed().as_secs_f64()
    );
    seen.take_overs += 1;
    for one in stopped {
        one.wake()?;
    }
    println!("  both wake");
    has_it_back(first, &victim, epoch).await?;
    first.settled().await?;
    first.heard(&witness, &address).await?;
    seen.equivocations += first.agrees(from).await? + west.agrees(from).await?;
    ensure!(
        first.rpc(&witness).await?.block_hash(from).await?
            == west.rpc(&west.node(0)).await?.block_hash(from).await?,
        "two chains at {from}"
    );
    // Whoever stands by has no seat to give up: its fleet goes at once.
    west.cluster.delete("Validator", west.name, LONG).await
}

/// A copy of the first cluster's manifests whose nodes have the same names in the records: it votes for nothing, and says why.
pub(crate) async fn is_a_twin(first: &Fleet, settings: &Value, seen: &mut Seen) -> Result<()> {
    let copy = Fleet { cluster: Cluster::connect("bank-copy").await?, name: first.name, nodes: (1, 0) };
    let witness = first.node(VICTIM);
    let (address, epoch) = holder(first, &first.node(COPIED)).await?;
    let from = first.rpc(&witness).await?.block_number().await?;
    // Two clusters would have the namespace's name in common too; here the site says it.
    join(&copy, first, settings, json!({ "site": first.name })).await?;
    let told = copy.says("its conditions tell", &["Degraded=True", "FenceTwin", &copy.node(COPIED)]).await?;
    println!("    {told}");
    first.blocks(&witness, 3).await?;
    first.heard(&witness, &address).await?;
    ensure!(
        holder(first, &first.node(COPIED)).await? == (address, epoch),
        "{} lost its identity to the copy",
        first.node(COPIED)
    );
    first.settled().await?;
    seen.equivocations += first.agrees(from).await?;
    Ok(())
}

/// Applies the other cluster's manifests: the network is joined by the info that the first one hands over, its keys are used and none
/// is made.
async fn join(other: &Fleet, first: &Fleet, settings: &Value, fence: Value) -> Result<()> {
    other.namespace().await?;
    let name = format!("{NETWORK}-network-info");
    let info = first.cluster.core::<ConfigMap>().get(&name).await?.data.context("a network info")?;
    let handed = "handed-over";
    other
        .cluster
        .apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": info,
            "metadata": { "name": handed, "namespace": other.cluster.namespace },
        }))
        .await?;
    let begun =
        first.cluster.get("Consortium", NETWORK).await?.context("the Consortium is gone")?["status"].clone();
    let network = json!({
        "member": { "alias": first.name, "admin": { "address": begun["member"]["address"] }, "operator": { "secret": {} } },
        "join": { "genesisHash": begun["genesisHash"], "networkInfo": [{ "configMapRef": { "name": handed } }] },
    });
    let mut vault = settings["vault"].clone();
    vault["keyPrefix"] = json!(format!("{0}-{0}-", first.name));
    vault["create"] = json!(false);
    let mut whole = settings["fence"].clone();
    for (field, value) in fence.as_object().into_iter().flatten() {
        whole[field] = value.clone();
    }
    other.apply(&network, &whole, &vault).await
}

/// Waits until a node of the other cluster could vote for the identity of the same number.
async fn stands_by(other: &Fleet, index: usize) -> Result<()> {
    let node = other.node(index);
    with_progress(&format!("{node} stands by"), LONG, || async {
        let identity = other.status(&node).await?["identity"].clone();
        let is_ready = identity["fence"]["role"] == "standby" && identity["signer"]["state"] == "ready";
        let shown = other.shown(&node).await?;
        Ok(if is_ready && same(&shown["phase"], "Standby") {
            Progress::Done(())
        } else {
            Progress::Waiting(format!("{identity}, shown {shown}"))
        })
    })
    .await
}
