//! The one way a block enters the ledger, whoever brings it: our own consensus, or a peer.
//!
//! One block at a time. First the ledger commits, then the new head is told to the driver, to RPC subscribers and to peers,
//! then the pool forgets what was mined; the next block waits for that. The block itself is durable from the start in the vote
//! journals of the quorum that sealed it, and a little later in the block file (ADR 5).

mod fork;
mod segment;

pub use segment::Fetched;

use crate::{
    faults::Faults,
    metrics::{Metrics, gauge},
    pool::Pool,
};
use alloy_primitives::Address;
use chain::Extra;
use devp2p::Network;
use ledger::{Block, CommitError, CommittedBlock, HeadInfo, Ledger};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio::sync::{Mutex, broadcast, watch};

/// New heads that a slow subscriber may lag behind; each keeps a block with its receipts in memory, 10 MB of them when full.
const BACKLOG: usize = 16;

/// Brings blocks into the ledger and tells everybody; shared by driver and sync.
pub struct Importer {
    ledger: Ledger,
    pool: Pool,
    metrics: Arc<Metrics>,
    faults: Faults,
    own: watch::Receiver<Option<Address>>,
    network: OnceLock<Network>,
    turn: Mutex<()>,
    broken: AtomicBool,
    head: watch::Sender<HeadInfo>,
    committed: broadcast::Sender<Arc<CommittedBlock>>,
}

/// Who brings a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This node finalised it.
    Consensus,
    /// A peer announced it.
    Announced,
    /// Fetched while catching up; peers have it already.
    Fetched,
}

impl Source {
    const fn label(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Announced => "announced",
            Self::Fetched => "fetched",
        }
    }
}

/// How an import ended well.
#[derive(Clone, Debug)]
pub enum Imported {
    /// The block is the new head.
    New(Arc<CommittedBlock>),
    /// Its height was filled before.
    Known,
}

/// Which block did not get in, and why.
#[derive(Debug, thiserror::Error)]
#[error("block {number}: {source}")]
pub struct BlockError {
    /// Height.
    pub number: u64,
    /// Why.
    pub source: ImportError,
}

/// Why a block did not get in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The ledger refused it.
    #[error(transparent)]
    Refused(#[from] CommitError),
    /// An earlier fault stopped all imports.
    #[error("imports have stopped after a local fault; see the faults in the status document")]
    Broken,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

impl ImportError {
    /// Whether the fault is ours, so that no peer may be blamed.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Refused(error) => is_local(error),
            Self::Broken | Self::Stopping => true,
        }
    }
}

fn is_local(error: &CommitError) -> bool {
    matches!(error, CommitError::Diverged { .. } | CommitError::Ledger(_))
}

impl Importer {
    /// Starts at the ledger's head; `own` is the identity whose blocks are counted.
    pub fn new(
        ledger: Ledger,
        pool: Pool,
        metrics: Arc<Metrics>,
        faults: Faults,
        own: watch::Receiver<Option<Address>>,
    ) -> Self {
        let head = ledger.head();
        metrics.head_number.set(gauge(head.number));
        metrics.head_timestamp.set(gauge(head.header.timestamp));
        Self {
            head: watch::Sender::new(head),
            committed: broadcast::Sender::new(BACKLOG),
            network: OnceLock::new(),
            turn: Mutex::new(()),
            broken: AtomicBool::new(false),
            ledger,
            pool,
            metrics,
            faults,
            own,
        }
    }

    /// Peers to announce to; known only once the network, which reads the same ledger, has started.
    pub fn announce_to(&self, network: Network) {
        let _ = self.network.set(network);
    }

    /// The newest head, and every one after it.
    pub fn heads(&self) -> watch::Receiver<HeadInfo> {
        self.head.subscribe()
    }

