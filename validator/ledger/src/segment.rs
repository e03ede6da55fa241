//! Committing many sealed blocks at once: how a node that is behind catches up.
//!
//! The blocks of a segment are executed in order, over the head, in memory. Seals are checked on every block after which
//! another set of validators holds, on every 1,000th and on the last one; parent hashes carry the rest (ADR 19). Only
//! then is anything written or seen, all of it together. Where a block is refused, those before it stay up to the last
//! that is certified; what nothing certifies leaves nothing behind.

mod vouch;

pub use vouch::Vouched;

use crate::{
    Block, CommitError, CommittedBlock, HeadInfo, InvalidBlock, Ledger,
    commit::{check_contents, check_place, check_seals, committed, count_seals},
    execute::{block::Executed, env, senders::senders},
    ledger::{Chain, Head},
    reseat::{reseat_in, undecided},
    store::{layer::Layer, pending::Pending},
    validate::{check_rules, execute_by},
};
use alloy_primitives::{Address, B256, TxHash};
use rayon::prelude::*;
use std::{collections::VecDeque, sync::Arc};

/// Blocks of one segment at most, unless [`crate::Options`] say otherwise: 20 MiB of empty ones, and a second of a slow
/// disk's syncs for each 20,000.
pub const SEGMENT_BLOCKS: usize = 8000;
/// Distance of blocks whose seals are checked in any case.
pub const CERTIFIED_EVERY: u64 = 1000;
/// Blocks per unit of parallel work.
const CHUNK: usize = 32;

/// A block with everything about it that needs no state.
#[derive(Debug)]
pub struct Prepared {
    block: Block,
    hash: B256,
    /// Hash and sender of each transaction, or what is wrong with one.
    signed: Result<(Vec<TxHash>, Vec<Address>), InvalidBlock>,
}

/// Which block ended a segment, and why.
#[derive(Debug, thiserror::Error)]
#[error("block {number}: {source}")]
pub struct SegmentError {
    /// Height.
    pub number: u64,
    /// Why.
    pub source: CommitError,
}

/// What became of a segment.
#[derive(Debug)]
pub struct Segment {
    /// Blocks that are on disk now.
    pub committed: Vec<Arc<CommittedBlock>>,
    /// The first that was not, and why.
    pub refused: Option<SegmentError>,
}

impl Prepared {
    /// The height.
    pub fn number(&self) -> u64 {
        self.block.header.number
    }

    /// The block.
    pub fn into_block(self) -> Block {
        self.block
    }
}

impl Ledger {
    /// Recovers senders and checks that bodies belong to their headers, on all cores and ahead of the blocks' turn. Each
    /// block comes with its on-chain hash.
    pub fn prepare(&self, blocks: Vec<(B256, Block)>) -> Result<Vec<Prepared>, SegmentError> {
        let known = self.chain.known_senders.get().map(AsRef::as_ref);
        let takes_blobs = env::takes_blobs(&self.chain.genesis);
        let prepare = |(hash, block): (B256, Block)| {
            let number = block.header.number;
            check_contents(&self.chain, &block, None).map_err(|source| SegmentError { number, source })?;
            let signed = senders(&block.body.transactions, takes_blobs, known);
            Ok(Prepared { block, hash, signed })
        };
        blocks.into_par_iter().with_min_len(CHUNK).map(prepare).collect()
    }

    /// Commits blocks from the front of the queue, at most [`crate::Options::segment_blocks`], and takes them out. Where one is refused,
    /// those before it are committed up to the last that is certified. When it returns, what it gives back is on disk
    /// and every read sees it. A node that is caught up commits single blocks.
    pub fn commit_segment(&self, blocks: &mut VecDeque<Prepared>) -> Segment {
        self.commit_vouched(blocks, &Vouched::default())
    }

