//! What the nodes tell of their heads, and when.

use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT as _},
    rpc_params,
    ws_client::WsClient,
};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use validator::clock::unix_ms;

/// Blocks before the measurement: connections are made, the first heights are overdue from genesis.
const WARM_UP: u64 = 5;
/// Without a block for so long the network stands.
const PATIENCE: Duration = Duration::from_mins(1);

/// A block as one node's subscriber heard of it.
pub(crate) struct Heard {
    node: u16,
    number: u64,
    timestamp_ms: u64,
    at_ms: u64,
}

/// What one node told.
#[derive(Default)]
pub(crate) struct Node {
    /// Milliseconds between each block's timestamp and word of it.
    pub(crate) late_ms: Vec<u64>,
    /// Milliseconds that the time between a block and the next was off the period.
    pub(crate) off_ms: Vec<u64>,
    last: Option<(u64, u64)>,
}

impl Node {
    fn heard(&mut self, heard: &Heard, period_ms: u64) {
        self.late_ms.push(heard.at_ms.abs_diff(heard.timestamp_ms));
        if let Some((number, at_ms)) = self.last
            && heard.number > number
        {
            let passed = heard.at_ms.saturating_sub(at_ms);
            self.off_ms.push(passed.abs_diff(period_ms * (heard.number - number)));
        }
        self.last = Some((heard.number, heard.at_ms));
    }
}

/// Tells of every head until the node or the soak ends.
pub(crate) async fn follow(node: u16, client: WsClient, out: mpsc::Sender<Heard>) -> anyhow::Result<()> {
    let mut heads: Subscription<Value> =
        client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
    while let Some(Ok(head)) = heads.next().await {
        let at_ms = unix_ms();
        let (Some(number), Some(timestamp)) = (quantity(&head["number"]), quantity(&head["timestamp"]))
        else {
            anyhow::bail!("head without number or timestamp: {head}");
        };
        out.send(Heard { node, number, timestamp_ms: timestamp * 1000, at_ms }).await?;
    }
    Ok(())
}

fn quantity(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

pub(crate) async fn warm_up(heard: &mut mpsc::Receiver<Heard>) -> anyhow::Result<()> {
    loop {
        let next = timeout(PATIENCE, heard.recv()).await?;
        let next = next.ok_or_else(|| anyhow::anyhow!("subscriptions ended"))?;
        if next.number >= WARM_UP {
            return Ok(());
        }
    }
}

/// What each node told, and how many blocks were made meanwhile.
pub(crate) async fn watch(
    heard: &mut mpsc::Receiver<Heard>,
    nodes: u16,
    period_ms: u64,
    time: Duration,
) -> anyhow::Result<(Vec<Node>, u64)> {
    let start = Instant::now();
    let mut told: Vec<Node> = (0..nodes).map(|_| Node::default()).collect();
    let mut minute = 0;
    let (mut newest, mut before) = (0, None);
    while start.elapsed() < time {
        let next = timeout(PATIENCE, heard.recv()).await?;
        let next = next.ok_or_else(|| anyhow::anyhow!("subscriptions ended"))?;
        newest = newest.max(next.number);
        // The first block told of here may still come from the other nodes: it counts as made before.
        let _ = before.get_or_insert(next.number);
        if let Some(node) = told.get_mut(usize::from(next.node)) {
            node.heard(&next, period_ms);
        }
        if start.elapsed().as_secs() / 60 > minute {
            minute = start.elapsed().as_secs() / 60;
            let worst = told.iter().flat_map(|node| &node.off_ms).max().copied().unwrap_or(0);
            println!("minute {minute}: block {newest}, worst interval off by {worst} ms");
        }
    }
    Ok((told, newest.saturating_sub(before.unwrap_or(newest))))
}