    /// Every block imported from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CommittedBlock>> {
        self.committed.subscribe()
    }

    /// The sender behind [`Importer::subscribe`], for those who subscribe later.
    pub fn committed_sender(&self) -> broadcast::Sender<Arc<CommittedBlock>> {
        self.committed.clone()
    }

    /// The newest head.
    pub fn head(&self) -> HeadInfo {
        self.head.borrow().clone()
    }

    /// Whether a local fault stopped imports; the node must not vote then.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Commits a sealed block, and tells everybody.
    pub async fn import(&self, sealed: Block, source: Source) -> Result<Imported, ImportError> {
        let _turn = self.turn.lock().await;
        if sealed.header.number <= self.head().number {
            self.watch_for_fork(sealed).await;
            return Ok(Imported::Known);
        }
        if self.is_broken() {
            return Err(ImportError::Broken);
        }
        let committed = self.commit(sealed).await?;
        self.tell(&committed, source);
        self.forget_mined(&committed).await?;
        Ok(Imported::New(committed))
    }

    async fn commit(&self, sealed: Block) -> Result<Arc<CommittedBlock>, ImportError> {
        let ledger = self.ledger.clone();
        let commit = move || {
            let began = Instant::now();
            let committed = ledger.commit(sealed)?;
            tracing::debug!(number = committed.block.header.number, took = ?began.elapsed(), "block committed");
            Ok(committed)
        };
        let outcome = tokio::task::spawn_blocking(commit).await.map_err(|_| ImportError::Stopping)?;
        outcome.map_err(|error| self.refused(error))
    }

    /// Nobody waits for it but the next block: what the pool still has of this one is as little use to a builder as to a reader.
    async fn forget_mined(&self, committed: &Arc<CommittedBlock>) -> Result<(), ImportError> {
        let (pool, committed) = (self.pool.clone(), Arc::clone(committed));
        let forget = move || {
            let began = Instant::now();
            let outcome = pool.on_new_head(&committed);
            tracing::debug!(number = committed.block.header.number, took = ?began.elapsed(), "pool follows");
            outcome
        };
        let outcome = tokio::task::spawn_blocking(forget).await.map_err(|_| ImportError::Stopping)?;
        if let Err(error) = outcome {
            self.faults.report(format!("transaction pool: {error}"));
        }
        Ok(())
    }

    /// Two final blocks at one height break what finality promises: nothing may be voted for or imported any more.
    async fn watch_for_fork(&self, block: Block) {
        let ledger = self.ledger.clone();
        let look = tokio::task::spawn_blocking(move || fork::evidence(&ledger, &block));
        match look.await {
            Ok(Ok(Some(fork))) => {
                self.broken.store(true, Ordering::Release);
                self.faults.report(fork);
            }
            Ok(Err(error)) => self.faults.report(error.to_string()),
            // The same block again; or the node is stopping.
            Ok(Ok(None)) | Err(_) => {}
        }
    }

    fn refused(&self, error: CommitError) -> ImportError {
        if is_local(&error) {
            self.broken.store(true, Ordering::Release);
            self.faults.report(error.to_string());
        }
        error.into()
    }

    fn tell(&self, committed: &Arc<CommittedBlock>, source: Source) {
        let header = &committed.block.header;
        let transactions = committed.block.body.transactions.len();
        self.show(committed);
        let _ = self.committed.send(Arc::clone(committed));
        if let Some(network) = self.network.get() {
            if source != Source::Fetched {
                network.announce_block(&committed.block, self.ledger.total_difficulty(header.number));
            }
            network.head_moved();
        }
        self.metrics.block_imported();
        let round = self.count(committed);
        tracing::info!(
            number = header.number,
            hash = %committed.hash,
            transactions,
            gas = header.gas_used,
            round,
            proposer = %header.beneficiary,
            source = source.label(),
            "block"
        );
    }

    /// Makes a block the head that everybody sees.
    fn show(&self, committed: &CommittedBlock) {
        let header = &committed.block.header;
        self.metrics.head_number.set(gauge(header.number));
        self.metrics.head_timestamp.set(gauge(header.timestamp));
        let header = Arc::new(header.clone());
        self.head.send_replace(HeadInfo { number: header.number, hash: committed.hash, header });
    }

    /// Adds a block to the counters; the round it was decided in.
    fn count(&self, committed: &CommittedBlock) -> u32 {
        let header = &committed.block.header;
        let round = Extra::decode_exact(&header.extra_data).map_or(0, |extra| extra.round);
        self.metrics.transactions.inc_by(committed.block.body.transactions.len() as u64);
        self.metrics.gas_used.inc_by(header.gas_used);
        if *self.own.borrow() == Some(header.beneficiary) {
            self.metrics.blocks_proposed.inc();
        }
        if round > 0 {
            self.metrics.round0_missed.inc();
        }
        round
    }
}
