//! What consensus reads from the state after the head.

use crate::{Ledger, LedgerError, Parameters};
use alloy_primitives::Address;

impl Ledger {
    /// The validators of head + 1, ascending.
    pub fn validators(&self) -> Result<Vec<Address>, LedgerError> { todo!() }
    /// The parameters of head + 1.
    pub fn parameters(&self) -> Result<Parameters, LedgerError> { todo!() }
}
