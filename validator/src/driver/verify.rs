//! Decoding and signature checks of consensus messages, on a thread of their own in front of the driver.
//!
//! What the driver would refuse unseen (a height long decided, an author without a seat) is refused before it costs
//! more than one signature, and peers take turns: nobody without a seat can keep the votes of the others waiting.

use super::{ProposedBlock, strikes::Strikes, waiting::Waiting};
use crate::metrics::Metrics;
use alloy_primitives::{Address, Bytes};
use chain::{
    client::{ClientProfile, WireRules},
    signature::{SignatureError, recover},
};
use devp2p::{Misbehaviour, Network, PeerId};
use parking_lot::{Condvar, Mutex};
use qbft::{Message, Unverified, wire::decode};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, watch};

/// Checked messages that may wait for the driver.
const CHECKED: usize = 16;
/// Newly connected peers that may wait for the driver; the others wait for the next re-send.
const ARRIVED: usize = 64;
/// Heights below the current one of which messages still tell that their author lives.
const LATE: u64 = 8;

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
pub(super) struct Checked {
    pub(super) from: PeerId,
    pub(super) code: u8,
    pub(super) payload: Bytes,
    pub(super) message: Message<ProposedBlock>,
}

/// What the driver works at: messages far from it are not worth a signature check.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// Height being decided.
    pub(super) height: u64,
    /// Its validators, ascending.
    pub(super) seats: Arc<[Address]>,
}

/// The driver's end.
#[derive(Debug)]
pub struct Inbox {
    pub(super) checked: mpsc::Receiver<Checked>,
    /// Told when a payload was dropped for want of room: the network must deliver it again when it is sent again.
    pub(super) dropped: Arc<Notify>,
    pub(super) window: watch::Sender<Window>,
    /// Peers that have just connected.
    pub(super) arrived: mpsc::Receiver<PeerId>,
}

/// Feeds the thread; the thread ends when the last one is gone.
#[derive(Clone)]
pub struct Verifier {
    feed: Arc<Feed>,
    dropped: Arc<Notify>,
    arrivals: mpsc::Sender<PeerId>,
    metrics: Arc<Metrics>,
}

/// The feeders' end of the queue.
struct Feed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Payloads, and whether no more will come.
    waiting: Mutex<(Waiting, bool)>,
    ready: Condvar,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.waiting.lock().1 = true;
        self.0.ready.notify_one();
    }
}

impl Shared {
    /// Waits for the next payload; none when the feeders are gone.
    fn next(&self) -> Option<Incoming> {
        let mut waiting = self.waiting.lock();
        loop {
            match waiting.0.pop() {
                Some(next) => return Some(next),
                None if waiting.1 => return None,
                None => self.ready.wait(&mut waiting),
            }
        }
    }
}

/// Why a payload was refused, and whether its sender is to blame.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    /// Metric label.
    reason: &'static str,
    blame: Blame,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// Our view may be the one that is behind.
    Nobody,
    /// One strike: few of them have an honest explanation.
    Strike,
    /// An honest peer would not have passed it on.
    Drop,
}

impl Verifier {
    /// Starts the thread; what it lets through comes out of the inbox.
    pub fn start(
        network: Network,
        metrics: Arc<Metrics>,
        rules: WireRules,
    ) -> std::io::Result<(Self, Inbox)> {
        Self::start_with(metrics, rules, move |peer| network.penalise(peer, Misbehaviour::InvalidConsensus))
    }

