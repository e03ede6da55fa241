//! What the client does, in order.

use alloy_contract::RawCallBuilder;
use alloy_network::TransactionResponse;
use alloy_primitives::{Address, Bytes, TxHash, U256};
use alloy_provider::{DynProvider, Provider, ext::DebugApi};
use alloy_rpc_types_eth::{BlockNumberOrTag, TransactionReceipt};
use alloy_rpc_types_trace::geth::{CallConfig, CallFrame, GethDebugTracingOptions};
use alloy_sol_types::{Panic, Revert, sol};
use anyhow::{Context, Result, ensure};
use futures::StreamExt;

use crate::step;

sol! {
    /// The interface of solidity/src/Probe.sol.
    #[sol(rpc)]
    #[derive(Debug)]
    contract Probe {
        event Changed(address indexed by, uint256 value);
        error TooLarge(uint256 got, uint256 most);

        function value() external view returns (uint256);
        function set(uint256 next) external;
        function fail() external pure;
        function refuse(uint256 got) external pure;
        function divide(uint256 by) external pure returns (uint256);
    }
}

type Contract = Probe::ProbeInstance<DynProvider>;

pub(crate) async fn run(http: DynProvider, ws: DynProvider, account: Address, code: Bytes) -> Result<()> {
    step("chain id", async { Ok(((), http.get_chain_id().await?)) }).await?;
    let address = step("deploy, its own choice of type", deploy(&http, code)).await?;
    let contract = Probe::new(address, http.clone());
    step("type 0 transaction", legacy(&contract)).await?;
    let mined = step("type 2 transaction", dynamic(&contract)).await?;
    step("transaction by hash", by_hash(&http, &mined, account)).await?;
    step("call", call(&contract)).await?;
    step("logs", logs(&contract)).await?;
    step("revert reason", reason(&contract)).await?;
    step("custom error", custom(&contract)).await?;
    step("panic", panic(&contract)).await?;
    step("refusal to estimate", estimate(&contract)).await?;
    step("fees, fee history, block", fees(&http)).await?;
    step("trace", trace(&http, &mined)).await?;
    step("two new heads and a log by subscription", subscribe(&ws, address)).await?;
    Ok(())
}

async fn deploy(http: &DynProvider, code: Bytes) -> Result<(Address, &'static str)> {
    let receipt = RawCallBuilder::new_raw_deploy(http, code).send().await?.get_receipt().await?;
    ensure!(receipt.status() && receipt.transaction_type() as u8 == 2, "{receipt:?}");
    Ok((receipt.contract_address.context("receipt without a contract")?, ""))
}

async fn legacy(contract: &Contract) -> Result<((), &'static str)> {
    let receipt = contract.set(U256::from(7)).gas_price(0).send().await?.get_receipt().await?;
    ensure!(
        receipt.status() && receipt.transaction_type() as u8 == 0 && receipt.effective_gas_price == 0,
        "{receipt:?}"
    );
    Ok(((), ""))
}

async fn dynamic(contract: &Contract) -> Result<(TransactionReceipt, TxHash)> {
    let receipt = contract.set(U256::from(8)).send().await?.get_receipt().await?;
    ensure!(
        receipt.status() && receipt.transaction_type() as u8 == 2 && receipt.logs().len() == 1,
        "{receipt:?}"
    );
    let hash = receipt.transaction_hash;
    Ok((receipt, hash))
}

async fn by_hash(
    http: &DynProvider,
    mined: &TransactionReceipt,
    account: Address,
) -> Result<((), &'static str)> {
    let found = http.get_transaction_by_hash(mined.transaction_hash).await?.context("no such transaction")?;
    ensure!(found.from() == account && found.block_hash == mined.block_hash, "{found:?}");
    Ok(((), ""))
}

async fn call(contract: &Contract) -> Result<((), U256)> {
    let value = contract.value().call().await?;
    ensure!(value == U256::from(8), "value is {value}, expected 8");
    Ok(((), value))
}

