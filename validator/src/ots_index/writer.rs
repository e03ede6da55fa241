//! The thread that writes the index behind the head.

use super::{
    rows::Rows,
    store::{IndexError, OtsIndex},
};
use ledger::{At, CommittedBlock, Ledger, LedgerError};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Blocks written at once while catching up.
const BATCH_BLOCKS: u64 = 256;
/// Rows after which a batch is written, however few its blocks: about 5 MB.
const BATCH_ROWS: usize = 100_000;
/// At the head the index is made durable every so many blocks; after a power cut the others are indexed again.
const DURABLE_EVERY: u64 = 16;
/// How often a long run says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Pause after a failure, whose cause is outside of the index.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// The running thread; ends once told to stop.
pub struct IndexThread(JoinHandle<()>);

impl IndexThread {
    /// Waits until it has ended.
    pub fn join(self) {
        // Its panic would be in the log already.
        let _ = self.0.join();
    }
}

/// Starts indexing: first what is there, then every block as it comes, until `stop`.
pub fn spawn(
    index: Arc<OtsIndex>,
    ledger: Ledger,
    mut heads: broadcast::Receiver<Arc<CommittedBlock>>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> std::io::Result<IndexThread> {
    let (wake, woken) = sync_channel(1);
    let ends = stop.clone();
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = ends.cancelled() => return,
                head = heads.recv() => match head {
                    // One wake covers every block that has come until then.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => drop(wake.try_send(())),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    });
    let writer = Writer { index, ledger, stop };
    let thread = std::thread::Builder::new().name("ots-index".into()).spawn(move || {
        crate::threads::stand_back();
        writer.run(&woken);
    })?;
    Ok(IndexThread(thread))
}

struct Writer {
    index: Arc<OtsIndex>,
    ledger: Ledger,
    stop: CancellationToken,
}

impl Writer {
    fn run(&self, woken: &Receiver<()>) {
        while !self.stop.is_cancelled() {
            let pause = match self.catch_up() {
                Ok(()) => Duration::MAX,
                Err(error) => {
                    tracing::error!(%error, "index of addresses stands still, trying again in {RETRY_AFTER:?}");
                    RETRY_AFTER
                }
            };
            if !rest(woken, pause) {
                break;
            }
        }
    }

    /// Indexes up to the head.
    fn catch_up(&self) -> Result<(), IndexError> {
        let mut reported = Instant::now();
        loop {
            let next = self.index.next();
            let (from, head) = (self.first(next)?, self.ledger.head().number);
            if from > head || self.stop.is_cancelled() {
                return Ok(());
            }
            let mut rows = Rows { calls_from: (from > next).then_some(from), ..Rows::default() };
            let mut next = from;
            while next <= head
                && next - from < BATCH_BLOCKS
                && rows.len() < BATCH_ROWS
                && !self.stop.is_cancelled()
            {
                rows.add(&self.ledger, next)?;
                next += 1;
            }
            rows.sort();
            let is_durable = next - from > 1 || next.is_multiple_of(DURABLE_EVERY);
            self.index.add(&rows, next, is_durable)?;
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                tracing::info!(block = next - 1, head, "index of addresses is being built");
            }
        }
    }

    /// The first block from `next` on that is here: a node that began with a snapshot has none before that.
    fn first(&self, next: u64) -> Result<u64, IndexError> {
        match self.ledger.body(At::Number(next)) {
            Ok(_) => Ok(next),
            Err(LedgerError::HistoryPruned { earliest, .. }) => Ok(earliest.max(next)),
            Err(error) => Err(IndexError::Chain { block: next, reason: error.to_string() }),
        }
    }
}

/// Waits for the next block, or for as long as a failure asks; false when there will be none.
fn rest(woken: &Receiver<()>, pause: Duration) -> bool {
    if pause == Duration::MAX {
        return woken.recv().is_ok();
    }
    let end = Instant::now() + pause;
    loop {
        match woken.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
