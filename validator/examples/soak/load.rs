//! Light load: a few transfers per second, each node its own sender's, counted at the end.

use crate::sender::Sender;
use alloy_consensus::TxEip1559;
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{TxKind, hex};
use jsonrpsee::{core::client::ClientT as _, rpc_params, ws_client::WsClient};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

const GAS_LIMIT: u64 = 21_000;
/// Blocks that the last transfers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One node's sender at work.
pub(crate) struct Load {
    address: String,
    client: Arc<WsClient>,
    stop: watch::Sender<bool>,
    sending: JoinHandle<anyhow::Result<u64>>,
}

impl Load {
    /// Sends `per_second` transfers of nothing to the node until stopped.
    pub(crate) fn start(node: u16, chain_id: u64, client: WsClient, per_second: f64) -> anyhow::Result<Self> {
        let sender = Sender::named(&format!("soak sender {node}"))?;
        let address = sender.address.to_string();
        let client = Arc::new(client);
        let (stop, stopped) = watch::channel(false);
        let every = Duration::from_secs_f64(1.0 / per_second);
        let sending = tokio::spawn(send(sender, chain_id, Arc::clone(&client), every, stopped));
        Ok(Self { address, client, stop, sending })
    }

    /// Stops, waits for what was sent to be in blocks, and tells how many were sent and how many of them were lost.
    pub(crate) async fn stop(self) -> anyhow::Result<(u64, u64)> {
        self.stop.send_replace(true);
        let sent = self.sending.await??;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count: String =
                self.client.request("eth_getTransactionCount", rpc_params![&self.address, "latest"]).await?;
            let mined = u64::from_str_radix(count.trim_start_matches("0x"), 16)?;
            if mined >= sent || Instant::now() > deadline {
                return Ok((sent, sent.saturating_sub(mined)));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// How many were acknowledged.
async fn send(
    sender: Sender,
    chain_id: u64,
    client: Arc<WsClient>,
    every: Duration,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<u64> {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut nonce = 0;
    loop {
        tokio::select! {
            _ = stopped.changed() => return Ok(nonce),
            _ = tick.tick() => {}
        }
        let tx = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: GAS_LIMIT,
            to: TxKind::Call(sender.address),
            ..TxEip1559::default()
        };
        let raw = hex::encode_prefixed(sender.sign(tx).encoded_2718());
        let _: String = client.request("eth_sendRawTransaction", rpc_params![raw]).await?;
        nonce += 1;
    }
}
