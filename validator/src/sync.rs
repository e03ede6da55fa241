//! Catching up: a late or restarted node fetches the blocks it misses, checks them in order and joins in.
//!
//! A quorum's seals make a block final, so blocks from one peer suffice; which validators may seal a block follows
//! from the state before it, so blocks are fetched ahead but executed one after the other, in segments of which the
//! ledger checks the last block's seals, or where these are false a later block's, before it keeps or shows any of it.

mod bodies;
mod fetch;
mod headers;
mod plan;
mod turns;

pub use plan::{Claim, Plan, plan};

use crate::{
    clock::Clock,
    import::{BlockError, ImportError, Importer, Source},
};
use devp2p::{Misbehaviour, Network, PeerId, PeerInfo};
use fetch::{Ended, Fetched};
use ledger::{Block, CommitError, HeadInfo};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use turns::{Turn, Turns};

/// How often the plan is made anew when nobody says anything.
const TICK: Duration = Duration::from_millis(250);
/// Hints that may wait; lost ones are made good by the tick.
const QUEUE: usize = 64;
/// Between two complaints that nobody has the next block.
const LAMENT_MS: u64 = 60_000;
/// Announced blocks that may wait; each can have 10 MiB, and the next one is the only one of use.
const BLOCKS: usize = 4;

/// Something that may mean we are behind.
#[derive(Debug)]
pub enum Hint {
    /// A peer sent what may be the next block.
    Block(PeerId, Box<Block>, OwnedSemaphorePermit),
    /// A peer announced blocks; what it claims is in the network's list.
    Peers,
    /// A peer connected, for the first time or again.
    Connected(PeerId),
    /// Seats vote on this height or a later one.
    Behind(u64),
}

/// Where hints go; never waits.
#[derive(Clone, Debug)]
pub struct SyncHandle {
    hints: mpsc::Sender<Hint>,
    head: watch::Receiver<HeadInfo>,
    blocks: Arc<Semaphore>,
}

impl SyncHandle {
    /// Passes a hint on, or drops it while sync is busy fetching anyway.
    pub fn hint(&self, hint: Hint) {
        let _ = self.hints.try_send(hint);
    }

    /// Passes on a block if it is the next one and few wait; of any other only that its peer claims more than we have.
    pub fn block(&self, from: PeerId, block: Box<Block>) {
        let is_next = self.head.borrow().number.checked_add(1) == Some(block.header.number);
        let place = is_next.then(|| Arc::clone(&self.blocks).try_acquire_owned().ok()).flatten();
        self.hint(place.map_or(Hint::Peers, |place| Hint::Block(from, block, place)));
    }
}

/// Fetches and imports missing blocks.
pub struct Sync {
    importer: Arc<Importer>,
    network: Network,
    hints: mpsc::Receiver<Hint>,
    /// Highest height that validators were heard on, less one: blocks up to it exist.
    heard: u64,
    /// When our head was first seen behind, and at which head.
    behind_since: Option<(u64, u64)>,
    last_asked_ms: u64,
    turn: usize,
    turns: Turns,
    /// When it was last said that nobody has the next block.
    lamented_ms: u64,
    clock: Clock,
}

/// What ended the dealings with a peer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("request: {0}")]
    Request(#[from] devp2p::RequestError),
    #[error("answer is not what was asked for: {0}")]
    Useless(String),
    #[error("block {number}: {source}")]
    Import { number: u64, source: ImportError },
}

impl Failure {
    /// The block whose body is not the one of its header.
    fn wrong_body(&self) -> Option<u64> {
        match self {
            Self::Import { number, source: ImportError::Refused(CommitError::Body { .. }) } => Some(*number),
            _ => None,
        }
    }

    /// Whether a block is refused for nothing but its own seals: it may be final all the same.
    fn is_of_seals(&self) -> bool {
        use CommitError::{DuplicateSeal, ForeignSeal, Seal};
        let Self::Import { source: ImportError::Refused(refused), .. } = self else { return false };
        matches!(refused, Seal { .. } | DuplicateSeal(_) | ForeignSeal(_))
    }
}

