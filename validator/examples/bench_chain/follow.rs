//! Blocks as a subscriber hears of them.

use crate::{network::quantity, rpc::Connection};
use alloy_primitives::B256;
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT as _},
    rpc_params,
    ws_client::WsClientBuilder,
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

/// One block.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its own, in seconds.
    pub(crate) timestamp: u64,
    /// When the subscriber heard of it.
    pub(crate) heard: Instant,
    pub(crate) gas_limit: u64,
    pub(crate) hashes: Vec<B256>,
}

/// Everything heard so far.
#[derive(Clone, Default)]
pub(crate) struct Follower {
    blocks: Arc<Mutex<Vec<Seen>>>,
    included: Arc<AtomicU64>,
    faults: Arc<Mutex<Option<String>>>,
}

impl Follower {
    /// Follows the node at this RPC port.
    pub(crate) async fn start(port: u16) -> anyhow::Result<Self> {
        let client = WsClientBuilder::default().build(format!("ws://127.0.0.1:{port}")).await?;
        let mut heads: Subscription<Value> =
            client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
        let mut rpc = Connection::open(port).await?;
        let follower = Self::default();
        let own = follower.clone();
        tokio::spawn(async move {
            // The subscription lives as long as its client.
            let _client = client;
            while let Some(head) = heads.next().await {
                let heard = Instant::now();
                let noted = match head {
                    Ok(head) => own.note(&head, heard, &mut rpc).await,
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = noted {
                    *own.faults.lock() = Some(format!("a block could not be followed: {error}"));
                    return;
                }
            }
        });
        Ok(follower)
    }

    async fn note(&self, head: &Value, heard: Instant, rpc: &mut Connection) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Answer {
            result: Body,
        }
        #[derive(Deserialize)]
        struct Body {
            transactions: Vec<B256>,
        }
        let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [head["number"], false]});
        let answer: Answer = serde_json::from_slice(&rpc.exchange(ask.to_string().as_bytes()).await?)?;
        let hashes = answer.result.transactions;
        self.included.fetch_add(hashes.len() as u64, Relaxed);
        self.blocks.lock().push(Seen {
            timestamp: quantity(&head["timestamp"])?,
            gas_limit: quantity(&head["gasLimit"])?,
            heard,
            hashes,
        });
        Ok(())
    }

    /// Transactions in blocks since the start.
    pub(crate) fn included(&self) -> u64 {
        self.included.load(Relaxed)
    }

    /// Blocks from the index on.
    pub(crate) fn since(&self, index: usize) -> Vec<Seen> {
        self.blocks.lock().iter().skip(index).cloned().collect()
    }

    /// How many blocks were heard of.
    pub(crate) fn len(&self) -> usize {
        self.blocks.lock().len()
    }

    /// Fails when blocks are no longer followed.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match &*self.faults.lock() {
            None => Ok(()),
            Some(fault) => anyhow::bail!("{fault}"),
        }
    }
}
