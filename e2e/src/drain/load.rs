//! A steady trickle of transactions through the load balancer, each of them followed until it is mined.

use crate::{
    account::Account,
    contract,
    patience::{Progress, eventually},
    rpc::Rpc,
};
use alloy_primitives::{B256, Bytes, TxKind};
use anyhow::{Context, Result};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};

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
    /// Height at the start.
    from: u64,
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
    pub async fn start(rpc: &Rpc, tag: &str, chain_id: u64) -> Result<Self> {
        let from = rpc.block_number().await?;
        let (stop, stopped) = watch::channel(false);
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let account = Account::from_seed(&format!("{tag} {sender}"), chain_id)?;
            senders.spawn(send(rpc.clone(), account, stopped.clone()));
        }
        Ok(Self { stop, senders, rpc: rpc.clone(), from })
    }

    /// Ends the senders and returns what they sent with the number of accepted transactions that are in no block by the
    /// deadline.
    pub async fn finish(mut self, deadline: Duration) -> Result<(Sent, usize)> {
        self.stop.send_replace(true);
        let mut all = Sent::default();
        while let Some(sent) = self.senders.join_next().await {
            let sent = sent.context("a sender ended")??;
            all.accepted.extend(sent.accepted);
            all.refused += sent.refused;
            all.longest = all.longest.max(sent.longest);
        }
        let missing = self.missing(&all.accepted, deadline).await?;
        Ok((all, missing))
    }

    /// Reads the blocks since the start, each once, until every transaction is found.
    async fn missing(&self, accepted: &[B256], deadline: Duration) -> Result<usize> {
        let state = Mutex::new((self.from, accepted.iter().copied().collect::<HashSet<_>>()));
        let all = eventually("every accepted transaction in a block", deadline, || async {
            let mut state = state.lock().await;
            let (next, missing) = &mut *state;
            while let Some(block) = self.rpc.block(*next).await? {
                for hash in block["transactions"].as_array().into_iter().flatten() {
                    missing.remove(&serde_json::from_value::<B256>(hash.clone())?);
                }
                *next += 1;
            }
            Ok(match missing.len() {
                0 => Progress::Done(()),
                left => Progress::Waiting(format!("{left} are in none up to block {next}")),
            })
        })
        .await;
        let left = state.into_inner().1.len();
        if let Err(error) = all {
            println!("  {error:#}");
        }
        Ok(left)
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
