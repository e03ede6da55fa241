//! The task: the fences of this node's identities, one request to each store at a time, and those who wait for votes.

use super::{
    setup::Opened,
    store::{Store, StoreError, Swapped},
};
use crate::{faults::Faults, metrics::Metrics};
use alloy_primitives::{Address, B256};
use fence::{
    Fence, Holdings, Input, Output, Place, ReadAnswer, Record, Refusal, Role, Successor, SwapAnswer, Ticket,
    Version, Vote,
};
use futures::{
    future::{BoxFuture, FutureExt as _, OptionFuture},
    stream::{FuturesUnordered, StreamExt as _},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// Requests that may wait; the driver has few votes in flight, and readiness is told for each identity.
const QUEUE: usize = 256;
/// Changes that may wait for the driver.
const CHANGES: usize = 16;
/// A node that ends tries so long to give the identity up.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the driver must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This node votes from now on, and starts from what the record says.
    Held(Box<Record>),
    /// It does so no more.
    Over,
}

/// The same, of which identity. Between [`Change::Held`] of one and of another comes [`Change::Over`] of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its number.
    pub of: usize,
    /// What.
    pub change: Change,
}

/// How the fence stands, for status and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// What this node is.
    pub role: Role,
    /// Who holds the identity, as far as this node knows.
    pub holder: Option<String>,
    /// Take-overs so far.
    pub epoch: u64,
    /// Whether there is a record.
    pub recorded: bool,
    /// What a person should know: one word, and a sentence.
    pub trouble: Option<(&'static str, String)>,
}

type Answer = oneshot::Sender<Result<(), Refusal>>;

enum Ask {
    Wish(Vote, Answer),
    Ready(bool),
    BeginAt(u64),
    Release,
}

/// Asks the task about one identity.
#[derive(Clone, Debug)]
pub struct LeaseHandle {
    of: usize,
    asks: mpsc::Sender<(usize, Ask)>,
    /// How it stands.
    pub view: watch::Receiver<LeaseView>,
    /// Longest record that the store takes.
    pub limit: usize,
}

impl LeaseHandle {
    /// Asks for the right to a vote. Asked in the order of the slots; the answer may come much later, or never.
    pub fn wish(&self, vote: Vote) -> oneshot::Receiver<Result<(), Refusal>> {
        let (answer, granted) = oneshot::channel();
        // With so many waiting the store is away, and this vote would be late too.
        let _ = self.asks.try_send((self.of, Ask::Wish(vote, answer)));
        granted
    }

    /// Whether this node could vote now.
    pub async fn ready(&self, is_ready: bool) {
        let _ = self.asks.send((self.of, Ask::Ready(is_ready))).await;
    }

    /// What was voted for below this height is not known, and decided: a first record begins there.
    pub async fn begin_at(&self, height: u64) {
        let _ = self.asks.send((self.of, Ask::BeginAt(height))).await;
    }

    /// Gives the identity up to anybody.
    pub async fn release(&self) {
        let _ = self.asks.send((self.of, Ask::Release)).await;
    }
}

/// What belongs to one identity.
struct Part {
    identity: Address,
    store: Arc<dyn Store>,
    /// A read without an answer is asked again then.
    read_within: Duration,
    view: watch::Sender<LeaseView>,
    /// Who waits for which vote; as many as the fence keeps.
    waiting: BTreeMap<(Place, B256), Vec<Answer>>,
    wake: Option<Instant>,
    away: Arc<parking_lot::Mutex<Option<StoreError>>>,
    /// Why the identity was lost, until it is held again.
    lost: Option<String>,
}

/// The task.
pub struct Lease {
    holdings: Holdings,
    parts: Vec<Part>,
    asks: mpsc::Receiver<(usize, Ask)>,
    changes: mpsc::Sender<Changed>,
    /// Those under way: at most one for each identity.
    requests: FuturesUnordered<BoxFuture<'static, (usize, Input)>>,
    /// What the fences' clock counts from.
    started: Instant,
    metrics: Arc<Metrics>,
    faults: Faults,
}

