//! Committing a sealed block.

use crate::{Block, CommitError, CommittedBlock, Ledger};
use std::sync::Arc;

impl Ledger {
    /// Checks the seals, executes what was not executed before, makes the block durable, then moves the head. When it
    /// returns the block is on disk and every read sees it.
    pub fn commit(&self, sealed: Block) -> Result<Arc<CommittedBlock>, CommitError> { todo!() }
}
