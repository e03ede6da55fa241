//! A JSON-RPC client: just enough to see the chain as a user does.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context, Result, anyhow, bail};
use chain::governance::{GOVERNANCE, Governance::getValidatorsCall};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// A JSON-RPC endpoint over HTTP.
#[derive(Clone, Debug)]
pub struct Rpc {
    url: String,
    http: reqwest::Client,
}

impl Rpc {
    /// An endpoint; each request has five seconds.
    pub fn new(url: impl Into<String>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            // A killed pod's address may be reused: a pooled connection would hang on the old one.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { url: url.into(), http })
    }

    /// Where it points.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One call; an error object becomes an error with its code and message.
    pub async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let reply: Value = self
            .http
            .post(&self.url)
            .json(&request)
            .send()
            .await
            .with_context(|| format!("{method} at {}", self.url))?
            .json()
            .await?;
        if let Some(error) = reply.get("error") {
            bail!("{method} at {}: {error}", self.url);
        }
        let result = reply.get("result").cloned().ok_or_else(|| anyhow!("{method}: reply without result"))?;
        serde_json::from_value(result).with_context(|| format!("{method}: unexpected result"))
    }

    /// Number of the newest block.
    pub async fn block_number(&self) -> Result<u64> {
        Ok(self.call::<U64>("eth_blockNumber", json!([])).await?.to())
    }

    /// A block by number, `None` when the node has none.
    pub async fn block(&self, number: u64) -> Result<Option<Value>> {
        self.call("eth_getBlockByNumber", json!([U64::from(number), false])).await
    }

    /// Hash of a block, `None` when the node has none.
    pub async fn block_hash(&self, number: u64) -> Result<Option<B256>> {
        let block = self.block(number).await?;
        block.map(|b| serde_json::from_value(b["hash"].clone()).context("block hash")).transpose()
    }

    /// Nonce of the next transaction, pool included.
    pub async fn next_nonce(&self, account: Address) -> Result<u64> {
        Ok(self.call::<U64>("eth_getTransactionCount", json!([account, "pending"])).await?.to())
    }

    /// Hands in a raw transaction; the returned hash is the node's promise.
    pub async fn send(&self, raw: &Bytes) -> Result<B256> {
        self.call("eth_sendRawTransaction", json!([raw])).await
    }

    /// Receipt, `None` until mined.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Value>> {
        self.call("eth_getTransactionReceipt", json!([hash])).await
    }

    /// What a contract answers to empty call data, as a number.
    pub async fn read_register(&self, contract: Address) -> Result<U256> {
        let answer: Bytes = self.call("eth_call", json!([{ "to": contract }, "latest"])).await?;
        U256::try_from_be_slice(&answer)
            .ok_or_else(|| anyhow!("answer of {} bytes, expected 32", answer.len()))
    }

    /// The validator set of the next block, ascending, as the governance contract holds it.
    pub async fn validators(&self) -> Result<Vec<Address>> {
        let call = json!([{ "to": GOVERNANCE, "data": Bytes::from(getValidatorsCall {}.abi_encode()) }, "latest"]);
        let answer: Bytes = self.call("eth_call", call).await?;
        let mut validators = getValidatorsCall::abi_decode_returns(&answer).context("answer of getValidators()")?;
        validators.sort_unstable();
        Ok(validators)
    }
}
