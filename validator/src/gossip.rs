//! Transactions between nodes: what the pool accepts goes out in batches, what peers send goes into the pool.

use crate::pool::{Accepted, Arrival, Origin, Pool};
use alloy_primitives::{Address, B256, Bytes};
use devp2p::{Announced, Misbehaviour, Network, PeerId};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast::error::RecvError, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a transaction waits for others to travel with.
const BATCH_WAIT: Duration = Duration::from_millis(10);
/// A batch this long travels at once.
const BATCH_BYTES: usize = 256 * 1024;
/// Announcements worked on at once; more are dropped, as their senders will offer them again or another peer will.
const INBOUND: usize = 32;
/// Transactions taken in together, about.
const TOGETHER: usize = 2048;
/// Batches that may wait to be worked on.
pub const QUEUE: usize = 256;
/// KiB of transactions from peers that may wait or be worked on.
pub const BUDGET_KIB: usize = 64 * 1024;
/// What an announcement takes of it: the answer to a request for its transactions has 2 MiB at most by custom.
const ANNOUNCEMENT_KIB: usize = 2 * 1024;
/// Announced transactions asked for in one request.
const FETCH: usize = 256;
/// Blocks that a submitted transaction waits before peers are reminded of it; then they are again and again.
const REMIND_AFTER: u64 = 3;
/// Transactions that peers are reminded of after one block.
const REMIND: usize = 512;

/// Something a peer sent about transactions.
#[derive(Debug)]
pub enum Offer {
    /// In full, each with who signed it if the peer said so.
    Full(PeerId, Vec<(Bytes, Option<Address>)>),
    /// By hash.
    Announced(PeerId, Vec<(B256, u8, u32)>),
}

/// An offer within the byte budget, until it has been worked on.
#[derive(Debug)]
pub struct Inbound {
    offer: Offer,
    weight: OwnedSemaphorePermit,
}

impl Inbound {
    /// Takes what the offer needs from the budget; `None` when that much is not left.
    pub fn within(budget: &Arc<Semaphore>, offer: Offer) -> Option<Self> {
        let kib = match &offer {
            Offer::Full(_, raw) => raw.iter().map(|(raw, _)| raw.len()).sum::<usize>() / 1024 + 1,
            Offer::Announced(..) => ANNOUNCEMENT_KIB,
        };
        let weight = Arc::clone(budget).try_acquire_many_owned(u32::try_from(kib).ok()?).ok()?;
        Some(Self { offer, weight })
    }
}

/// Sends accepted transactions to peers until told to stop.
pub async fn send(pool: Pool, network: Network, stop: CancellationToken) {
    let mut accepted = pool.subscribe_accepted();
    let mut heads = pool.subscribe_heads();
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => return,
            Ok(()) = heads.changed() => {
                remind(&pool, &network);
                continue;
            }
            next = accepted.recv() => match next {
                Ok(first) => first,
                // Peers are reminded of what was skipped.
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
        for (except, transactions) in batch.by_origin {
            network.broadcast_transactions(transactions, except);
        }
    }
}

/// Tells peers again of submitted transactions that still wait: a peer that was busy dropped them, and this node may
/// have no seat to put them into a block itself.
fn remind(pool: &Pool, network: &Network) {
    let waiting = pool.untold(REMIND_AFTER, REMIND);
    if !waiting.is_empty() {
        network.remind_transactions(waiting.iter().map(|pooled| pooled.raw.clone()).collect());
    }
}

/// Transactions on their way out, by the peer that need not see them.
#[derive(Default)]
struct Batch {
    by_origin: BTreeMap<Option<PeerId>, Vec<Announced>>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, accepted: &Accepted) {
        let from = match accepted.origin {
            Origin::Peer(id) => Some(id),
            Origin::Rpc(_) | Origin::Journal => None,
        };
        self.bytes += accepted.raw.len();
        let announced = Announced {
            raw: accepted.raw.clone(),
            hash: accepted.recovered.hash,
            sender: accepted.recovered.sender,
        };
        self.by_origin.entry(from).or_default().push(announced);
    }
}

