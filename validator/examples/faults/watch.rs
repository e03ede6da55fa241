//! What users of each node see: blocks as `newHeads` tells of them, and when.

use crate::{
    lab::{RETRY, answered},
    node::{RPC, quantity},
};
use jsonrpsee::{
    core::client::{ClientT as _, Subscription, SubscriptionClientT as _},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::Value;
use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Between two looks at what was seen.
const LOOK: Duration = Duration::from_millis(5);
/// How long a node may take to open a WebSocket before it is asked again.
const OPEN: Duration = Duration::from_secs(1);

/// A block as one node told of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) node: usize,
    pub(crate) number: u64,
    pub(crate) hash: String,
    pub(crate) proposer: String,
    pub(crate) timestamp: u64,
    pub(crate) at: Instant,
}

#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Vec<Seen>>>);

impl Watch {
    /// Follows a node for as long as the program runs, over its restarts.
    pub(crate) fn follow(&self, node: usize, address: Ipv4Addr) {
        let watch = self.clone();
        tokio::spawn(async move {
            loop {
                // A node that is down or stopped is tried again.
                let _ = watch.subscribe(node, address).await;
                sleep(RETRY).await;
            }
        });
    }

    async fn subscribe(&self, node: usize, address: Ipv4Addr) -> anyhow::Result<()> {
        let client = connect_once(address).await?;
        let mut heads: Subscription<Value> =
            client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
        while let Some(head) = heads.next().await {
            let at = Instant::now();
            self.note(node, &head?, at);
        }
        Ok(())
    }

    fn note(&self, node: usize, head: &Value, at: Instant) {
        let text = |name: &str| head[name].as_str().unwrap_or_default().to_string();
        let (Some(number), Some(timestamp)) = (quantity(&head["number"]), quantity(&head["timestamp"]))
        else {
            return;
        };
        let seen = Seen { node, number, hash: text("hash"), proposer: text("miner"), timestamp, at };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    /// All that was seen so far.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The highest block seen at any node.
    pub(crate) fn height(&self) -> u64 {
        self.all().iter().map(|seen| seen.number).max().unwrap_or(0)
    }

    /// Waits for the first block above `height` that any node tells of.
    pub(crate) async fn above(&self, height: u64, patience: Duration) -> anyhow::Result<Seen> {
        self.until(patience, format!("no block above {height}"), |seen| seen.number > height).await
    }

    /// Waits until a node tells of a block above `height`.
    pub(crate) async fn above_at(
        &self,
        node: usize,
        height: u64,
        patience: Duration,
    ) -> anyhow::Result<Seen> {
        let what = format!("node {node} has no block above {height}");
        self.until(patience, what, |seen| seen.node == node && seen.number > height).await
    }

    async fn until(
        &self,
        patience: Duration,
        what: String,
        wanted: impl Fn(&Seen) -> bool,
    ) -> anyhow::Result<Seen> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(seen) = self.all().into_iter().find(&wanted) {
                return Ok(seen);
            }
            anyhow::ensure!(Instant::now() < deadline, "{what} within {} s", patience.as_secs());
            sleep(LOOK).await;
        }
    }
}

pub(crate) async fn connect(address: Ipv4Addr) -> anyhow::Result<WsClient> {
    answered(async || connect_once(address).await).await
}

async fn connect_once(address: Ipv4Addr) -> anyhow::Result<WsClient> {
    let url = format!("ws://{address}:{RPC}");
    Ok(WsClientBuilder::default().connection_timeout(OPEN).build(url).await?)
}

/// The hashes of a node's blocks up to a height, for comparison with another's.
pub(crate) async fn hashes(address: Ipv4Addr, to: u64) -> anyhow::Result<Vec<String>> {
    let client = connect(address).await?;
    let mut hashes = Vec::new();
    for number in 1..=to {
        let params = rpc_params![format!("{number:#x}"), false];
        let block: Value = client.request("eth_getBlockByNumber", params).await?;
        hashes.push(block["hash"].as_str().unwrap_or_default().to_string());
    }
    Ok(hashes)
}
