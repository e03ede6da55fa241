//! Transactions between nodes: what the pool accepts goes out in batches, what peers send goes into the pool.

use crate::pool::{Accepted, Origin, Pool, PoolError};
use alloy_primitives::{B256, Bytes};
use devp2p::{Misbehaviour, Network, PeerId};
use futures::StreamExt as _;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, broadcast::error::RecvError, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a transaction waits for others to travel with.
const BATCH_WAIT: Duration = Duration::from_millis(50);
/// A batch this long travels at once.
const BATCH_BYTES: usize = 256 * 1024;
/// Batches from peers worked on at once; more are dropped, as their senders will offer them again or another peer will.
const INBOUND: usize = 32;
/// Transactions of one message worked on at once; in order, so that nonces seldom look gapped.
const AT_ONCE: usize = 4;
/// Batches that may wait to be worked on.
pub const QUEUE: usize = 64;
/// Announced transactions asked for in one request.
const FETCH: usize = 256;

/// Something a peer sent about transactions.
#[derive(Debug)]
pub enum Inbound {
    /// In full.
    Full(PeerId, Vec<Bytes>),
    /// By hash.
    Announced(PeerId, Vec<(B256, u8, u32)>),
}

/// Sends accepted transactions to peers until told to stop.
pub async fn send(pool: Pool, network: Network, stop: CancellationToken) {
    let mut accepted = pool.subscribe_accepted();
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => return,
            next = accepted.recv() => match next {
                Ok(first) => first,
                // Peers fetch what was skipped from the nodes that got it, or from blocks.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        let mut batch = Batch::default();
        batch.add(&first);
        let deadline = tokio::time::Instant::now() + BATCH_WAIT;
        while batch.bytes < BATCH_BYTES {
            match tokio::time::timeout_at(deadline, accepted.recv()).await {
                Ok(Ok(next)) => batch.add(&next),
                Ok(Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) | Err(_) => break,
            }
        }
        for (except, raw) in batch.by_origin {
            network.broadcast_transactions(raw, except);
        }
    }
}

/// Transactions on their way out, by the peer that need not see them.
#[derive(Default)]
struct Batch {
    by_origin: BTreeMap<Option<PeerId>, Vec<Bytes>>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, accepted: &Accepted) {
        let from = match accepted.origin {
            Origin::Peer(id) => Some(id),
            Origin::Rpc(_) | Origin::Journal => None,
        };
        self.bytes += accepted.raw.len();
        self.by_origin.entry(from).or_default().push(accepted.raw.clone());
    }
}

/// Takes in what peers send until told to stop.
pub async fn receive(
    pool: Pool,
    network: Network,
    mut inbound: mpsc::Receiver<Inbound>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(INBOUND));
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = inbound.recv() => next,
        };
        let Some(next) = next else { return };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let (pool, network) = (pool.clone(), network.clone());
        tasks.spawn(async move {
            match next {
                Inbound::Full(from, raw) => take(&pool, &network, from, raw).await,
                Inbound::Announced(from, hashes) => fetch(&pool, &network, from, hashes).await,
            }
            drop(slot);
        });
    }
}

async fn fetch(pool: &Pool, network: &Network, from: PeerId, hashes: Vec<(B256, u8, u32)>) {
    let mut unknown: Vec<B256> =
        hashes.into_iter().map(|(hash, ..)| hash).filter(|hash| !pool.contains(hash)).collect();
    unknown.truncate(FETCH);
    if unknown.is_empty() {
        return;
    }
    match network.pooled_transactions(from, unknown).await {
        Ok(raw) => take(pool, network, from, raw).await,
        Err(error) => tracing::debug!(%error, "announced transactions did not come"),
    }
}

async fn take(pool: &Pool, network: &Network, from: PeerId, raw: Vec<Bytes>) {
    let admitted = raw.into_iter().map(|raw| pool.submit(raw, Origin::Peer(from)));
    let mut admitted = futures::stream::iter(admitted).buffered(AT_ONCE);
    while let Some(outcome) = admitted.next().await {
        match outcome {
            Ok(_) => {}
            Err(error @ PoolError::Malformed(_)) => {
                tracing::debug!(%error, "peer sent something that is no transaction");
                network.penalise(from, Misbehaviour::MalformedTransaction);
                return;
            }
            // Rules and states differ between honest nodes: refused, not punished.
            Err(error) => tracing::trace!(%error, "transaction of a peer refused"),
        }
    }
}