/// Takes in what peers send until told to stop: what waits is taken in together, so that the busier a node is, the less each
/// transaction costs.
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
        let Some(mut next) = next else { return };
        let (mut batch, mut weights) = (Vec::new(), Vec::new());
        loop {
            let Inbound { offer, weight } = next;
            match offer {
                Offer::Full(from, transactions) => {
                    batch.extend(arrivals(from, transactions));
                    weights.push(weight);
                }
                Offer::Announced(from, hashes) => {
                    if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                        let (pool, network) = (pool.clone(), network.clone());
                        tasks.spawn(async move {
                            fetch(&pool, &network, from, hashes).await;
                            drop((slot, weight));
                        });
                    }
                }
            }
            match inbound.try_recv() {
                Ok(another) if batch.len() < TOGETHER => next = another,
                Ok(another) => {
                    take(&pool, &network, std::mem::take(&mut batch)).await;
                    weights.clear();
                    next = another;
                }
                Err(_) => break,
            }
        }
        take(&pool, &network, batch).await;
    }
}

fn arrivals(
    from: PeerId,
    transactions: impl IntoIterator<Item = (Bytes, Option<Address>)>,
) -> impl Iterator<Item = Arrival> {
    let arrival = move |(raw, signer)| Arrival { raw, origin: Origin::Peer(from), signer };
    transactions.into_iter().map(arrival)
}

/// Fetches what is not known in as many requests as it takes; the network bounds the hashes of one announcement.
async fn fetch(pool: &Pool, network: &Network, from: PeerId, hashes: Vec<(B256, u8, u32)>) {
    let hashes: Vec<B256> = hashes.into_iter().map(|(hash, ..)| hash).collect();
    let mut rest = hashes.as_slice();
    while let Some(asked) = next_unknown(&mut rest, |hash| pool.contains(hash)) {
        match network.pooled_transactions(from, asked).await {
            Ok(raw) => {
                let raw = raw.into_iter().map(|raw| (raw, None));
                if !take(pool, network, arrivals(from, raw).collect()).await {
                    return;
                }
            }
            Err(error) => return tracing::debug!(%error, "announced transactions did not come"),
        }
    }
}

/// The next hashes to ask for; `None` when none is left.
fn next_unknown(rest: &mut &[B256], is_known: impl Fn(&B256) -> bool) -> Option<Vec<B256>> {
    let mut unknown = Vec::new();
    while let Some((hash, others)) = rest.split_first().filter(|_| unknown.len() < FETCH) {
        *rest = others;
        if !is_known(hash) {
            unknown.push(*hash);
        }
    }
    (!unknown.is_empty()).then_some(unknown)
}

/// Takes transactions in, in order; false when a peer sent something else and is dropped.
async fn take(pool: &Pool, network: &Network, batch: Vec<Arrival>) -> bool {
    if batch.is_empty() {
        return true;
    }
    let origins: Vec<Origin> = batch.iter().map(|arrival| arrival.origin).collect();
    let mut honest = true;
    for (outcome, origin) in pool.submit_all(batch).await.into_iter().zip(origins) {
        match (outcome, origin) {
            (Err(error), Origin::Peer(from)) if error.is_protocol_breach() => {
                tracing::debug!(%error, "peer sent something that is no transaction");
                network.penalise(from, Misbehaviour::MalformedTransaction);
                honest = false;
            }
            // Rules and states differ between honest nodes: refused, not punished.
            (Err(error), _) => tracing::trace!(%error, "transaction of a peer refused"),
            (Ok(_), _) => {}
        }
    }
    honest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_announced_is_asked_for_in_parts() {
        let hashes: Vec<B256> = (0..600_u64).map(|n| B256::left_padding_from(&n.to_be_bytes())).collect();
        let known = |hash: &B256| hash.0[31].is_multiple_of(2);
        let mut rest = hashes.as_slice();
        let mut parts = Vec::new();
        while let Some(part) = next_unknown(&mut rest, known) {
            parts.push(part);
        }
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [256, 44]);
        let unknown: Vec<B256> = hashes.into_iter().filter(|hash| !known(hash)).collect();
        assert_eq!(parts.concat(), unknown);
    }

    #[test]
    fn offers_beyond_the_byte_budget_are_dropped_until_there_is_room() {
        let budget = Arc::new(Semaphore::new(BUDGET_KIB));
        let offer = || Offer::Full(PeerId::ZERO, vec![(Bytes::from(vec![0; 1 << 20]), None); 9]);
        let held: Vec<_> = std::iter::from_fn(|| Inbound::within(&budget, offer())).collect();
        assert_eq!(held.len(), 7);
        drop(held);
        let announced = || Offer::Announced(PeerId::ZERO, vec![]);
        let held: Vec<_> = std::iter::from_fn(|| Inbound::within(&budget, announced())).collect();
        assert_eq!(held.len(), 32);
    }
}
