//! Drives a node with alloy: deploy, both types of transaction, logs, reasons, traces, subscriptions.
//!
//! ```text
//! alloy_client <http-url> <ws-url> <artifact>
//! ```

use alloy::{
    contract::{CallBuilder, Error as ContractError},
    network::{EthereumWallet, ReceiptResponse, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ProviderBuilder, WsConnect, ext::DebugApi},
    rpc::types::{
        Filter, TransactionReceipt, TransactionRequest,
        trace::geth::{GethDebugBuiltInTracerType, GethDebugTracingOptions, GethTrace},
    },
    signers::local::PrivateKeySigner,
    sol,
    sol_types::SolEvent,
};
use anyhow::{Context, bail, ensure};
use futures::StreamExt;
use std::{
    fmt::Display,
    future::Future,
    time::{Duration, Instant},
};

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(60);

sol! {
    #[sol(rpc)]
    contract Probe {
        function value() external view returns (uint256);
        function set(uint256 next) external;
        function fail() external pure;
        function refuse(uint256 got) external pure;
        event Changed(address indexed by, uint256 value);
        error TooLarge(uint256 got, uint256 most);
    }
}

async fn step<T>(
    name: &str,
    shown: impl Fn(&T) -> String,
    run: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    let outcome = tokio::time::timeout(LIMIT, run).await.context("no answer in time").flatten();
    let milliseconds = start.elapsed().as_millis();
    let (word, detail) = match &outcome {
        Ok(value) => ("ok", shown(value)),
        Err(_) => ("FAILED", String::new()),
    };
    println!("{:<8} {name:<38} {word:<7} {milliseconds:>6} ms  {detail}", "alloy");
    outcome.with_context(|| format!("alloy, {name}"))
}

fn nothing<T>(_: &T) -> String {
    String::new()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [http, ws, artifact] = arguments.as_slice() else {
        bail!("usage: alloy_client <http-url> <ws-url> <artifact>");
    };
    let signer = PrivateKeySigner::random();
    let sender = signer.address();
    let provider = ProviderBuilder::new().wallet(EthereumWallet::from(signer)).connect_http(http.parse()?);
    provider.client().set_poll_interval(Duration::from_millis(250));

    step("chain id", u64::to_string, async { Ok(provider.get_chain_id().await?) }).await?;
    let address =
        step("deploy, its own choice of type", Address::to_string, deploy(&provider, artifact)).await?;
    let probe = Probe::new(address, &provider);
    step("type 0 transaction", nothing, async {
        let receipt = mined(probe.set(U256::from(7)).gas_price(0)).await?;
        equal(receipt.transaction_type() as u8, 0)
    })
    .await?;
    let receipt = step("type 2 transaction", nothing, async {
        let receipt = mined(probe.set(U256::from(8))).await?;
        equal(
            (receipt.transaction_type() as u8, receipt.logs().len(), receipt.effective_gas_price()),
            (2, 1, 0),
        )?;
        Ok(receipt)
    })
    .await?;
    let hash = receipt.transaction_hash;
    step("transaction by hash", nothing, async {
        let transaction = provider.get_transaction_by_hash(hash).await?.context("is not there")?;
        equal((transaction.inner.signer(), transaction.block_hash), (sender, receipt.block_hash))
    })
    .await?;
    step("call", nothing, async { equal(probe.value().call().await?, U256::from(8)) }).await?;
    step("logs", nothing, logs(&provider, address)).await?;
    step("revert reason", nothing, async {
        let error = probe.fail().call().await.err().context("expected a failure")?;
        let reason = revert_data(&error)?;
        equal(alloy::sol_types::decode_revert_reason(&reason), Some("revert: nope".to_owned()))
    })
    .await?;
    step("custom error", nothing, async {
        let error = probe.refuse(U256::from(11)).call().await.err().context("expected a failure")?;
        let refused = error.as_decoded_error::<Probe::TooLarge>().context("is no TooLarge")?;
        equal((refused.got, refused.most), (U256::from(11), U256::from(10)))
    })
    .await?;
    step("block with transactions", nothing, async {
        let number = receipt.block_number.context("receipt names no block")?;
        let block = provider.get_block_by_number(number.into()).full().await?.context("is not there")?;
        equal(block.transactions.hashes().collect::<Vec<B256>>(), vec![hash])
    })
    .await?;
    step("trace", nothing, trace(&provider, hash, &receipt)).await?;
    step("two new heads and a log by subscription", u64::to_string, subscribe(&probe, ws)).await?;
    Ok(())
}