    fn start_with(
        metrics: Arc<Metrics>,
        rules: WireRules,
        penalise: impl Fn(PeerId) + Send + 'static,
    ) -> std::io::Result<(Self, Inbox)> {
        let shared = Arc::new(Shared::default());
        let (out, checked) = mpsc::channel(CHECKED);
        let (window, current) = watch::channel(Window::default());
        let (queue, counters) = (Arc::clone(&shared), Arc::clone(&metrics));
        std::thread::Builder::new().name("consensus-verify".into()).spawn(move || {
            let mut strikes = Strikes::default();
            while let Some(next) = queue.next() {
                let from = next.from;
                let window = current.borrow().clone();
                match check(next, &window, rules) {
                    Ok(checked) => {
                        if out.blocking_send(checked).is_err() {
                            return;
                        }
                    }
                    Err(Refused { reason, blame }) => {
                        tracing::debug!(reason, ?blame, "consensus payload refused");
                        counters.messages_rejected.get_or_create(&[("reason", reason)]).inc();
                        let drop = match blame {
                            Blame::Nobody => false,
                            Blame::Strike => strikes.strike(from, window.height),
                            Blame::Drop => true,
                        };
                        if drop {
                            penalise(from);
                        }
                    }
                }
            }
        })?;
        let dropped = Arc::new(Notify::new());
        let (arrivals, arrived) = mpsc::channel(ARRIVED);
        let inbox = Inbox { checked, dropped: Arc::clone(&dropped), window, arrived };
        Ok((Self { feed: Arc::new(Feed(shared)), dropped, arrivals, metrics }, inbox))
    }

    /// Tells the driver of a peer that has just connected; never waits.
    pub fn arrived(&self, peer: PeerId) {
        let _ = self.arrivals.try_send(peer);
    }

    /// Queues a payload; what finds no room is dropped, and delivered again when a peer sends it again.
    pub fn check(&self, incoming: Incoming) {
        let shared = &self.feed.0;
        let dropped = shared.waiting.lock().0.push(incoming);
        shared.ready.notify_one();
        if dropped > 0 {
            self.metrics.messages_rejected.get_or_create(&[("reason", "queue_full")]).inc_by(dropped);
            self.dropped.notify_one();
        }
    }
}

fn check(incoming: Incoming, window: &Window, rules: WireRules) -> Result<Checked, Refused> {
    let refused = |reason, blame| Refused { reason, blame };
    let Incoming { from, code, payload } = incoming;
    let message = decode::<ProposedBlock>(code, &payload).map_err(|_| refused("malformed", Blame::Drop))?;
    let height = height(&message);
    if height.saturating_add(LATE) < window.height {
        return Err(refused("old_height", Blame::Strike));
    }
    let author = author(&message).map_err(|_| refused("bad_signature", Blame::Drop))?;
    if window.seats.binary_search(&author).is_err() {
        // At another height than ours the set may be another one.
        let blame = if height == window.height { Blame::Strike } else { Blame::Nobody };
        return Err(refused("not_validator", blame));
    }
    // GoQuorum passes proposals on without looking at the PREPAREs in them: who forged them is not who sent them.
    let nested = if rules.profile == ClientProfile::GoQuorum { Blame::Strike } else { Blame::Drop };
    let message = message.with_blocks(|block| block.under(rules.proposal_round));
    let message = message.authenticate().map_err(|_| refused("bad_signature", nested))?;
    Ok(Checked { from, code, payload, message })
}

const fn height(message: &Unverified<ProposedBlock>) -> u64 {
    match message {
        Unverified::Proposal { proposal, .. } => proposal.payload.height,
        Unverified::Prepare(prepare) => prepare.payload.height,
        Unverified::Commit(commit) => commit.payload.height,
        Unverified::RoundChange { round_change, .. } => round_change.payload.height,
    }
}

/// Who signed the message itself; what is nested in it is not looked at.
fn author(message: &Unverified<ProposedBlock>) -> Result<Address, SignatureError> {
    let (hash, signature) = match message {
        Unverified::Proposal { proposal, .. } => (proposal.signing_hash, &proposal.signature),
        Unverified::Prepare(prepare) => (prepare.signing_hash, &prepare.signature),
        Unverified::Commit(commit) => (commit.signing_hash, &commit.signature),
        Unverified::RoundChange { round_change, .. } => (round_change.signing_hash, &round_change.signature),
    };
    recover(hash, signature)
}

#[cfg(test)]
mod tests;
