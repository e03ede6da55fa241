//! Running a block before it is proposed: its proposer says which transactions it has chosen, part by part, and finishes it
//! meanwhile.
//!
//! What is run is kept as any candidate, by the hash of the block that came out; a proposal with that hash need not be run
//! again, and any other one is. So a false preview costs time and decides nothing: one at a time is run for a height, from a
//! peer that was not wrong lately, within the share of a period that a builder has; parts that do not come are not waited for
//! once the proposal is here.

mod feed;

use super::{
    DriverHandle,
    build::{BUSY_SHARE, PARTS},
};
use crate::pool::Pool;
use alloy_primitives::B256;
use devp2p::{PeerId, own::preview::Preview};
use feed::Feed;
use ledger::{At, BuildAttributes, Ledger};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Previews that may wait.
pub const QUEUE: usize = 32;
/// Heights for which nobody listens to a peer whose preview was not what came.
const DISTRUST: u64 = 16;
/// Peers remembered for that, and listened to for one height.
const PEERS: usize = 64;

/// A preview and who sent it.
pub type Offer = (PeerId, Preview);

/// Keeps a proposal from being run beside its preview.
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    /// Held while a preview is run.
    turn: Arc<Mutex<()>>,
    /// Highest height of which a proposal has come.
    proposed: Arc<AtomicU64>,
}

impl Ahead {
    /// A proposal of this height is here: waits until its preview has been run, if it is being run.
    pub(super) async fn proposed(&self, height: u64) {
        self.proposed.fetch_max(height, Relaxed);
        drop(self.turn.lock().await);
    }

    fn is_late(&self, height: u64) -> bool {
        self.proposed.load(Relaxed) >= height
    }
}

/// What previews are run with.
pub struct Runner {
    /// Chain and state.
    pub ledger: Ledger,
    /// Where the transactions are.
    pub pool: Pool,
    /// Whose turn it is.
    pub driver: DriverHandle,
    /// Shared with the driver.
    pub ahead: Ahead,
}

/// Who has sent a preview of a height: each peer's first is looked at.
#[derive(Default)]
struct Heard {
    height: u64,
    peers: BTreeSet<PeerId>,
}

impl Heard {
    fn is_first(&mut self, from: PeerId, height: u64) -> bool {
        if height > self.height {
            *self = Self { height, peers: BTreeSet::new() };
        }
        height == self.height && self.peers.len() < PEERS && self.peers.insert(from)
    }
}

/// The preview that was run last, and the hash of what came out.
struct Last {
    from: PeerId,
    height: u64,
    hash: B256,
}

/// The preview that is being run.
struct Running {
    from: PeerId,
    /// Its first part.
    first: Preview,
    /// Transactions named so far.
    named: usize,
    /// Its last part has come.
    is_whole: bool,
    parts: SyncSender<Preview>,
    outcome: JoinHandle<Option<B256>>,
}

impl Running {
    /// Takes the next part; gives an offer back that is none.
    fn take(&mut self, (from, part): Offer) -> Option<Offer> {
        let is_next = !self.is_whole && from == self.from && self.first.is_followed_by(&part, self.named);
        if !is_next {
            return Some((from, part));
        }
        self.named += part.count();
        self.is_whole = !part.more;
        // Without room for it the rest is not run, and the proposal is.
        let _ = self.parts.try_send(part);
        None
    }
}

/// What peers did with previews lately.
#[derive(Default)]
struct Record {
    heard: Heard,
    last: Option<Last>,
    /// Until which height nobody listens to them.
    wrong: BTreeMap<PeerId, u64>,
}

impl Record {
    fn distrust(&mut self, from: PeerId, height: u64) {
        self.wrong.retain(|_, until| *until > height);
        if self.wrong.len() < PEERS {
            self.wrong.insert(from, height.saturating_add(DISTRUST));
        }
    }

    fn is_distrusted(&self, from: &PeerId, height: u64) -> bool {
        self.wrong.get(from).is_some_and(|until| *until > height)
    }
}

impl Runner {
    /// Runs previews until told to stop.
    pub async fn run(self, mut offers: mpsc::Receiver<Offer>, stop: CancellationToken) {
        let (mut record, mut running, mut is_open) = (Record::default(), None::<Running>, true);
        while is_open || running.is_some() {
            let offer = tokio::select! {
                () = stop.cancelled() => return,
                outcome = ended(&mut running) => {
                    if let Some(done) = running.take() {
                        Self::note(&mut record, &done, outcome);
                    }
                    continue;
                }
                offer = offers.recv(), if is_open => offer,
            };
            let Some(offer) = offer else {
                is_open = false;
                continue;
            };
            let other = match running.as_mut() {
                Some(running) => running.take(offer),
                None => Some(offer),
            };
            if let Some((from, preview)) = other.filter(|_| running.is_none()) {
                running = self.begin(&mut record, from, preview);
            }
        }
    }

