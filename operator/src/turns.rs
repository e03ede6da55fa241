//! Gives everything that waits in a queue its turn: so many at once, each within a deadline.

use crate::clock::steady_ms;
use operator_core::queue::{Outcome, Queue, Urgency};
use std::{
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};

/// A queue that can be waited on.
pub(crate) struct Turns<K> {
    queue: Mutex<Queue<K>>,
    woken: Notify,
}

impl<K: Clone + Eq + Hash + Ord> Default for Turns<K> {
    fn default() -> Self {
        Self { queue: Mutex::default(), woken: Notify::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord + Send + Sync + 'static> Turns<K> {
    fn queue(&self) -> MutexGuard<'_, Queue<K>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a turn at `at`.
    pub(crate) fn wake(&self, key: &K, at: u64, urgency: Urgency) {
        self.queue().wake(key, at, urgency);
        self.woken.notify_one();
    }

    /// Nothing is due for it any more.
    pub(crate) fn forget(&self, key: &K) {
        self.queue().forget(key);
    }

    /// Due and not begun; failing.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let queue = self.queue();
        (queue.waiting(steady_ms()), queue.failing())
    }

    /// The next one, as soon as its time comes; with how late it is in milliseconds.
    async fn next(&self) -> K {
        loop {
            let woken = self.woken.notified();
            let now = steady_ms();
            let (next, at) = {
                let mut queue = self.queue();
                (queue.next(now), queue.next_at())
            };
            if let Some(key) = next {
                return key;
            }
            match at {
                Some(at) => {
                    let wait = Duration::from_millis(at.saturating_sub(now).max(1));
                    let _ = tokio::time::timeout(wait, woken).await;
                }
                None => woken.await,
            }
        }
    }

    /// Gives turns until `stop` is over, then waits for those under way. A turn that overruns the deadline has failed.
    pub(crate) async fn run<F>(
        self: &Arc<Self>,
        at_once: usize,
        deadline: Duration,
        stop: impl Future<Output = ()>,
        turn: impl Fn(K) -> F,
    ) where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(at_once));
        let mut under_way = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot,
                () = &mut stop => break,
            };
            let key = tokio::select! {
                key = self.next() => key,
                () = &mut stop => break,
            };
            let (turns, work) = (self.clone(), turn(key.clone()));
            under_way.spawn(async move {
                let outcome = tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| {
                    tracing::warn!(seconds = deadline.as_secs(), "a pass was cut off at its deadline");
                    Outcome::Failed
                });
                turns.queue().finished(&key, outcome, steady_ms(), rand::random());
                turns.woken.notify_one();
                drop(slot);
            });
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }
}