    /// The same where a segment may also end with one of the blocks that are vouched for ([`Ledger::vouch`]).
    pub fn commit_vouched(&self, blocks: &mut VecDeque<Prepared>, vouched: &Vouched) -> Segment {
        let _one_at_a_time = self.chain.committing.lock();
        match run(&self.chain, blocks, vouched) {
            Ok(committed) => Segment { committed, refused: None },
            Err((refused, mut before)) => {
                let committed = run(&self.chain, &mut before, vouched).unwrap_or_default();
                Segment { committed, refused: Some(refused) }
            }
        }
    }
}

/// All of a segment or none; with an error come the certified blocks before the one that it is about.
fn run(
    chain: &Chain,
    blocks: &mut VecDeque<Prepared>,
    vouched: &Vouched,
) -> Result<Vec<Arc<CommittedBlock>>, (SegmentError, VecDeque<Prepared>)> {
    let mut run = Run::on(chain, vouched).map_err(|error| (error, VecDeque::new()))?;
    while let Some(block) = blocks.pop_front() {
        let number = block.number();
        let is_full = run.done.len() + 1 >= chain.options.segment_blocks || blocks.is_empty();
        match run.execute(block, is_full) {
            Ok(true) => break,
            Ok(false) => {}
            Err(source) => return Err((SegmentError { number, source }, run.before())),
        }
    }
    let number = run.parent.info.number;
    run.commit().map_err(|source| (SegmentError { number, source }, VecDeque::new()))
}

/// A segment while its blocks are executed: a head that nobody else sees.
struct Run<'a> {
    chain: &'a Chain,
    vouched: &'a Vouched,
    parent: Head,
    /// The validators that decided `parent`, once it is of this segment.
    decided_by: Arc<[Address]>,
    done: Vec<(Block, Executed)>,
}

impl<'a> Run<'a> {
    fn on(chain: &'a Chain, vouched: &'a Vouched) -> Result<Self, SegmentError> {
        let head = chain.head();
        let number = head.info.number.saturating_add(1);
        // Votes are counted on from the head's: those of blocks that are not written cannot be read again.
        head.validators(chain).map_err(|error| SegmentError { number, source: error.into() })?;
        let parent = Head {
            info: head.info.clone(),
            view: head.view.under(Arc::new(Pending::default())),
            next: head.next.clone(),
            tally: head.tally.clone(),
            sealed: head.sealed.clone(),
        };
        Ok(Self { chain, vouched, parent, decided_by: Arc::new([]), done: Vec::new() })
    }

    /// Nothing carries on from a set to the one that a record names: the last block of the former is certified by itself.
    fn certify_parent(&self, is_reseat: bool) -> Result<(), CommitError> {
        match self.done.last() {
            Some((block, _)) if is_reseat => check_seals(&block.header, &self.decided_by),
            _ => Ok(()),
        }
    }

    /// Executes the next block; true when the segment must end with it. The last one's seals must hold, unless
    /// it is vouched for.
    fn execute(&mut self, block: Prepared, is_last: bool) -> Result<bool, CommitError> {
        let Prepared { block, hash, signed } = block;
        let header = &block.header;
        check_place(&self.parent, header)?;
        let validators = self.parent.validators_of(self.chain, header).map_err(undecided)?;
        let is_reseat = reseat_in(header).is_ok_and(|reseat| reseat.is_some());
        self.certify_parent(is_reseat)?;
        let executed = signed.and_then(|(hashes, senders)| {
            check_rules(self.chain, &self.parent, header)?;
            execute_by(self.chain, &self.parent, &block, hash, (hashes, senders))
        });
        let is_vouched = self.vouched.holds(&hash);
        let mut executed =
            executed.map_err(|reason| refused(&block, hash, is_vouched, &validators, reason))?;
        let info = HeadInfo { number: header.number, hash, header: Arc::new(header.clone()) };
        let mut next = self.next(info, &mut executed)?;
        // A set that cannot be read before this block is written ends the segment.
        let after = if is_last && !is_vouched { None } else { next.validators(self.chain).ok() };
        let ends = is_last || after.is_none();
        let is_carried = after.is_some_and(|after| after == validators) && !is_reseat;
        if is_carried && !header.number.is_multiple_of(CERTIFIED_EVERY) {
            count_seals(header, validators.len())?;
            if !(ends && check_seals(header, &validators).is_ok()) {
                next.sealed = Some(self.parent.sealed.take().unwrap_or_else(|| self.parent.info.clone()));
            }
        } else {
            check_seals(header, &validators)?;
        }
        self.parent = next;
        self.decided_by = validators;
        self.done.push((block, executed));
        Ok(ends)
    }

