//! Validating a proposal.

use crate::{Block, InvalidBlock, Ledger};

impl Ledger {
    /// Whether `block` is a valid next block on the head, seals and the wall clock aside (the caller checks that the
    /// timestamp is not in the future). The execution is kept for `commit`; a block seen before is not run again.
    pub fn validate(&self, block: &Block) -> Result<(), InvalidBlock> { todo!() }
}
