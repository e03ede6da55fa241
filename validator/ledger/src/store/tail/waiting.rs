//! Blocks between their decision and the disk: one side adds, one writes, all read.

use crate::{CommittedBlock, LedgerError};
use parking_lot::{Condvar, Mutex};
use std::{collections::VecDeque, sync::Arc};

#[derive(Default)]
pub(super) struct Waiting {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    /// Oldest first; the first is being written.
    blocks: VecDeque<Arc<CommittedBlock>>,
    /// Nothing is added any more.
    closed: bool,
    /// The block that could not be written, and why.
    failed: Option<(u64, String)>,
}

impl Waiting {
    pub(super) fn push(&self, block: Arc<CommittedBlock>) {
        self.inner.lock().blocks.push_back(block);
        self.changed.notify_all();
    }

    /// All of them, oldest first.
    pub(super) fn newest(&self) -> Vec<Arc<CommittedBlock>> {
        self.inner.lock().blocks.iter().cloned().collect()
    }

    /// Returns when the blocks that wait are as wanted; fails if that can never be.
    pub(super) fn until(
        &self,
        is_so: impl Fn(&VecDeque<Arc<CommittedBlock>>) -> bool,
    ) -> Result<(), LedgerError> {
        let mut inner = self.inner.lock();
        loop {
            if let Some((block, reason)) = &inner.failed {
                return Err(LedgerError::BlockUnwritten { block: *block, reason: reason.clone() });
            }
            if is_so(&inner.blocks) {
                return Ok(());
            }
            self.changed.wait(&mut inner);
        }
    }

    /// The oldest, once there is one; none when no more will come. It stays until [`Self::written`].
    pub(super) fn next(&self) -> Option<Arc<CommittedBlock>> {
        let mut inner = self.inner.lock();
        while inner.blocks.is_empty() && !inner.closed {
            self.changed.wait(&mut inner);
        }
        inner.blocks.front().cloned()
    }

    /// The oldest is on disk.
    pub(super) fn written(&self) {
        self.inner.lock().blocks.pop_front();
        self.changed.notify_all();
    }

    /// Nothing will be written any more. What waits can still be read.
    pub(super) fn fail(&self, reason: String) {
        let mut inner = self.inner.lock();
        let block = inner.blocks.front().map(|block| block.block.header.number).unwrap_or_default();
        inner.failed.get_or_insert((block, reason));
        self.changed.notify_all();
    }

    /// Nothing will be added any more.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
        self.changed.notify_all();
    }
}