impl Lease {
    /// The task, what asks it about each identity, and what it tells.
    #[must_use]
    pub fn new(
        opened: Vec<Opened>,
        metrics: Arc<Metrics>,
        faults: Faults,
    ) -> (Self, Vec<LeaseHandle>, mpsc::Receiver<Changed>) {
        let (asks, asked) = mpsc::channel(QUEUE);
        let (changes, changed) = mpsc::channel(CHANGES);
        let (mut fences, mut parts, mut handles) = (Vec::new(), Vec::new(), Vec::new());
        for (of, Opened { identity, fence, store, read_within }) in opened.into_iter().enumerate() {
            let first =
                LeaseView { role: fence.role(), holder: None, epoch: 0, recorded: false, trouble: None };
            let (view, seen) = watch::channel(first);
            handles.push(LeaseHandle { of, asks: asks.clone(), view: seen, limit: store.limit() });
            let (waiting, away) = (BTreeMap::new(), Arc::default());
            parts.push(Part { identity, store, read_within, view, waiting, wake: None, away, lost: None });
            fences.push(fence);
        }
        let lease = Self {
            holdings: Holdings::new(fences),
            parts,
            asks: asked,
            changes,
            requests: FuturesUnordered::new(),
            started: Instant::now(),
            metrics,
            faults,
        };
        (lease, handles, changed)
    }