impl From<BlockError> for Failure {
    fn from(BlockError { number, source }: BlockError) -> Self {
        Self::Import { number, source }
    }
}

impl Sync {
    /// Makes the task and its handle.
    pub fn new(importer: Arc<Importer>, network: Network, clock: Clock) -> (Self, SyncHandle) {
        let (sender, hints) = mpsc::channel(QUEUE);
        let last_asked_ms = clock.unix_ms();
        let handle =
            SyncHandle { hints: sender, head: importer.heads(), blocks: Arc::new(Semaphore::new(BLOCKS)) };
        let sync = Self {
            importer,
            network,
            hints,
            heard: 0,
            behind_since: None,
            last_asked_ms,
            turn: 0,
            turns: Turns::default(),
            lamented_ms: 0,
            clock,
        };
        (sync, handle)
    }

    /// Runs until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut heads = self.importer.heads();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                hint = self.hints.recv() => match hint {
                    Some(hint) => self.on_hint(hint).await,
                    None => return,
                },
                // A new head restarts the wait before a peer is asked unprompted.
                Ok(()) = heads.changed() => self.last_asked_ms = self.clock.unix_ms(),
                () = tokio::time::sleep(TICK) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.catch_up() => {}
            }
        }
    }

    async fn on_hint(&mut self, hint: Hint) {
        match hint {
            Hint::Block(from, block, _) if block.header.number == self.importer.head().number + 1 => {
                let number = block.header.number;
                if let Err(source) = self.importer.import(*block, Source::Announced).await {
                    self.failed(from, &Failure::Import { number, source });
                }
            }
            Hint::Block(..) | Hint::Peers => {}
            Hint::Connected(peer) => self.turns.connected(&peer),
            Hint::Behind(height) => self.heard = self.heard.max(height.saturating_sub(1)),
        }
    }

    /// Fetches as long as there is something to fetch.
    async fn catch_up(&mut self) {
        while !self.importer.is_broken() {
            let head = self.importer.head().number;
            let now_ms = self.clock.unix_ms();
            let claims: Vec<Claim> = self.network.peers().iter().map(claim).collect();
            self.turns.keep(&claims.iter().map(|claim| claim.peer).collect::<Vec<_>>());
            let best = claims.iter().map(|c| c.head).max().unwrap_or(0).max(self.heard);
            self.note_lag(head, best, now_ms);
            self.note_gap(&claims, head, now_ms);
            let waited_ms = self.behind_since.map_or(0, |(since, _)| now_ms.saturating_sub(since));
            let quiet_ms = now_ms.saturating_sub(self.last_asked_ms);
            let rested: Vec<_> =
                claims.into_iter().map(|claim| (claim, self.turns.rest(&claim.peer, now_ms))).collect();
            let claims = plan::askable(&rested, head);
            let peer = match plan(head, &claims, self.heard, waited_ms, quiet_ms, self.turn) {
                Plan::Wait => return,
                Plan::Fetch(peer) => peer,
            };
            self.turn = self.turn.wrapping_add(1);
            self.last_asked_ms = now_ms;
            let claimed = claims.iter().find(|claim| claim.peer == peer).map_or(head, |claim| claim.head);
            let others =
                claims.iter().filter(|claim| claim.peer != peer && claim.head >= claimed.max(head + 1));
            let others = others.map(|claim| claim.peer).collect();
            let Fetched { outcome, silent } = self.fetch_from(peer, claimed, others).await;
            let outcome = outcome.map_err(|Ended { failure, lender }| {
                self.failed(lender.unwrap_or(peer), &failure);
                failure
            });
            let now_ms = self.clock.unix_ms();
            for lender in silent {
                self.turns.ended(lender, Turn::Unanswered, now_ms);
            }
            self.judge_turn(peer, claimed > head, head, &outcome);
            if self.importer.head().number == head {
                return;
            }
        }
    }

    /// A peer that claims blocks and does not show them loses its claim, and after some turns its connection. One that does
    /// not answer is left alone for a while: a path that comes and goes is no lie.
    fn judge_turn(&mut self, peer: PeerId, claimed_more: bool, head: u64, outcome: &Result<(), Failure>) {
        let now_ms = self.clock.unix_ms();
        if self.importer.head().number > head {
            self.network.believe(peer);
            self.turns.ended(peer, Turn::Useful, now_ms);
        }
        match outcome {
            Err(Failure::Request(_)) => {
                self.turns.ended(peer, Turn::Unanswered, now_ms);
            }
            Ok(()) if claimed_more && self.importer.head().number == head => {
                self.network.doubt(peer);
                if self.turns.ended(peer, Turn::Empty, now_ms) {
                    tracing::warn!(peer = %short(&peer), "claims blocks that it does not show");
                    self.network.penalise(peer, Misbehaviour::UselessAnswer);
                }
            }
            // Nothing was claimed, or the failure was dealt with for what it is.
            Ok(()) | Err(_) => {}
        }
    }

    fn note_lag(&mut self, head: u64, best: u64, now_ms: u64) {
        if best <= head {
            self.behind_since = None;
        } else if self.behind_since.is_none_or(|(_, at)| at != head) {
            self.behind_since = Some((now_ms, head));
        }
    }

    /// Says so when every peer that is ahead began with a later snapshot: waiting will not help.
    fn note_gap(&mut self, claims: &[Claim], head: u64, now_ms: u64) {
        if plan::is_cut_off(claims, head) && now_ms.saturating_sub(self.lamented_ms) >= LAMENT_MS {
            self.lamented_ms = now_ms;
            let block = head.saturating_add(1);
            tracing::warn!(
                block,
                "no peer has this block any more: import a snapshot, or name a peer that has the whole chain"
            );
        }
    }

    fn failed(&self, peer: PeerId, failure: &Failure) {
        tracing::warn!(peer = %short(&peer), %failure, "sync");
        match failure {
            Failure::Import { source, .. } if source.is_local() => {}
            Failure::Import { source: ImportError::Refused(CommitError::Body { .. }), .. }
            | Failure::Useless(_) => {
                self.network.penalise(peer, Misbehaviour::UselessAnswer);
            }
            // The network deals with it, or: somebody else brought the block meanwhile.
            Failure::Request(_)
            | Failure::Import { source: ImportError::Refused(CommitError::NotNext { .. }), .. } => {}
            Failure::Import { .. } => self.network.penalise(peer, Misbehaviour::InvalidBlock),
        }
    }
}

