//! The journal on a thread of its own: `fdatasync` may take long, and the driver must not wait for it.

use super::{Inserted, Journal, Record, Refusal};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait; the driver has few votes in flight.
const QUEUE: usize = 64;

enum Request {
    Insert(Record, oneshot::Sender<Result<Inserted, Refusal>>),
    Durable(u64, oneshot::Sender<Result<(), Refusal>>),
    Prune(u64),
    Activate(u64, oneshot::Sender<Result<(), Refusal>>),
    BeginTenure(u64, oneshot::Sender<Result<(), Refusal>>),
}

/// Sends requests to the thread; the thread ends, and unlocks the journal, when the last handle is gone.
#[derive(Clone, Debug)]
pub struct JournalHandle {
    requests: mpsc::Sender<Request>,
}

/// Starts the thread. `durable` returns when the block of a height is on disk: before that nothing above it is voted for, and
/// its own votes are not forgotten, since they hold it. `on_write` is told how long each durable write took.
pub fn spawn(
    mut journal: Journal,
    durable: impl Fn(u64) -> Result<(), String> + Send + 'static,
    on_write: impl Fn(std::time::Duration) + Send + 'static,
) -> std::io::Result<(JournalHandle, std::thread::JoinHandle<()>)> {
    let (requests, mut queue) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new().name("vote-journal".into()).spawn(move || {
        while let Some(request) = queue.blocking_recv() {
            match request {
                Request::Insert(record, answer) => {
                    if let Err(why) = durable(record.height.saturating_sub(1)) {
                        drop(answer.send(Err(Refusal::BlockNotDurable(why))));
                        continue;
                    }
                    let start = Instant::now();
                    let outcome = journal.insert(record);
                    if outcome == Ok(Inserted::New) {
                        on_write(start.elapsed());
                    }
                    let _ = answer.send(outcome);
                }
                Request::Durable(number, answer) => {
                    drop(answer.send(durable(number).map_err(Refusal::BlockNotDurable)));
                }
                // A failure to prune shows at the next insertion.
                Request::Prune(decided) => drop(durable(decided).map(|()| journal.prune(decided))),
                Request::Activate(decided, answer) => {
                    let ready = durable(decided).map_err(Refusal::BlockNotDurable);
                    drop(answer.send(ready.and_then(|()| journal.activate(decided))));
                }
                // The record may be ahead of this node's chain; votes wait for the blocks below them all the same.
                Request::BeginTenure(decided, answer) => drop(answer.send(journal.begin_tenure(decided))),
            }
        }
    })?;
    Ok((JournalHandle { requests }, thread))
}

impl JournalHandle {
    /// [`Journal::insert`].
    pub async fn insert(&self, record: Record) -> Result<Inserted, Refusal> {
        let (answer, outcome) = oneshot::channel();
        self.requests.send(Request::Insert(record, answer)).await.map_err(gone)?;
        outcome.await.map_err(gone)?
    }

    /// Returns when the block of this height is on disk, as an insertion above it would.
    pub async fn durable(&self, number: u64) -> Result<(), Refusal> {
        let (answer, outcome) = oneshot::channel();
        self.requests.send(Request::Durable(number, answer)).await.map_err(gone)?;
        outcome.await.map_err(gone)?
    }

    /// [`Journal::prune`], when there is time; skipped while the queue is full, as a later one does its work.
    pub fn prune(&self, decided: u64) {
        let _ = self.requests.try_send(Request::Prune(decided));
    }

    /// [`Journal::activate`].
    pub async fn activate(&self, decided: u64) -> Result<(), Refusal> {
        let (answer, outcome) = oneshot::channel();
        self.requests.send(Request::Activate(decided, answer)).await.map_err(gone)?;
        outcome.await.map_err(gone)?
    }

    /// [`Journal::begin_tenure`].
    pub async fn begin_tenure(&self, decided: u64) -> Result<(), Refusal> {
        let (answer, outcome) = oneshot::channel();
        self.requests.send(Request::BeginTenure(decided, answer)).await.map_err(gone)?;
        outcome.await.map_err(gone)?
    }
}

fn gone<E>(_: E) -> Refusal {
    Refusal::Broken("its thread has ended".to_string())
}
