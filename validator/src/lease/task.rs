//! The task: one fence, one request to its store at a time, and those who wait for votes.

use super::{
    setup::Opened,
    store::{Store, StoreError, Swapped},
};
use crate::{faults::Faults, metrics::Metrics};
use alloy_primitives::B256;
use fence::{Fence, Input, Output, Place, ReadAnswer, Record, Refusal, Role, Successor, SwapAnswer, Vote};
use futures::future::{BoxFuture, FutureExt as _, OptionFuture};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// Requests that may wait; the driver has few votes in flight.
const QUEUE: usize = 64;
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

/// How the fence stands, for status and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// What this node is.
    pub role: Role,
    /// Who holds the identity, as far as this node knows.
    pub holder: Option<String>,
    /// Take-overs so far.
    pub epoch: u64,
    /// What a person should know: one word, and a sentence.
    pub trouble: Option<(&'static str, String)>,
}

type Answer = oneshot::Sender<Result<(), Refusal>>;

enum Ask {
    Wish(Vote, Answer),
    Ready(bool),
    Release,
}

/// Asks the task.
#[derive(Clone, Debug)]
pub struct LeaseHandle {
    asks: mpsc::Sender<Ask>,
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
        let _ = self.asks.try_send(Ask::Wish(vote, answer));
        granted
    }

    /// Whether this node could vote now.
    pub async fn ready(&self, is_ready: bool) {
        let _ = self.asks.send(Ask::Ready(is_ready)).await;
    }

    /// Gives the identity up to anybody.
    pub async fn release(&self) {
        let _ = self.asks.send(Ask::Release).await;
    }
}

/// The task.
pub struct Lease {
    fence: Fence,
    store: Arc<dyn Store>,
    asks: mpsc::Receiver<Ask>,
    changes: mpsc::Sender<Change>,
    view: watch::Sender<LeaseView>,
    /// Who waits for which vote; as many as the fence keeps.
    waiting: BTreeMap<(Place, B256), Vec<Answer>>,
    /// The one request under way.
    request: Option<BoxFuture<'static, Input>>,
    wake: Option<Instant>,
    /// What the fence's clock counts from.
    started: Instant,
    away: Arc<parking_lot::Mutex<Option<StoreError>>>,
    /// Why the identity was lost, until it is held again.
    lost: Option<String>,
    metrics: Arc<Metrics>,
    faults: Faults,
}

impl Lease {
    /// The task, what asks it, and what it tells.
    #[must_use]
    pub fn new(
        opened: Opened,
        metrics: Arc<Metrics>,
        faults: Faults,
    ) -> (Self, LeaseHandle, mpsc::Receiver<Change>) {
        let Opened { fence, store } = opened;
        let (asks, asked) = mpsc::channel(QUEUE);
        let (changes, changed) = mpsc::channel(CHANGES);
        let first = LeaseView { role: fence.role(), holder: None, epoch: 0, trouble: None };
        let (view, seen) = watch::channel(first);
        let limit = store.limit();
        let lease = Self {
            fence,
            store,
            asks: asked,
            changes,
            view,
            waiting: BTreeMap::new(),
            request: None,
            wake: None,
            started: Instant::now(),
            away: Arc::default(),
            lost: None,
            metrics,
            faults,
        };
        (lease, LeaseHandle { asks, view: seen, limit }, changed)
    }

