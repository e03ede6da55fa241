//! What every method may use.

use super::{NodeView, RpcLimits, RpcOptions, error::Failure, filters::Filters};
use crate::{ots_index::OtsIndex, pool::Pool, votes::PendingVotes};
use ledger::{CommittedBlock, Ledger};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

/// Shared by all calls.
pub(super) struct Context {
    pub(super) ledger: Ledger,
    pub(super) pool: Pool,
    pub(super) votes: PendingVotes,
    pub(super) node: Arc<dyn NodeView>,
    pub(super) filters: Filters,
    pub(super) limits: RpcLimits,
    pub(super) ots: Option<Arc<OtsIndex>>,
    heads: broadcast::Sender<Arc<CommittedBlock>>,
    lanes: [Lane; 3],
}

/// Threads that may read the ledger at once.
struct Lane {
    most: usize,
    free: Arc<Semaphore>,
}

impl Lane {
    fn new(most: usize) -> Self {
        Self { most, free: Arc::new(Semaphore::new(most)) }
    }
}

/// Lanes as the limits make them: short reads, calls, and what is heavy.
fn lanes(limits: &RpcLimits) -> [usize; 3] {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let or = |configured: u32, default| if configured == 0 { default } else { configured as usize };
    [limits.reads.max(1) as usize, or(limits.call_reads, cores), or(limits.heavy_reads, cores.div_ceil(2))]
}

/// Threads that all lanes together need.
pub(super) fn threads(limits: &RpcLimits) -> usize {
    lanes(limits).iter().sum()
}

/// A permit, waited for at most so long; without patience only one that is there.
pub(super) async fn turn(free: &Arc<Semaphore>, wait: Duration) -> Option<OwnedSemaphorePermit> {
    let waiting = match Arc::clone(free).try_acquire_owned() {
        Ok(permit) => return Some(permit),
        Err(_) if wait.is_zero() => return None,
        Err(_) => Arc::clone(free).acquire_owned(),
    };
    tokio::time::timeout(wait, waiting).await.ok()?.ok()
}

/// How long a read keeps its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// A few look-ups.
    Light,
    /// Runs the EVM once, or a few times.
    Call,
    /// Goes through many blocks, or runs the EVM again and notes down what it does.
    Heavy,
}

/// Who else waits while the task that a call came in on does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// What else goes over its connection.
    Connection,
    /// The other calls of a batch.
    Batch,
}

/// Where a read is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At once, by the thread that serves connections.
    Here,
    /// By a thread that waits for work.
    Elsewhere,
}

/// A read that has to wake a thread waits for a core, and so does its answer: with a block at work twice as long as anything it does.
const fn place(weight: Weight, beside: Beside) -> Place {
    match (weight, beside) {
        (Weight::Light, Beside::Connection) => Place::Here,
        (Weight::Light, Beside::Batch) | (Weight::Call | Weight::Heavy, _) => Place::Elsewhere,
    }
}

impl Context {
    pub(super) fn new(options: RpcOptions) -> Self {
        let RpcOptions { limits, ledger, pool, heads, votes, node, ots, ports: _ } = options;
        Self {
            filters: Filters::new(&limits),
            lanes: lanes(&limits).map(Lane::new),
            ledger,
            pool,
            votes,
            node,
            limits,
            ots,
            heads,
        }
    }

    /// Every block from now on.
    pub(super) fn heads(&self) -> broadcast::Receiver<Arc<CommittedBlock>> {
        self.heads.subscribe()
    }

    /// Chain id of the genesis.
    pub(super) fn chain_id(&self) -> u64 {
        self.ledger.genesis().config.chain_id
    }

    /// Runs a ledger read; so many at once, the others wait, but not for ever.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        weight: Weight,
        beside: Beside,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let wait = Duration::from_secs(self.limits.read_wait_s);
        let [light, call, heavy] = &self.lanes;
        let lane = match weight {
            Weight::Light => light,
            Weight::Call => call,
            Weight::Heavy => heavy,
        };
        let Some(permit) = turn(&lane.free, wait).await else {
            return Err(Failure::busy("reads", lane.most));
        };
        let context = Arc::clone(self);
        let read = move || {
            let answer = caught(|| work(&context));
            drop(permit);
            answer
        };
        match place(weight, beside) {
            Place::Here => read(),
            Place::Elsewhere => tokio::task::spawn_blocking(read).await.unwrap_or(Err(Failure::Internal)),
        }
    }
}

/// A defect in one method ends one call, not the connection.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("rpc: read did not finish");
        Err(Failure::Internal)
    })
}

#[cfg(test)]
mod tests {
    use super::{
        Beside::{Batch, Connection},
        Place::{Elsewhere, Here},
        Weight::{Call, Heavy, Light},
        place,
    };

    #[test]
    fn nothing_that_others_wait_beside_is_run_where_it_came_in_unless_it_is_short() {
        for (weight, beside, want) in [
            (Light, Connection, Here),
            (Light, Batch, Elsewhere),
            (Call, Connection, Elsewhere),
            (Call, Batch, Elsewhere),
            (Heavy, Connection, Elsewhere),
            (Heavy, Batch, Elsewhere),
        ] {
            assert_eq!(place(weight, beside), want, "{weight:?} beside {beside:?}");
        }
    }
}
