//! The block file as readers find it: what is on disk, and the newest blocks, which are on their way there.
//!
//! In come decided blocks; they can be read at once, and a thread makes them durable in their order. Nothing is lost by that:
//! a quorum has each of them in its vote journals, where it stays until it is on disk (ADR 5). Bounded: [`MOST`] blocks
//! wait, then an append does. What can fail: a write, after which no block is taken any more and everything stays readable.

mod waiting;

use self::waiting::Waiting;
use super::blocks::BlockStore;
use crate::{BlockBody, CommittedBlock, LedgerError, spent::Clocks};
use alloy_consensus::Header;
use alloy_primitives::B256;
use std::{
    io,
    ops::RangeInclusive,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

/// Blocks that are not on disk yet.
const MOST: usize = 2;

/// Sealed blocks by number, and numbers by hash. Dropping it writes what waits.
pub(crate) struct Blocks {
    file: Arc<BlockStore>,
    waiting: Arc<Waiting>,
    clocks: Arc<Clocks>,
    thread: Option<JoinHandle<()>>,
}

/// Waits for blocks to be on disk.
#[derive(Clone, Default)]
pub(crate) struct Durable(Arc<Waiting>);

impl Durable {
    /// Returns when this block and all before it are on disk, of those that were appended.
    pub(crate) fn wait(&self, number: u64) -> Result<(), LedgerError> {
        self.0.until(|blocks| blocks.front().is_none_or(|first| first.block.header.number > number))
    }

    /// Whether they are now.
    pub(crate) fn is(&self, number: u64) -> bool {
        self.0.newest().iter().all(|block| block.block.header.number > number)
    }
}

impl Blocks {
    pub(crate) fn over(file: BlockStore, clocks: Arc<Clocks>) -> io::Result<Self> {
        let (file, waiting) = (Arc::new(file), Arc::<Waiting>::default());
        let work =
            Work { file: Arc::clone(&file), waiting: Arc::clone(&waiting), clocks: Arc::clone(&clocks) };
        let thread = Builder::new().name("block-writer".to_string()).spawn(move || work.run())?;
        Ok(Self { file, waiting, clocks, thread: Some(thread) })
    }

    pub(crate) fn durable(&self) -> Durable {
        Durable(Arc::clone(&self.waiting))
    }

    /// Appends the next decided block. It can be read when this returns, and is on disk when [`Durable`] says so.
    pub(crate) fn append(&self, block: Arc<CommittedBlock>) -> Result<(), LedgerError> {
        self.waiting.until(|blocks| blocks.len() < MOST)?;
        self.waiting.push(block);
        Ok(())
    }

    /// Appends sealed blocks in their order, all or none; they are on disk when this returns.
    pub(crate) fn append_all<'a>(
        &self,
        blocks: impl IntoIterator<Item = (&'a Header, &'a BlockBody, B256)>,
    ) -> Result<(), LedgerError> {
        self.flush()?;
        self.clocks.block_file.time(|| self.file.append_all(blocks))
    }

    /// Returns when everything is on disk.
    pub(crate) fn flush(&self) -> Result<(), LedgerError> {
        self.durable().wait(u64::MAX)
    }

    /// Number of the newest block.
    pub(crate) fn head(&self) -> Result<u64, LedgerError> {
        let newest = self.waiting.newest().last().map(|block| block.block.header.number);
        newest.map_or_else(|| self.file.head(), Ok)
    }

    /// Number of a block by its hash.
    pub(crate) fn number(&self, hash: &B256) -> Result<Option<u64>, LedgerError> {
        let found = self.waiting.newest().iter().find(|block| block.hash == *hash).cloned();
        found.map_or_else(|| self.file.number(hash), |block| Ok(Some(block.block.header.number)))
    }

    /// On-chain hash of a block.
    pub(crate) fn hash(&self, number: u64) -> Result<Option<B256>, LedgerError> {
        self.find(number).map_or_else(|| self.file.hash(number), |block| Ok(Some(block.hash)))
    }

    /// Header and on-chain hash of a block.
    pub(crate) fn header(&self, number: u64) -> Result<Option<(Header, B256)>, LedgerError> {
        match self.find(number) {
            Some(block) => Ok(Some((block.block.header.clone(), block.hash))),
            None => self.file.header(number),
        }
    }

    /// Headers and on-chain hashes of the blocks of a range that are here, ascending, as they are at this moment.
    pub(crate) fn headers(
        &self,
        numbers: RangeInclusive<u64>,
    ) -> Result<impl Iterator<Item = Result<(Header, B256), LedgerError>> + use<>, LedgerError> {
        let newest = self.waiting.newest();
        // One that gets to disk meanwhile is told once.
        let before = newest.first().map_or(u64::MAX, |first| first.block.header.number);
        let waiting = newest.into_iter().filter({
            let numbers = numbers.clone();
            move |block| numbers.contains(&block.block.header.number)
        });
        let on_disk = *numbers.start()..=(*numbers.end()).min(before.saturating_sub(1));
        let waiting = waiting.map(|block| Ok((block.block.header.clone(), block.hash)));
        Ok(self.file.headers(on_disk)?.chain(waiting))
    }

    /// Body of a block.
    pub(crate) fn body(&self, number: u64) -> Result<Option<BlockBody>, LedgerError> {
        match self.find(number) {
            Some(block) => Ok(Some(block.block.body.clone())),
            None => self.file.body(number),
        }
    }

    /// A block that waits. Asked first: what is not there any more is on disk.
    fn find(&self, number: u64) -> Option<Arc<CommittedBlock>> {
        self.waiting.newest().into_iter().find(|block| block.block.header.number == number)
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.waiting.close();
        // A thread that panicked has said so to whoever waits.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    file: Arc<BlockStore>,
    waiting: Arc<Waiting>,
    clocks: Arc<Clocks>,
}

impl Work {
    fn run(self) {
        let _last_words = Ended(Arc::clone(&self.waiting));
        while let Some(block) = self.waiting.next() {
            let CommittedBlock { block: sealed, hash, .. } = block.as_ref();
            let written =
                self.clocks.block_file.time(|| self.file.append(&sealed.header, &sealed.body, *hash));
            if let Err(error) = written {
                tracing::error!(%error, block = sealed.header.number, "a decided block cannot be written, no more are taken");
                return self.waiting.fail(error.to_string());
            }
            self.waiting.written();
        }
    }
}

/// Whoever waits must not wait for a thread that is gone.
struct Ended(Arc<Waiting>);

impl Drop for Ended {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer panicked".to_string());
        }
    }
}

#[cfg(test)]
mod tests;
