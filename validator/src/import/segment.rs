//! Many fetched blocks at once: while a node is far behind.

use super::{BlockError, ImportError, Importer, Source};
use alloy_consensus::Header;
use alloy_primitives::B256;
use ledger::{Block, CommittedBlock, Prepared, SegmentError, Vouched};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// A block as it came, and its on-chain hash.
pub type Fetched = (B256, Block);

impl Importer {
    /// Works out what needs no state, so that it may run while blocks before are still being imported.
    pub async fn prepare(&self, blocks: Vec<Fetched>) -> Result<VecDeque<Prepared>, BlockError> {
        let number = blocks.first().map_or(0, |(_, block)| block.header.number);
        let ledger = self.ledger.clone();
        let begun = Instant::now();
        let prepared = tokio::task::spawn_blocking(move || ledger.prepare(blocks)).await;
        self.metrics.synced("prepare", begun.elapsed());
        let prepared = prepared.map_err(|_| BlockError { number, source: ImportError::Stopping })?;
        prepared.map(VecDeque::from).map_err(|error| self.stopped_at(error))
    }

    /// Which of the blocks of these headers, which follow the head, are final by seals of a later one of them.
    pub async fn vouch(&self, headers: Vec<Header>) -> Result<Vouched, BlockError> {
        let number = headers.first().map_or(0, |header| header.number);
        let ledger = self.ledger.clone();
        let vouched = tokio::task::spawn_blocking(move || ledger.vouch(&headers)).await;
        let vouched = vouched.map_err(|_| BlockError { number, source: ImportError::Stopping })?;
        vouched.map_err(|source| BlockError { number, source: self.refused(source) })
    }

    /// Commits blocks that follow each other, segment by segment, and tells everybody of each when it is durable. A segment
    /// ends with a block whose own seals hold, or with one that is vouched for.
    pub async fn import_segments(
        &self,
        mut blocks: VecDeque<Prepared>,
        vouched: &Vouched,
    ) -> Result<(), BlockError> {
        let _turn = self.turn.lock().await;
        let head = self.head().number;
        while let Some(known) = blocks.pop_front_if(|block| block.number() <= head) {
            self.watch_for_fork(known.into_block()).await;
        }
        let number = blocks.front().map_or(head, Prepared::number);
        if self.is_broken() {
            return Err(BlockError { number, source: ImportError::Broken });
        }
        // One block is most often the newest, which may have been executed as a proposal.
        if blocks.len() == 1
            && vouched.is_empty()
            && let Some(block) = blocks.pop_front()
        {
            let committed = self.commit(block.into_block()).await;
            let committed = committed.map_err(|source| BlockError { number, source })?;
            self.tell(&committed, Source::Fetched);
        }
        while !blocks.is_empty() {
            let (ledger, pool, faults) = (self.ledger.clone(), self.pool.clone(), self.faults.clone());
            let vouched = vouched.clone();
            let begun = Instant::now();
            let commit = tokio::task::spawn_blocking(move || {
                let segment = ledger.commit_vouched(&mut blocks, &vouched);
                if let Err(error) = pool.on_new_heads(&segment.committed) {
                    faults.report(format!("transaction pool: {error}"));
                }
                (segment, blocks)
            });
            let (segment, rest) =
                commit.await.map_err(|_| BlockError { number, source: ImportError::Stopping })?;
            self.metrics.synced("commit", begun.elapsed());
            blocks = rest;
            self.tell_all(&segment.committed);
            if let Some(refused) = segment.refused {
                return Err(self.stopped_at(refused));
            }
        }
        Ok(())
    }

    /// Notes time in which there was nothing to import while catching up.
    pub fn waited(&self, time: Duration) {
        self.metrics.synced("wait", time);
    }

    fn stopped_at(&self, error: SegmentError) -> BlockError {
        BlockError { number: error.number, source: self.refused(error.source) }
    }

    fn tell_all(&self, committed: &[Arc<CommittedBlock>]) {
        let (Some(first), Some(last)) = (committed.first(), committed.last()) else { return };
        self.show(last);
        let (mut transactions, mut gas) = (0, 0);
        for block in committed {
            self.count(block);
            transactions += block.block.body.transactions.len();
            gas += block.block.header.gas_used;
            let _ = self.committed.send(Arc::clone(block));
        }
        if let Some(network) = self.network.get() {
            network.head_moved();
        }
        tracing::info!(
            from = first.block.header.number,
            to = last.block.header.number,
            hash = %last.hash,
            transactions,
            gas,
            source = Source::Fetched.label(),
            "blocks"
        );
    }
}