async fn logs(contract: &Contract) -> Result<((), &'static str)> {
    let found = contract.Changed_filter().from_block(BlockNumberOrTag::Earliest).query().await?;
    let values: Vec<U256> = found.iter().map(|(event, _)| event.value).collect();
    ensure!(values == [U256::from(7), U256::from(8)], "logs are {values:?}, expected 7 and 8");
    Ok(((), ""))
}

async fn reason(contract: &Contract) -> Result<((), String)> {
    let error = contract.fail().call().await.err().context("fail() succeeded")?;
    let Revert { reason } =
        error.as_decoded_error::<Revert>().with_context(|| format!("not a reason: {error}"))?;
    ensure!(reason == "nope" && error.to_string().contains("execution reverted: nope"), "{error}");
    Ok(((), reason))
}

async fn custom(contract: &Contract) -> Result<((), &'static str)> {
    let error = contract.refuse(U256::from(11)).call().await.err().context("refuse(11) succeeded")?;
    let decoded = error
        .as_decoded_interface_error::<Probe::ProbeErrors>()
        .with_context(|| format!("not TooLarge: {error}"))?;
    let Probe::ProbeErrors::TooLarge(large) = decoded;
    ensure!((large.got, large.most) == (U256::from(11), U256::from(10)), "{large:?}");
    Ok(((), ""))
}

async fn panic(contract: &Contract) -> Result<((), &'static str)> {
    let error = contract.divide(U256::ZERO).call().await.err().context("divide(0) succeeded")?;
    let Panic { code } =
        error.as_decoded_error::<Panic>().with_context(|| format!("not a panic: {error}"))?;
    ensure!(code == U256::from(0x12), "panic of code {code}, expected 18");
    Ok(((), ""))
}

async fn estimate(contract: &Contract) -> Result<((), u64)> {
    let error = contract.fail().estimate_gas().await.err().context("fail() was estimated")?;
    ensure!(error.as_decoded_error::<Revert>().is_some_and(|revert| revert.reason == "nope"), "{error}");
    Ok(((), contract.set(U256::from(9)).estimate_gas().await?))
}

async fn fees(http: &DynProvider) -> Result<((), &'static str)> {
    let history = http.get_fee_history(2, BlockNumberOrTag::Latest, &[50.0]).await?;
    let block =
        http.get_block_by_number(BlockNumberOrTag::Finalized).full().await?.context("no finalized block")?;
    let fees = (
        http.get_gas_price().await?,
        http.get_max_priority_fee_per_gas().await?,
        history.latest_block_base_fee(),
    );
    ensure!(
        fees == (0, 0, Some(0)) && block.header.base_fee_per_gas == Some(0),
        "{fees:?}, {:?}",
        block.header
    );
    Ok(((), ""))
}

async fn trace(http: &DynProvider, mined: &TransactionReceipt) -> Result<((), &'static str)> {
    let options = GethDebugTracingOptions::call_tracer(CallConfig::default());
    let frame: CallFrame =
        http.debug_trace_transaction(mined.transaction_hash, options).await?.try_into_call_frame()?;
    ensure!(
        frame.typ == "CALL" && frame.gas_used == U256::from(mined.gas_used) && frame.to == mined.to,
        "{frame:?}"
    );
    Ok(((), ""))
}

/// New heads and logs by `eth_subscribe`; the receipt too comes by a subscription, as alloy asks for it on a WebSocket.
async fn subscribe(ws: &DynProvider, address: Address) -> Result<((), u64)> {
    let contract = Probe::new(address, ws.clone());
    let mut heads = ws.subscribe_blocks().await?.into_stream();
    let mut logs = contract.Changed_filter().subscribe().await?.into_stream();
    let receipt = contract.set(U256::from(9)).send().await?.get_receipt().await?;
    let (event, log) = logs.next().await.context("subscription to logs ended")??;
    ensure!(
        event.value == U256::from(9) && log.transaction_hash == Some(receipt.transaction_hash),
        "{event:?}, {log:?}"
    );
    let first = heads.next().await.context("subscription to heads ended")?.number;
    let second = heads.next().await.context("subscription to heads ended")?.number;
    ensure!(second == first + 1, "heads are {first} and {second}");
    Ok(((), second))
}
