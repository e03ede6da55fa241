//! Drives a node with alloy: deploy, both types of transaction, logs, reasons, traces, subscriptions.
//!
//! ```text
//! quorate-alloy-client <http-url> <ws-url> <artifact>
//! ```

mod steps;

use std::{fmt::Display, fs, time::Duration, time::Instant};

use alloy_network::Ethereum;
use alloy_primitives::{Bytes, hex};
use alloy_provider::{DynProvider, Provider, ProviderBuilder, utils::Eip1559Estimator};
use alloy_rpc_client::{RpcClient, WsConnect};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result, bail};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [http, ws, artifact] = &arguments[..] else {
        bail!("usage: quorate-alloy-client <http-url> <ws-url> <artifact>");
    };
    let signer = PrivateKeySigner::random();
    let account = signer.address();
    let reader = provider(RpcClient::new_http(http.parse().context("http url")?), signer.clone());
    reader.client().set_poll_interval(Duration::from_millis(250));
    let socket = RpcClient::connect_pubsub(WsConnect::new(ws)).await?;
    steps::run(reader, provider(socket, signer), account, bytecode(artifact)?).await
}

/// A provider that fills and signs as alloy's own does, but for the tip: alloy's estimator gives at least 1 wei, which an
/// account that owns nothing cannot pay.
fn provider(client: RpcClient, signer: PrivateKeySigner) -> DynProvider<Ethereum> {
    let free = Eip1559Estimator::new(|base, rewards| alloy_provider::utils::Eip1559Estimation {
        max_fee_per_gas: base * 2,
        max_priority_fee_per_gas: rewards.iter().flatten().copied().max().unwrap_or(0),
    });
    ProviderBuilder::new()
        .disable_recommended_fillers()
        .with_eip1559_estimator(free)
        .with_simple_nonce_management()
        .fetch_chain_id()
        .wallet(signer)
        .connect_client(client)
        .erased()
}

/// The creation code in an artifact that forge made.
fn bytecode(artifact: &str) -> Result<Bytes> {
    let text = fs::read(artifact).with_context(|| format!("artifact {artifact}"))?;
    let artifact: serde_json::Value = serde_json::from_slice(&text)?;
    let object = artifact["bytecode"]["object"].as_str().context("artifact without bytecode.object")?;
    Ok(hex::decode(object)?.into())
}

/// Runs one step and prints its line.
pub(crate) async fn step<T>(name: &str, run: impl Future<Output = Result<(T, impl Display)>>) -> Result<T> {
    let start = Instant::now();
    let result = tokio::time::timeout(LIMIT, run)
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} s", LIMIT.as_secs())));
    let (outcome, shown) = match &result {
        Ok((_, shown)) => ("ok", shown.to_string()),
        Err(_) => ("FAILED", String::new()),
    };
    println!("{:8} {name:38} {outcome:7} {:6} ms  {shown}", "alloy", start.elapsed().as_millis());
    result.map(|(value, _)| value).with_context(|| format!("alloy, {name}"))
}