    /// Runs until told to stop, and then until the identity is given up.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut leaving = None;
        self.step(Input::Tick).await;
        loop {
            let request: OptionFuture<_> = self.request.as_mut().into();
            let wake: OptionFuture<_> = self.wake.map(sleep_until).into();
            let farewell: OptionFuture<_> = leaving.map(sleep_until).into();
            tokio::select! {
                biased;
                Some(()) = farewell => return,
                () = stop.cancelled(), if leaving.is_none() => {
                    leaving = Some(Instant::now() + FAREWELL);
                    self.step(Input::Release(Successor::Anybody)).await;
                }
                Some(input) = request => {
                    self.request = None;
                    self.step(input).await;
                }
                Some(ask) = self.asks.recv() => self.asked(ask, leaving.is_some()).await,
                Some(()) = wake => self.step(Input::Tick).await,
            }
            if leaving.is_some() && self.fence.role() != Role::Holder {
                return;
            }
        }
    }

    async fn asked(&mut self, ask: Ask, is_leaving: bool) {
        match ask {
            Ask::Wish(vote, answer) => {
                self.waiting.entry((vote.place, vote.digest)).or_default().push(answer);
                self.step(Input::Wish(vote)).await;
            }
            Ask::Ready(is_ready) => self.step(Input::Ready(is_ready && !is_leaving)).await,
            Ask::Release => self.step(Input::Release(Successor::Anybody)).await,
        }
    }

    async fn step(&mut self, input: Input) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.wake = None;
        for output in self.fence.step(input, now_ms) {
            self.perform(output).await;
        }
        self.show();
    }

    async fn perform(&mut self, output: Output) {
        match output {
            Output::Read { ticket } => {
                let (store, away) = (Arc::clone(&self.store), Arc::clone(&self.away));
                self.request = Some(
                    async move {
                        let answer = match store.read().await {
                            Ok(Some(found)) => {
                                ReadAnswer::Found { version: found.version, bytes: found.bytes }
                            }
                            Ok(None) => ReadAnswer::Missing,
                            Err(error) => {
                                return failed(
                                    &away,
                                    error,
                                    Input::Read { ticket, answer: ReadAnswer::Away },
                                );
                            }
                        };
                        *away.lock() = None;
                        Input::Read { ticket, answer }
                    }
                    .boxed(),
                );
            }
            Output::Swap { ticket, expected, record } => {
                let (store, away) = (Arc::clone(&self.store), Arc::clone(&self.away));
                let metrics = Arc::clone(&self.metrics);
                self.request = Some(
                    async move {
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
                                return failed(&away, error, Input::Swapped { ticket, answer });
                            }
                        };
                        *away.lock() = None;
                        Input::Swapped { ticket, answer }
                    }
                    .boxed(),
                );
            }
            Output::Granted { place, digest } => self.answer((place, digest), &Ok(())),
            Output::Refused { place, digest, why } => self.answer((place, digest), &Err(why)),
            Output::Held { record } => {
                tracing::info!(epoch = record.epoch, place = %record.place, "this node holds the identity");
                self.lost = None;
                let _ = self.changes.send(Change::Held(record)).await;
            }
            Output::Lost(loss) => {
                tracing::warn!(%loss, "the identity was taken over");
                self.lost = matches!(loss, fence::Loss::Twin { .. } | fence::Loss::Copied { .. })
                    .then(|| loss.to_string());
                let _ = self.changes.send(Change::Over).await;
            }
            Output::Released(_) => {
                tracing::info!("the identity is given up");
                let _ = self.changes.send(Change::Over).await;
            }
            Output::Stopped(stop) => {
                self.faults.report(format!("fence: {stop}"));
                let _ = self.changes.send(Change::Over).await;
            }
            Output::Resumed => tracing::info!("the fence's record is good again"),
            Output::WaitUntil { at_ms } => self.wake = Some(self.started + Duration::from_millis(at_ms)),
        }
    }

    fn answer(&mut self, slot: (Place, B256), outcome: &Result<(), Refusal>) {
        for answer in self.waiting.remove(&slot).unwrap_or_default() {
            let _ = answer.send(outcome.clone());
        }
    }

    fn show(&self) {
        let record = self.fence.record();
        let view = LeaseView {
            role: self.fence.role(),
            holder: record
                .filter(|record| record.released.is_none())
                .map(|record| record.holder.name.to_string()),
            epoch: record.map_or(0, |record| record.epoch),
            trouble: self.trouble(),
        };
        self.metrics.fence_holder.set(i64::from(view.role == Role::Holder));
        self.metrics.fence_epoch.set(i64::try_from(view.epoch).unwrap_or(i64::MAX));
        self.view.send_if_modified(|seen| {
            let is_new = *seen != view;
            *seen = view;
            is_new
        });
    }

    fn trouble(&self) -> Option<(&'static str, String)> {
        if let Some(stop) = self.fence.stop() {
            return Some((stop.label(), stop.to_string()));
        }
        if let Some(error) = &*self.away.lock() {
            return Some(("store_away", error.to_string()));
        }
        let twin = self.fence.twin().map(|twin| {
            format!("another process under our own name, {twin}, holds the identity: the same manifest or a copy of this disk runs in a second place; or it was this node's own last process, whose lease ends soon")
        });
        self.lost.clone().or(twin).map(|why| ("twin", why))
    }
}

fn failed(away: &parking_lot::Mutex<Option<StoreError>>, error: StoreError, input: Input) -> Input {
    let mut away = away.lock();
    if away.is_none() {
        tracing::warn!(%error, "the fence's store gave no answer");
    }
    *away = Some(error);
    input
}
