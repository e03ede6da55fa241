//! The second half of `make demo`: applies the two example manifests to the cluster of `KUBECONFIG`, watches the network
//! come alive, deploys a contract and calls it through the load balancer, and prints what to try next. With `--members` instead:
//! three members, each with a namespace and an operator of its own.

use alloy_primitives::{TxKind, U256};
use anyhow::{Context, Result, anyhow};
use e2e::{
    account::Account,
    cluster::{Cluster, condition},
    contract,
    patience::{Progress, with_progress},
    rpc::Rpc,
};
use serde_json::Value;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

const NAMESPACE: &str = "bank-a";
const CONSORTIUM: &str = "trade-finance";
const FLEET: &str = "bank-a";
const CHAIN_ID: u64 = 10101;
/// The value the demo stores on the chain.
const VALUE: u64 = 42;

#[tokio::main]
async fn main() -> Result<()> {
    let examples = std::env::args().nth(1).unwrap_or_else(|| "examples".to_owned());
    if examples == "--members" {
        return e2e::members::show().await;
    }
    let examples = PathBuf::from(examples);
    let cluster = Cluster::connect(NAMESPACE).await?;
    let start = Instant::now();
    if cluster.get("Consortium", CONSORTIUM).await?.is_some() {
        println!(
            "  the network is already there: what follows tells how soon it answers, not how soon it starts"
        );
    }
    for manifest in ["namespace.yaml", "consortium.yaml", "validator.yaml"] {
        cluster.apply_file(examples.join(manifest)).await?;
        println!("  applied examples/{manifest}");
    }
    let first_block = first_block(&cluster, start).await?;
    let http = endpoint(&cluster).await?;
    let rpc = Rpc::new(&http)?;
    transact(&rpc).await?;
    ready(&cluster).await?;
    println!("\nfirst-block-seconds={first_block:.1}");
    Ok(())
}

/// Seconds from the manifests to block 1, as the first node that answers tells.
async fn first_block(cluster: &Cluster, start: Instant) -> Result<f64> {
    with_progress("waiting for the first block", Duration::from_mins(3), || async {
        let Some(fleet) = cluster.get("Validator", FLEET).await? else {
            return Ok(Progress::Waiting("no Validator yet".to_owned()));
        };
        if let Some(http) = address(&fleet) {
            let height = Rpc::new(&http)?.block_number().await?;
            if height >= 1 {
                return Ok(Progress::Done(start.elapsed().as_secs_f64()));
            }
            return Ok(Progress::Waiting(format!("{http} answers, height {height}")));
        }
        Ok(Progress::Waiting(nodes(&fleet)))
    })
    .await
}

/// `bank-a-0 Provisioning, bank-a-1 Syncing, …`, or why nothing is there yet.
fn nodes(fleet: &Value) -> String {
    let listed: Vec<_> = fleet["status"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|n| format!("{} {}", n["name"].as_str().unwrap_or("?"), n["phase"].as_str().unwrap_or("?")))
        .collect();
    if listed.is_empty() {
        return condition(fleet, "Ready")
            .map_or_else(|| "no status yet".to_owned(), |(_, why, text)| format!("{why}: {text}"));
    }
    listed.join(", ")
}

async fn endpoint(cluster: &Cluster) -> Result<String> {
    let fleet = cluster.get("Validator", FLEET).await?.context("the Validator is gone")?;
    address(&fleet).ok_or_else(|| anyhow!("no RPC address in status"))
}

/// Where JSON-RPC answers: what `QUORATE_DEMO_RPC` names, as for a load balancer that is not reached from here, else what the status says.
fn address(fleet: &Value) -> Option<String> {
    let status = || fleet["status"]["rpc"]["http"].as_str().map(str::to_owned);
    std::env::var("QUORATE_DEMO_RPC").ok().or_else(status)
}

/// Deploys the contract, sets its slot and reads it back, all through the load balancer.
async fn transact(rpc: &Rpc) -> Result<()> {
    // A fresh sender each time: the demo can be run again on the same chain.
    let height = rpc.block_number().await?;
    let account = Account::from_seed(&format!("demo at block {height}"), CHAIN_ID)?;
    let (raw, hash) = account.eip1559(0, TxKind::Create, contract::REGISTER)?;
    rpc.send(&raw).await?;
    let receipt = mined(rpc, hash, "deploying a contract").await?;
    let address = serde_json::from_value(receipt["contractAddress"].clone()).context("contract address")?;
    println!("    contract {address} in block {}", receipt["blockNumber"]);
    let (raw, hash) = account.legacy(1, TxKind::Call(address), contract::set(VALUE))?;
    rpc.send(&raw).await?;
    let receipt = mined(rpc, hash, "calling it").await?;
    let stored = rpc.read_register(address).await?;
    if stored != U256::from(VALUE) || receipt["logs"].as_array().is_none_or(Vec::is_empty) {
        return Err(anyhow!(
            "the contract holds {stored}, expected {VALUE}, with one log; receipt {receipt}"
        ));
    }
    println!("    transaction {hash} in block {}: the contract now holds {stored}", receipt["blockNumber"]);
    Ok(())
}

async fn mined(rpc: &Rpc, hash: alloy_primitives::B256, what: &str) -> Result<Value> {
    let what = format!("{what} through {}", rpc.url());
    let receipt = with_progress(&what, Duration::from_secs(30), || async {
        Ok(rpc
            .receipt(hash)
            .await?
            .map_or_else(|| Progress::Waiting("in the pool".to_owned()), Progress::Done))
    })
    .await?;
    if receipt["status"] == "0x1" {
        Ok(receipt)
    } else {
        Err(anyhow!("transaction {hash} failed: {receipt}"))
    }
}

async fn ready(cluster: &Cluster) -> Result<()> {
    with_progress("waiting for Ready", Duration::from_secs(90), || async {
        for (kind, name, wanted) in [
            ("Consortium", CONSORTIUM, "Ready"),
            ("Consortium", CONSORTIUM, "QuorumHealthy"),
            ("Validator", FLEET, "Ready"),
        ] {
            let object = cluster.get(kind, name).await?.with_context(|| format!("{kind} {name}"))?;
            match condition(&object, wanted) {
                Some((status, ..)) if status == "True" => {}
                Some((status, reason, message)) => {
                    return Ok(Progress::Waiting(format!(
                        "{kind} {name} {wanted}={status}: {reason}, {message}"
                    )));
                }
                None => return Ok(Progress::Waiting(format!("{kind} {name} has no condition {wanted} yet"))),
            }
        }
        Ok(Progress::Done(()))
    })
    .await
}