    /// Runs until told to stop, and then until what it holds is given up.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut leaving = None;
        for of in 0..self.parts.len() {
            self.step(of, Input::Tick).await;
        }
        loop {
            let wake: OptionFuture<_> =
                self.parts.iter().filter_map(|part| part.wake).min().map(sleep_until).into();
            let farewell: OptionFuture<_> = leaving.map(sleep_until).into();
            tokio::select! {
                biased;
                Some(()) = farewell => return,
                () = stop.cancelled(), if leaving.is_none() => {
                    leaving = Some(Instant::now() + FAREWELL);
                    for of in 0..self.parts.len() {
                        self.step(of, Input::Release(Successor::Anybody)).await;
                    }
                }
                Some((of, input)) = self.requests.next() => self.step(of, input).await,
                Some((of, ask)) = self.asks.recv() => self.asked(of, ask, leaving.is_some()).await,
                Some(()) = wake => self.tick().await,
            }
            if leaving.is_some() && !self.holds() {
                return;
            }
        }
    }

    /// A take-over under way may be done after this node has ended: it would be a lease in which nobody votes.
    fn holds(&self) -> bool {
        let mut fences = (0..self.parts.len()).filter_map(|of| self.holdings.fence(of));
        fences.any(Fence::may_hold)
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        for of in 0..self.parts.len() {
            if self.parts[of].wake.is_some_and(|wake| wake <= now) {
                self.step(of, Input::Tick).await;
            }
        }
    }

    async fn asked(&mut self, of: usize, ask: Ask, is_leaving: bool) {
        match ask {
            Ask::Wish(vote, answer) => {
                self.parts[of].waiting.entry((vote.place, vote.digest)).or_default().push(answer);
                self.step(of, Input::Wish(vote)).await;
            }
            Ask::Ready(is_ready) => self.step(of, Input::Ready(is_ready && !is_leaving)).await,
            Ask::BeginAt(height) => self.step(of, Input::BeginAt(height)).await,
            Ask::Release => self.step(of, Input::Release(Successor::Anybody)).await,
        }
    }

    /// A step for one identity may have others do something, too.
    async fn step(&mut self, of: usize, input: Input) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.parts[of].wake = None;
        for (of, output) in self.holdings.step(of, input, now_ms) {
            self.perform(of, output).await;
            self.show(of);
        }
        self.show(of);
    }

    async fn perform(&mut self, of: usize, output: Output) {
        let identity = self.parts[of].identity;
        match output {
            Output::Read { ticket } => self.read(of, ticket),
            Output::Swap { ticket, expected, record } => self.swap(of, ticket, expected, record),
            Output::Granted { place, digest } => self.answer(of, (place, digest), &Ok(())),
            Output::Refused { place, digest, why } => self.answer(of, (place, digest), &Err(why)),
            Output::Held { record } => {
                tracing::info!(%identity, epoch = record.epoch, place = %record.place, "this node holds the identity");
                self.parts[of].lost = None;
                self.tell(of, Change::Held(record)).await;
            }
            Output::Lost(loss) => {
                tracing::warn!(%identity, %loss, "the identity was taken over");
                let is_twin = matches!(loss, fence::Loss::Twin { .. } | fence::Loss::Copied { .. });
                self.parts[of].lost = is_twin.then(|| loss.to_string());
                self.tell(of, Change::Over).await;
            }
            Output::Released(_) => {
                tracing::info!(%identity, "the identity is given up");
                self.tell(of, Change::Over).await;
            }
            Output::Stopped(stop) => {
                self.faults.over(&fault_of(identity));
                self.faults.report(format!("{}{stop}", fault_of(identity)));
                self.tell(of, Change::Over).await;
            }
            Output::Resumed => {
                tracing::info!(%identity, "the fence's record is good again");
                self.faults.over(&fault_of(identity));
            }
            Output::WaitUntil { at_ms } => {
                self.parts[of].wake = Some(self.started + Duration::from_millis(at_ms));
            }
        }
    }

    async fn tell(&mut self, of: usize, change: Change) {
        let _ = self.changes.send(Changed { of, change }).await;
    }

    fn read(&mut self, of: usize, ticket: Ticket) {
        let Part { store, away, read_within, .. } = &self.parts[of];
        let (store, away, within) = (Arc::clone(store), Arc::clone(away), *read_within);
        let read = async move {
            // Asking again costs nothing: a read changes nothing.
            let late = |_| Err(StoreError::late(within));
            let answer = match timeout(within, store.read()).await.unwrap_or_else(late) {
                Ok(Some(found)) => ReadAnswer::Found { version: found.version, bytes: found.bytes },
                Ok(None) => ReadAnswer::Missing,
                Err(error) => {
                    return (of, failed(&away, error, Input::Read { ticket, answer: ReadAnswer::Away }));
                }
            };
            *away.lock() = None;
            (of, Input::Read { ticket, answer })
        };
        self.requests.push(read.boxed());
    }

    fn swap(&mut self, of: usize, ticket: Ticket, expected: Option<Version>, record: Box<Record>) {
        let Part { store, away, .. } = &self.parts[of];
        let (store, away, metrics) = (Arc::clone(store), Arc::clone(away), Arc::clone(&self.metrics));
        let swap = async move {
            let began = Instant::now();
            let swapped = store.swap(expected.as_ref(), &record).await;
            let outcome = match &swapped {
                Ok(Swapped::Won(_)) => "won",
                Ok(Swapped::Lost) => "lost",
                Err(_) => "unknown",
            };
            metrics.fence_swaps.get_or_create(&[("outcome", outcome)]).inc();
            metrics.fence_swap_time.observe(began.elapsed().as_secs_f64());
            let answer = match swapped {
                Ok(Swapped::Won(version)) => SwapAnswer::Won { version },
                Ok(Swapped::Lost) => SwapAnswer::Lost,
                Err(error) => {
                    let answer = SwapAnswer::Unknown;
                    return (of, failed(&away, error, Input::Swapped { ticket, answer }));
                }
            };
            *away.lock() = None;
            (of, Input::Swapped { ticket, answer })
        };
        self.requests.push(swap.boxed());
    }

    fn answer(&mut self, of: usize, slot: (Place, B256), outcome: &Result<(), Refusal>) {
        for answer in self.parts[of].waiting.remove(&slot).unwrap_or_default() {
            let _ = answer.send(outcome.clone());
        }
    }

    fn show(&self, of: usize) {
        let (part, Some(fence)) = (&self.parts[of], self.holdings.fence(of)) else { return };
        let record = fence.record();
        let view = LeaseView {
            role: fence.role(),
            holder: record
                .filter(|record| record.released.is_none())
                .map(|record| record.holder.name.to_string()),
            epoch: record.map_or(0, |record| record.epoch),
            recorded: record.is_some(),
            trouble: part.trouble(fence),
        };
        part.view.send_if_modified(|seen| {
            let is_new = *seen != view;
            if is_new {
                let label = [("identity", part.identity.to_string())];
                self.metrics.fence_holder.get_or_create(&label).set(i64::from(view.role == Role::Holder));
                let epoch = i64::try_from(view.epoch).unwrap_or(i64::MAX);
                self.metrics.fence_epoch.get_or_create(&label).set(epoch);
                *seen = view;
            }
            is_new
        });
    }
}

impl Part {
    fn trouble(&self, fence: &Fence) -> Option<(&'static str, String)> {
        if let Some(stop) = fence.stop() {
            return Some((stop.label(), stop.to_string()));
        }
        if let Some(error) = &*self.away.lock() {
            return Some(("store_away", error.to_string()));
        }
        let twin = fence.twin().map(|twin| {
            format!("another process under our own name, {twin}, holds the identity: the same manifest or a copy of this disk runs in a second place; or it was this node's own last process, whose lease ends soon")
        });
        self.lost.clone().or(twin).map(|why| ("twin", why))
    }
}

/// How the faults of an identity's fence begin: they are over when its record is good again.
fn fault_of(identity: Address) -> String {
    format!("fence of {identity}: ")
}

fn failed(away: &parking_lot::Mutex<Option<StoreError>>, error: StoreError, input: Input) -> Input {
    let mut away = away.lock();
    if away.is_none() {
        tracing::warn!(%error, "the fence's store gave no answer");
    }
    *away = Some(error);
    input
}