    /// Of the blocks executed so far those that are certified without the one after them, to be tried by themselves.
    fn before(self) -> VecDeque<Prepared> {
        let certifies = |(block, executed): &(Block, Executed)| {
            self.vouched.holds(&executed.hash) || check_seals(&block.header, &self.decided_by).is_ok()
        };
        let certified = match &self.parent.sealed {
            Some(sealed) if !self.done.last().is_some_and(certifies) => sealed.number,
            _ => u64::MAX,
        };
        let prepared = |(block, executed): (Block, Executed)| Prepared {
            block,
            hash: executed.hash,
            signed: Ok((
                Arc::unwrap_or_clone(executed.transaction_hashes),
                Arc::unwrap_or_clone(executed.senders),
            )),
        };
        let done = self.done.into_iter().filter(|(block, _)| block.header.number <= certified);
        done.map(prepared).collect()
    }

    fn next(&mut self, info: HeadInfo, executed: &mut Executed) -> Result<Head, CommitError> {
        let next = self.chain.carried(&self.parent, &info, &executed.diff);
        let tally = self.chain.next_tally(&self.parent, &info)?;
        // Found by root only: those of a segment that fails are never taken for others.
        drop(self.chain.tries.adopt(&std::mem::take(&mut executed.diff.tries)));
        let mut pending = self.parent.view.take_pending().unwrap_or_default();
        Arc::make_mut(&mut pending).absorb(info.number, info.hash, &mut executed.diff);
        Ok(Head { info, view: self.parent.view.under(pending), next, tally, sealed: None })
    }

    /// Writes the blocks and shows them; their state is written behind them.
    fn commit(mut self) -> Result<Vec<Arc<CommittedBlock>>, CommitError> {
        let pending = self.parent.view.take_pending().unwrap_or_default();
        if self.done.is_empty() {
            return Ok(Vec::new());
        }
        let sealed = self.done.iter().map(|(block, executed)| (&block.header, &block.body, executed.hash));
        self.chain.blocks.append_all(sealed)?;
        // The state of the segment before was written meanwhile.
        self.chain.state.room()?;
        let done = self.done.into_iter().map(|(block, executed)| (block, Arc::new(executed)));
        let done: Vec<_> = done.collect();
        let blocks = done.iter().map(|(block, executed)| (block.header.number, Arc::clone(executed)));
        self.chain.settle(self.parent, Layer::of_segment(blocks.collect(), pending));
        let all =
            done.into_iter().map(|(block, executed)| Arc::new(committed(block, executed.hash, &executed)));
        Ok(all.collect())
    }
}

/// Whose fault it is: a block that a quorum sealed and that is invalid here is ours, any other one its sender's.
fn refused(
    block: &Block,
    hash: B256,
    is_vouched: bool,
    validators: &[Address],
    reason: InvalidBlock,
) -> CommitError {
    let number = block.header.number;
    match reason {
        InvalidBlock::Ledger(error) => CommitError::Ledger(error),
        reason if is_vouched || check_seals(&block.header, validators).is_ok() => {
            CommitError::Diverged { number, hash, reason: Box::new(reason) }
        }
        reason => CommitError::Unsealed { number, hash, reason: Box::new(reason) },
    }
}
