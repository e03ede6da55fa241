//! Building the next block.

use crate::{BuildAttributes, Built, Ledger, LedgerError, Recovered};

impl Ledger {
    /// Builds a block on the head from the transactions offered, in their order, until they end, the block is full or
    /// `deadline` says so. The execution is kept for `commit`.
    pub fn build(
        &self,
        attributes: &BuildAttributes,
        transactions: impl FnMut() -> Option<Recovered>,
        deadline: impl Fn() -> bool,
    ) -> Result<Built, LedgerError> { todo!() }
}
