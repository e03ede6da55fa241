//! Decoding and signature checks of consensus messages, on a thread of their own in front of the driver.

use super::ProposedBlock;
use crate::metrics::Metrics;
use alloy_primitives::Bytes;
use devp2p::{Misbehaviour, Network, PeerId};
use qbft::{Message, wire::decode};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Messages that may wait, before and after the check. When full, new ones are dropped: votes are sent again.
const QUEUE: usize = 512;

/// A payload as a peer sent it.
#[derive(Debug)]
pub struct Incoming {
    /// Peer it came from; not necessarily its author.
    pub from: PeerId,
    /// 0x12 to 0x15.
    pub code: u8,
    /// Bytes as received.
    pub payload: Bytes,
}

/// A message whose signatures hold, with its original bytes for passing on.
#[derive(Debug)]
pub struct Checked {
    pub(super) from: PeerId,
    pub(super) code: u8,
    pub(super) payload: Bytes,
    pub(super) message: Message<ProposedBlock>,
}

/// Feeds the thread; the thread ends when the last one is gone.
#[derive(Clone)]
pub struct Verifier {
    incoming: mpsc::Sender<Incoming>,
    metrics: Arc<Metrics>,
}

impl Verifier {
    /// Starts the thread; what it lets through comes out of the receiver.
    pub fn start(
        network: Network,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, mpsc::Receiver<Checked>)> {
        let (incoming, mut queue) = mpsc::channel::<Incoming>(QUEUE);
        let (out, checked) = mpsc::channel(QUEUE);
        let counters = Arc::clone(&metrics);
        std::thread::Builder::new().name("consensus-verify".into()).spawn(move || {
            while let Some(next) = queue.blocking_recv() {
                let from = next.from;
                match check(next) {
                    Ok(checked) => {
                        if out.blocking_send(checked).is_err() {
                            return;
                        }
                    }
                    Err((reason, error)) => {
                        tracing::debug!(%error, "consensus payload refused");
                        counters.messages_rejected.get_or_create(&[("reason", reason)]).inc();
                        network.penalise(from, Misbehaviour::InvalidConsensus);
                    }
                }
            }
        })?;
        Ok((Self { incoming, metrics }, checked))
    }

    /// Queues a payload, or drops it when too many wait.
    pub fn check(&self, incoming: Incoming) {
        if self.incoming.try_send(incoming).is_err() {
            self.metrics.messages_rejected.get_or_create(&[("reason", "queue_full")]).inc();
        }
    }
}

fn check(incoming: Incoming) -> Result<Checked, (&'static str, String)> {
    let Incoming { from, code, payload } = incoming;
    let message = decode::<ProposedBlock>(code, &payload).map_err(|e| ("malformed", e.to_string()))?;
    let message = message.authenticate().map_err(|e| ("bad_signature", e.to_string()))?;
    Ok(Checked { from, code, payload, message })
}