/// What a peer claims: a QBFT block adds 1 to the difficulty, so the total tells the height where no number came.
pub fn claim(peer: &PeerInfo) -> Claim {
    let by_difficulty = u64::try_from(peer.total_difficulty).unwrap_or(0).saturating_sub(1);
    Claim { peer: peer.id, head: peer.head_number.max(by_difficulty), earliest: peer.earliest }
}

/// The first bytes of a node id, enough for a log line.
fn short(id: &PeerId) -> String {
    hex::encode(&id[..4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;
    use alloy_primitives::B256;

    #[test]
    fn only_the_next_block_waits_and_few_of_them() {
        let head = HeadInfo { number: 3, hash: B256::ZERO, header: Arc::default() };
        let (_sender, head) = watch::channel(head);
        let (hints, mut waiting) = mpsc::channel(QUEUE);
        let handle = SyncHandle { hints, head, blocks: Arc::new(Semaphore::new(BLOCKS)) };
        let block = |number| {
            let header = Header { number, ..Header::default() };
            Box::new(Block { header, body: devp2p::BlockBody::default() })
        };
        for number in [5, u64::MAX, 3] {
            handle.block(PeerId::ZERO, block(number));
            assert!(matches!(waiting.try_recv(), Ok(Hint::Peers)), "{number}");
        }
        for _ in 0..BLOCKS {
            handle.block(PeerId::ZERO, block(4));
        }
        handle.block(PeerId::ZERO, block(4));
        for _ in 0..BLOCKS {
            // Taken out, its place is free again.
            assert!(matches!(waiting.try_recv(), Ok(Hint::Block(..))));
        }
        assert!(matches!(waiting.try_recv(), Ok(Hint::Peers)));
        handle.block(PeerId::ZERO, block(4));
        assert!(matches!(waiting.try_recv(), Ok(Hint::Block(..))));
    }
}
