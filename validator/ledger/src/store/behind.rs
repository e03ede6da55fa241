//! The state as readers find it: what is in the file, and what waits to be written there.

use super::{
    layer::Layer,
    queue::{Bounds, Queue},
    state::StateStore,
    view::StateView,
};
use crate::{LedgerError, Receipt, execute::block::Executed, store::bulk::Flat};
use alloy_primitives::{Address, TxHash};
use std::sync::Arc;

/// The state file and the queue before it.
pub(crate) struct State {
    pub(crate) file: Arc<StateStore>,
    pub(crate) queue: Arc<Queue>,
}

impl State {
    pub(crate) fn over(file: StateStore, bounds: Bounds) -> Result<Self, LedgerError> {
        let queue = Queue::over(file.view()?, bounds);
        Ok(Self { file: Arc::new(file), queue: Arc::new(queue) })
    }

    /// The newest state.
    pub(crate) fn view(&self) -> StateView {
        self.queue.view()
    }

    /// Waits until another block may be added.
    pub(crate) fn room(&self) -> Result<(), LedgerError> {
        self.queue.room()
    }

    /// Blocks that are not in the file yet.
    pub(crate) fn unwritten(&self) -> usize {
        self.queue.layers().iter().map(|layer| layer.blocks.len()).sum()
    }

    /// Writes what waits and makes all of it survive a crash.
    pub(crate) fn flush(&self) -> Result<(), LedgerError> {
        self.queue.drained()?;
        self.file.flush()
    }

    /// The flat tables once everything that was added before is in them.
    pub(crate) fn flat(&self) -> Result<Flat, LedgerError> {
        self.queue.drained()?;
        self.file.flat()
    }

    pub(crate) fn oldest(&self) -> Result<u64, LedgerError> {
        self.file.oldest()
    }

    pub(crate) fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, LedgerError> {
        match self.waiting(number) {
            Some(executed) => Ok(Some(executed.receipts.to_vec())),
            None => self.file.receipts(number),
        }
    }

    pub(crate) fn senders(&self, number: u64) -> Result<Option<Vec<Address>>, LedgerError> {
        match self.waiting(number) {
            Some(executed) => Ok(Some(executed.senders.to_vec())),
            None => self.file.senders(number),
        }
    }

    /// Block and index of a transaction.
    pub(crate) fn transaction(&self, hash: &TxHash) -> Result<Option<(u64, u32)>, LedgerError> {
        // In this order: what leaves the queue is in the file by then.
        let waiting = self.queue.layers().iter().rev().find_map(|layer| layer.transaction(hash));
        waiting.map_or_else(|| self.file.transaction(hash), |place| Ok(Some(place)))
    }

    fn waiting(&self, number: u64) -> Option<Arc<Executed>> {
        let block = |layer: &Arc<Layer>| layer.block(number).map(Arc::clone);
        self.queue.layers().iter().find_map(block)
    }
}
