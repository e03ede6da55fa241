//! The transactions of a preview as its parts come in.

use super::Ahead;
use crate::pool::{Pool, Pooled};
use devp2p::own::preview::Preview;
use ledger::Recovered;
use std::{
    cell::Cell,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

/// What the last transactions may need to get here from their own node.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(10);
/// Longest wait for the next part: as long as a builder takes transactions, and some.
const PATIENCE: Duration = Duration::from_millis(700);

/// Hands out transactions in their order, waiting for parts; over early when what was promised does not come.
pub(super) struct Feed<'a> {
    pool: &'a Pool,
    ahead: &'a Ahead,
    parts: &'a Receiver<Preview>,
    height: u64,
    more: Cell<bool>,
    ready: Cell<std::vec::IntoIter<Recovered>>,
    waited: Cell<Duration>,
    failed: Cell<bool>,
}

impl<'a> Feed<'a> {
    pub(super) fn of(
        first: &Preview,
        parts: &'a Receiver<Preview>,
        pool: &'a Pool,
        ahead: &'a Ahead,
    ) -> Option<Self> {
        let feed = Self {
            pool,
            ahead,
            parts,
            height: first.height,
            more: Cell::new(first.more),
            ready: Cell::default(),
            waited: Cell::default(),
            failed: Cell::default(),
        };
        feed.take(first).then_some(feed)
    }

    /// The next one; none after the last, and when the rest does not come.
    pub(super) fn next(&self) -> Option<Recovered> {
        loop {
            let mut ready = self.ready.take();
            let next = ready.next();
            self.ready.set(ready);
            if next.is_some() || !self.more.get() {
                return next;
            }
            let part = self.part();
            if !part.is_some_and(|part| self.take(&part)) {
                self.failed.set(true);
                return None;
            }
        }
    }

    /// Whether what came is not all, or took longer to run than it may.
    pub(super) fn is_over(&self, began: Instant, budget: Duration) -> bool {
        self.failed.get() || began.elapsed().saturating_sub(self.waited.get()) > budget
    }

    fn part(&self) -> Option<Preview> {
        let since = Instant::now();
        let part = loop {
            match self.parts.try_recv() {
                Ok(part) => break Some(part),
                Err(TryRecvError::Disconnected) => break None,
                Err(TryRecvError::Empty) => {}
            }
            if self.ahead.is_late(self.height) || since.elapsed() > PATIENCE {
                break None;
            }
            match self.parts.recv_timeout(PAUSE) {
                Ok(part) => break Some(part),
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        self.waited.set(self.waited.get() + since.elapsed());
        part
    }

    /// All of the transactions named, perhaps after some waiting for the last of them.
    fn take(&self, part: &Preview) -> bool {
        let since = Instant::now();
        let found = self.find(part);
        self.waited.set(self.waited.get() + since.elapsed());
        self.more.set(part.more);
        let is_found = found.is_some();
        self.ready.set(found.unwrap_or_default().into_iter());
        is_found
    }

    fn find(&self, part: &Preview) -> Option<Vec<Recovered>> {
        for tries in 0..TRIES {
            if tries > 0 {
                std::thread::sleep(PAUSE);
            }
            if self.ahead.is_late(self.height) {
                return None;
            }
            let all = self.pool.all();
            let found =
                part.find::<Arc<Pooled>>(|each| all.iter().for_each(|one| each(&one.recovered.hash, one)));
            if let Some(found) = found {
                return Some(found.into_iter().map(|pooled| pooled.recovered.clone()).collect());
            }
        }
        tracing::debug!(height = self.height, "preview names transactions that are not here");
        None
    }
}