fn equal<T: PartialEq + std::fmt::Debug>(got: T, wanted: T) -> anyhow::Result<()> {
    ensure!(got == wanted, "got {got:?}, expected {wanted:?}");
    Ok(())
}

fn revert_data(error: &ContractError) -> anyhow::Result<Bytes> {
    error.as_revert_data().with_context(|| shown(error))
}

fn shown(error: impl Display) -> String {
    format!("no revert data in: {error}")
}

async fn mined<P: Provider, D: alloy::contract::CallDecoder>(
    call: CallBuilder<P, D>,
) -> anyhow::Result<TransactionReceipt> {
    let receipt = call.send().await?.get_receipt().await?;
    ensure!(receipt.status(), "transaction failed");
    Ok(receipt)
}

async fn deploy(provider: &impl Provider, artifact: &str) -> anyhow::Result<Address> {
    let text = std::fs::read_to_string(artifact).with_context(|| artifact.to_owned())?;
    let artifact: serde_json::Value = serde_json::from_str(&text)?;
    let code: Bytes = serde_json::from_value(artifact["bytecode"]["object"].clone())?;
    let request = TransactionRequest::default().with_deploy_code(code);
    let receipt = provider.send_transaction(request).await?.get_receipt().await?;
    equal((receipt.status(), receipt.transaction_type() as u8), (true, 2))?;
    receipt.contract_address.context("receipt names no contract")
}

async fn logs(provider: &impl Provider, address: Address) -> anyhow::Result<()> {
    let filter = Filter::new().address(address).event_signature(Probe::Changed::SIGNATURE_HASH).from_block(0);
    let logs = provider.get_logs(&filter).await?;
    let values: Result<Vec<_>, _> =
        logs.iter().map(|log| log.log_decode::<Probe::Changed>().map(|log| log.inner.value)).collect();
    equal(values?, vec![U256::from(7), U256::from(8)])
}

async fn trace(provider: &impl Provider, hash: B256, receipt: &TransactionReceipt) -> anyhow::Result<()> {
    let options = GethDebugTracingOptions::new_tracer(GethDebugBuiltInTracerType::CallTracer);
    let GethTrace::CallTracer(frame) = provider.debug_trace_transaction(hash, options).await? else {
        bail!("the trace is no call frame");
    };
    equal((frame.typ.as_str(), frame.gas_used), ("CALL", U256::from(receipt.gas_used)))?;
    let plain = provider.debug_trace_transaction(hash, GethDebugTracingOptions::default()).await?;
    ensure!(matches!(plain, GethTrace::Default(frame) if !frame.struct_logs.is_empty()), "no struct logs");
    Ok(())
}

async fn subscribe<P: Provider>(probe: &Probe::ProbeInstance<P>, ws: &str) -> anyhow::Result<u64> {
    let socket = ProviderBuilder::new().connect_ws(WsConnect::new(ws)).await?;
    let mut heads = socket.subscribe_blocks().await?.into_stream();
    let filter = Filter::new().address(*probe.address()).event_signature(Probe::Changed::SIGNATURE_HASH);
    let mut logs = socket.subscribe_logs(&filter).await?.into_stream();
    mined(probe.set(U256::from(9))).await?;
    let (first, second) = (heads.next().await, heads.next().await);
    let numbers = first.zip(second).map(|(first, second)| (first.number, second.number));
    let (first, second) = numbers.context("heads ended")?;
    equal(second, first + 1)?;
    let log = logs.next().await.context("logs ended")?;
    equal(log.log_decode::<Probe::Changed>()?.inner.value, U256::from(9))?;
    Ok(second)
}
