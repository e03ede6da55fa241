//! Blocks as the nodes tell of them, and when.

use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT as _},
    rpc_params,
    ws_client::WsClientBuilder,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use validator::clock::unix_ms;

/// Between two looks at what was told.
const LOOK: Duration = Duration::from_millis(20);
/// Between two attempts to reach a node.
const RETRY: Duration = Duration::from_millis(100);

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Unix seconds.
    pub(crate) timestamp: u64,
    /// When the first node told of it, Unix milliseconds.
    pub(crate) at_ms: u64,
}

#[derive(Default)]
struct Told {
    blocks: BTreeMap<u64, Head>,
    hashes: BTreeMap<u64, String>,
    heights: BTreeMap<usize, u64>,
    forks: u64,
}

/// Blocks by number.
#[derive(Clone, Default)]
pub(crate) struct Heads(Arc<Mutex<Told>>);

impl Heads {
    /// Follows a node for as long as the program runs.
    pub(crate) fn follow(&self, node: usize, port: u16) {
        let heads = self.clone();
        tokio::spawn(async move {
            loop {
                let _ = heads.subscribe(node, port).await;
                sleep(RETRY).await;
            }
        });
    }

    async fn subscribe(&self, node: usize, port: u16) -> anyhow::Result<()> {
        let client = WsClientBuilder::default().build(format!("ws://127.0.0.1:{port}")).await?;
        let mut heads: Subscription<Value> =
            client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
        while let Some(head) = heads.next().await {
            self.note(node, &head?, unix_ms());
        }
        Ok(())
    }

    fn note(&self, node: usize, head: &Value, at_ms: u64) {
        let (Some(number), Some(timestamp)) = (quantity(&head["number"]), quantity(&head["timestamp"]))
        else {
            return;
        };
        let hash = head["hash"].as_str().unwrap_or_default().to_owned();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.blocks.entry(number).or_insert(Head { timestamp, at_ms });
        let height = told.heights.entry(node).or_default();
        *height = number.max(*height);
        if *told.hashes.entry(number).or_insert_with(|| hash.clone()) != hash {
            told.forks += 1;
        }
    }

    fn told<T>(&self, of: impl FnOnce(&Told) -> T) -> T {
        of(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The highest block.
    pub(crate) fn height(&self) -> u64 {
        self.told(|told| told.blocks.last_key_value().map_or(0, |(number, _)| *number))
    }

    /// The highest block that this node told of.
    pub(crate) fn height_at(&self, node: usize) -> u64 {
        self.told(|told| told.heights.get(&node).copied().unwrap_or(0))
    }

    /// All blocks.
    pub(crate) fn blocks(&self) -> BTreeMap<u64, Head> {
        self.told(|told| told.blocks.clone())
    }

    /// Blocks of which nodes told different hashes.
    pub(crate) fn forks(&self) -> u64 {
        self.told(|told| told.forks)
    }

    /// Waits for a block of this number, as long as some block comes now and then.
    pub(crate) async fn reach(&self, number: u64, patience: Duration) -> anyhow::Result<()> {
        let (mut height, mut since) = (self.height(), Instant::now());
        while height < number {
            anyhow::ensure!(
                since.elapsed() < patience,
                "no block above {height} in {} s",
                patience.as_secs()
            );
            sleep(LOOK).await;
            let now = self.height();
            if now > height {
                (height, since) = (now, Instant::now());
            }
        }
        Ok(())
    }
}

fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}
