//! A steady trickle of transactions through the load balancer, each of them followed until it is mined.

use crate::{
    account::Account,
    contract,
    patience::{Progress, eventually},
    rpc::Rpc,
};
use alloy_primitives::{B256, Bytes, TxKind};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

/// Senders side by side; each sends its next transaction only once the one before is accepted.
const SENDERS: u64 = 4;
/// Of each sender: 20 transactions a second in all.
const INTERVAL: Duration = Duration::from_millis(200);
const RETRY: Duration = Duration::from_millis(50);

/// Senders at work.
pub struct Load {
    stop: watch::Sender<bool>,
    senders: JoinSet<Result<Sent>>,
    rpc: Rpc,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Transactions that a node answered with their hash.
    pub accepted: Vec<B256>,
    /// Requests that failed and were sent again.
    pub refused: u64,
    /// Longest time that a sender tried to hand in one transaction.
    pub longest: Duration,
}

impl Load {
    /// Starts the senders; `tag` makes their accounts fresh ones.
    pub fn start(rpc: &Rpc, tag: &str, chain_id: u64) -> Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let account = Account::from_seed(&format!("{tag} {sender}"), chain_id)?;
            senders.spawn(send(rpc.clone(), account, stopped.clone()));
        }
        Ok(Self { stop, senders, rpc: rpc.clone() })
    }

    /// Ends the senders and returns what they sent with the number of accepted transactions that are not mined by
    /// the deadline.
    pub async fn finish(mut self, deadline: Duration) -> Result<(Sent, usize)> {
        self.stop.send_replace(true);
        let mut all = Sent::default();
        while let Some(sent) = self.senders.join_next().await {
            let sent = sent.context("a sender ended")??;
            all.accepted.extend(sent.accepted);
            all.refused += sent.refused;
            all.longest = all.longest.max(sent.longest);
        }
        let end = Instant::now() + deadline;
        let mut lost = 0;
        for hash in &all.accepted {
            let left = end.saturating_duration_since(Instant::now());
            lost += usize::from(self.mined(*hash, left).await.is_err());
        }
        Ok((all, lost))
    }

    async fn mined(&self, hash: B256, deadline: Duration) -> Result<()> {
        eventually(&format!("receipt of {hash}"), deadline, || async {
            let receipt = self.rpc.receipt(hash).await?;
            Ok(receipt.map_or_else(|| Progress::Waiting("none".to_owned()), |_| Progress::Done(())))
        })
        .await
    }
}

/// One sender: deploys its own contract, then writes to it again and again.
async fn send(rpc: Rpc, account: Account, stopped: watch::Receiver<bool>) -> Result<Sent> {
    let mut sent = Sent::default();
    let register = account.address.create(0);
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for nonce in 0.. {
        ticks.tick().await;
        if *stopped.borrow() {
            break;
        }
        let (raw, hash) = match nonce {
            0 => account.eip1559(0, TxKind::Create, contract::REGISTER)?,
            _ => account.eip1559(nonce, TxKind::Call(register), contract::set(nonce))?,
        };
        if !hand_in(&rpc, &raw, &mut sent, &stopped).await {
            break;
        }
        sent.accepted.push(hash);
    }
    Ok(sent)
}

/// Sends until it is accepted; `false` when it was told to stop first.
async fn hand_in(rpc: &Rpc, raw: &Bytes, sent: &mut Sent, stopped: &watch::Receiver<bool>) -> bool {
    let start = Instant::now();
    while let Err(error) = rpc.send(raw).await {
        // An answer may be lost with the node that gave it: the transaction is in.
        let text = format!("{error:#}");
        if text.contains("already known") || text.contains("nonce too low") {
            break;
        }
        sent.refused += 1;
        if *stopped.borrow() {
            return false;
        }
        tokio::time::sleep(RETRY).await;
    }
    sent.longest = sent.longest.max(start.elapsed());
    true
}
