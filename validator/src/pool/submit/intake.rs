//! Submissions of clients: those that wait when a worker is free are admitted together and share a sync of the disk.

use super::batch::{Arrival, Entered};
use crate::pool::{JournalError, Origin, Pool, PoolError, Pooled, Shared, core::Core};
use alloy_primitives::{B256, Bytes, keccak256};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};
use tokio::{runtime::Handle, sync::oneshot};

/// Submissions admitted together, at most: so many that their signatures are half a block's work for one core.
const BATCH: usize = 256;

/// A client's transaction on its way in.
struct Waiting {
    raw: Bytes,
    origin: Origin,
    answer: oneshot::Sender<Result<B256, PoolError>>,
}

/// What waits for a worker; as bounded as the calls that RPC works on at once, each of which waits for its answer.
pub(in crate::pool) struct Intake {
    most_workers: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    workers: usize,
}

impl Intake {
    pub(in crate::pool) fn new(most_workers: usize) -> Self {
        Self { most_workers, queue: Mutex::default() }
    }

    /// Queues a submission; whether another worker is wanted for it.
    fn push(&self, waiting: Waiting) -> bool {
        let mut queue = self.queue.lock();
        queue.waiting.push_back(waiting);
        let wanted = queue.workers < self.most_workers && queue.waiting.len() > queue.workers * BATCH;
        queue.workers += usize::from(wanted);
        wanted
    }

    /// The next batch; none ends the worker.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue.lock();
        if queue.waiting.is_empty() {
            queue.workers -= 1;
            return None;
        }
        let count = queue.waiting.len().min(BATCH);
        Some(queue.waiting.drain(..count).collect())
    }
}

impl Pool {
    /// Waits until the transaction was admitted and is durable.
    pub(super) async fn take_turn(&self, raw: Bytes, origin: Origin) -> Result<B256, PoolError> {
        let (answer, outcome) = oneshot::channel();
        let intake = Arc::clone(&self.shared.intake);
        if intake.push(Waiting { raw, origin, answer }) {
            let pool = Arc::downgrade(&self.shared);
            let runtime = self.shared.runtime.clone().unwrap_or_else(Handle::current);
            runtime.spawn_blocking(move || work(&intake, &pool));
        }
        outcome.await.unwrap_or(Err(PoolError::Stopping))
    }

    /// Admits a batch; whoever waits for it is answered once it is on disk. Takes the pool, which is let go of before the
    /// answers: who has one may close the pool and open it again.
    fn admit_durably(self, batch: Vec<Waiting>) {
        // Room first, so that nobody waits for the disk while the core is locked.
        let slot = match Handle::current().block_on(self.shared.journal.slot()) {
            Ok(slot) => slot,
            Err(error) => {
                for one in batch {
                    drop(one.answer.send(Err(error.clone().into())));
                }
                return;
            }
        };
        let arrival = |raw, origin| Arrival { raw, origin, signer: None };
        let (given, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|one| (arrival(one.raw, one.origin), one.answer)).unzip();
        let (entered, (durable, told, arrivals)) = self.admit_then(given.clone(), |state, entered| {
            // Queued under the lock: a compaction queued later has seen these entries, an earlier one comes first.
            let durable = slot.append(to_keep(&mut state.core, &given, entered));
            self.compact_if_due(&state.core);
            // Once this is on disk, so is everything that came before.
            (durable, state.tell(&entered.fresh, u64::MAX), state.core.arrivals())
        });
        // A task of its own: a client that hangs up now must not leave a transaction here that is never announced.
        tokio::spawn(async move {
            let stored = durable.await.unwrap_or(Err(JournalError::Closed));
            match &stored {
                Ok(()) => {
                    self.is_durable_to(arrivals);
                    self.announce(&told);
                }
                Err(_) => self.discard_all(&entered.fresh),
            }
            drop(self);
            tell(entered.outcomes, answers, &stored);
        });
    }

    fn discard_all(&self, pooled: &[Arc<Pooled>]) {
        let mut state = self.shared.core.lock();
        for pooled in pooled {
            state.core.remove(&pooled.recovered.hash);
        }
    }
}

/// Admits batch after batch until none waits. Between batches it does not keep the pool.
fn work(intake: &Intake, pool: &Weak<Shared>) {
    while let Some(batch) = intake.next() {
        // Whoever waited for a pool that is gone finds its answer's sender gone.
        if let Some(shared) = pool.upgrade() {
            Pool { shared }.admit_durably(batch);
        }
    }
}

/// Tells clients, once the disk has answered.
fn tell(
    outcomes: Vec<Result<B256, PoolError>>,
    answers: Vec<oneshot::Sender<Result<B256, PoolError>>>,
    stored: &Result<(), JournalError>,
) {
    for (outcome, answer) in outcomes.into_iter().zip(answers) {
        let relies_on_disk = matches!(outcome, Ok(_) | Err(PoolError::AlreadyKnown));
        let outcome = match stored {
            Err(error) if relies_on_disk => Err(error.clone().into()),
            _ => outcome,
        };
        // Whoever hung up is not told.
        let _ = answer.send(outcome);
    }
}

/// What the journal must hold before the answers: everything fresh, and what a peer had sent before the client did. That
/// is kept from now on as if it had come from the client.
fn to_keep(core: &mut Core, given: &[Arrival], entered: &Entered) -> Vec<Bytes> {
    let mut keep: Vec<Bytes> = entered.fresh.iter().map(|pooled| pooled.raw.clone()).collect();
    for (Arrival { raw, origin, .. }, outcome) in given.iter().zip(&entered.outcomes) {
        if matches!(outcome, Err(PoolError::AlreadyKnown)) && core.adopt(&keccak256(raw), *origin) {
            keep.push(raw.clone());
        }
    }
    keep
}
