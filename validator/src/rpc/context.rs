//! What every method may use.

use super::{NodeView, RpcLimits, RpcOptions, error::Failure, filters::Filters};
use crate::{pool::Pool, votes::PendingVotes};
use ledger::{CommittedBlock, Ledger};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, broadcast};

/// Shared by all calls.
pub(super) struct Context {
    pub(super) ledger: Ledger,
    pub(super) pool: Pool,
    pub(super) votes: PendingVotes,
    pub(super) node: Arc<dyn NodeView>,
    pub(super) filters: Filters,
    pub(super) namespaces: Vec<&'static str>,
    pub(super) limits: RpcLimits,
    heads: broadcast::Receiver<Arc<CommittedBlock>>,
    reads: Arc<Semaphore>,
}

impl Context {
    pub(super) fn new(options: RpcOptions, namespaces: Vec<&'static str>) -> Self {
        let RpcOptions { limits, ledger, pool, heads, votes, node, listen: _, namespaces: _ } = options;
        Self {
            filters: Filters::new(limits.filters, Duration::from_secs(limits.filter_idle_s)),
            reads: Arc::new(Semaphore::new(limits.reads)),
            ledger,
            pool,
            votes,
            node,
            namespaces,
            limits,
            heads,
        }
    }

    /// Every block from now on.
    pub(super) fn heads(&self) -> broadcast::Receiver<Arc<CommittedBlock>> {
        self.heads.resubscribe()
    }

    /// Chain id of the genesis.
    pub(super) fn chain_id(&self) -> u64 {
        self.ledger.genesis().config.chain_id
    }

    /// Runs a ledger read on a blocking thread; so many at once, the others wait, but not for ever.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let wait = Duration::from_secs(self.limits.read_wait_s);
        let permit = tokio::time::timeout(wait, Arc::clone(&self.reads).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            let most = self.limits.reads;
            return Err(Failure::Limit(format!("node is busy with {most} reads, try again")));
        };
        let context = Arc::clone(self);
        let outcome = tokio::task::spawn_blocking(move || {
            let answer = work(&context);
            drop(permit);
            answer
        });
        outcome.await.unwrap_or_else(|error| {
            tracing::error!(%error, "rpc: read did not finish");
            Err(Failure::Internal)
        })
    }
}