    /// Begins to run a preview that is the first part of one.
    fn begin(&self, record: &mut Record, from: PeerId, first: Preview) -> Option<Running> {
        let height = first.height;
        let is_run = record.last.as_ref().is_some_and(|last| last.height >= height);
        let is_new = !is_run && first.first == 0 && self.is_expected(&first);
        if !is_new || !record.heard.is_first(from, height) {
            return None;
        }
        if let Some(last) = record.last.take().filter(|last| !self.came(last)) {
            record.distrust(last.from, height);
        }
        if record.is_distrusted(&from, height) {
            return None;
        }
        let (parts, rest) = sync_channel(PARTS);
        let (named, is_whole) = (first.count(), !first.more);
        let outcome = tokio::spawn(self.run_one(first.clone(), rest));
        Some(Running { from, first, named, is_whole, parts, outcome })
    }

    /// A peer that does not send what it promised keeps others from being listened to.
    fn note(record: &mut Record, done: &Running, outcome: Option<B256>) {
        let (from, height) = (done.from, done.first.height);
        if !done.is_whole {
            record.distrust(from, height);
        }
        record.last = outcome.map(|hash| Last { from, height, hash });
    }

    /// The next block, by whoever proposes it in round 0, and not by us.
    fn is_expected(&self, preview: &Preview) -> bool {
        let (head, view) = (self.ledger.head(), Arc::clone(&self.driver.view.borrow()));
        let is_turn = view.consensus.as_ref().is_some_and(|now| {
            now.height == preview.height && now.round == 0 && now.proposer == preview.beneficiary
        });
        is_turn && view.identity != Some(preview.beneficiary) && head.hash == preview.parent
    }

    fn came(&self, last: &Last) -> bool {
        let number = self.ledger.number(At::Hash(last.hash));
        number.ok().flatten() == Some(last.height)
    }

    fn run_one(
        &self,
        first: Preview,
        parts: Receiver<Preview>,
    ) -> impl Future<Output = Option<B256>> + Send + use<> {
        let (ledger, pool, ahead) = (self.ledger.clone(), self.pool.clone(), self.ahead.clone());
        let budget = Duration::from_millis(self.driver.view.borrow().period_ms) / BUSY_SHARE;
        async move {
            let turn = Arc::clone(&ahead.turn).lock_owned().await;
            let work = move || {
                let hash = Feed::of(&first, &parts, &pool, &ahead)
                    .and_then(|feed| execute(&ledger, &first, &feed, budget));
                drop(turn);
                hash
            };
            tokio::task::spawn_blocking(work).await.ok()?
        }
    }
}

/// What came out of the preview that is being run; never, if none is.
async fn ended(running: &mut Option<Running>) -> Option<B256> {
    match running {
        Some(running) => (&mut running.outcome).await.ok().flatten(),
        None => std::future::pending().await,
    }
}

fn execute(ledger: &Ledger, preview: &Preview, feed: &Feed<'_>, budget: Duration) -> Option<B256> {
    let began = Instant::now();
    let attributes = BuildAttributes {
        timestamp: preview.timestamp,
        beneficiary: preview.beneficiary,
        extra_data: preview.extra_data.clone(),
        gas_limit_target: ledger.parameters().ok()?.gas_limit_target,
    };
    let built = ledger.rehearse(&attributes, || feed.next(), || feed.is_over(began, budget));
    let (height, took) = (preview.height, began.elapsed());
    match built {
        Ok(built) => {
            tracing::debug!(height, ?took, "preview was run");
            Some(built.hash)
        }
        Err(reason) => {
            tracing::debug!(height, ?took, %reason, "preview was not run");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_height_one_preview_of_each_peer_is_looked_at() {
        let mut heard = Heard::default();
        let peer = |number: usize| PeerId::left_padding_from(&number.to_be_bytes());
        let mut first = |number, height| heard.is_first(peer(number), height);
        assert_eq!(
            [first(1, 5), first(1, 5), first(2, 5), first(1, 6), first(3, 5)],
            [true, false, true, true, false]
        );
        assert_eq!((0..1000).filter(|number| first(*number, 7)).count(), PEERS);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_end_what_it_began_is_not_listened_to_for_a_while() {
        let mut record = Record::default();
        let from = PeerId::repeat_byte(1);
        let place = (9, B256::ZERO);
        let first = Preview::of(
            place,
            1,
            alloy_primitives::Address::ZERO,
            alloy_primitives::Bytes::new(),
            B256::ZERO,
        );
        let running = |is_whole| Running {
            from,
            first: first.clone(),
            named: 0,
            is_whole,
            parts: sync_channel(1).0,
            outcome: tokio::spawn(std::future::ready(None)),
        };
        Runner::note(&mut record, &running(true), None);
        assert!(!record.is_distrusted(&from, 10), "what could not be run here is not its fault");
        Runner::note(&mut record, &running(false), None);
        assert!(record.is_distrusted(&from, 10) && !record.is_distrusted(&from, 9 + DISTRUST));
    }
}
