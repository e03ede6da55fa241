//! Execution: transactions of one block on the state of its parent, by revm.

pub(crate) mod block;
pub(crate) mod env;
pub(crate) mod overlay;
pub(crate) mod receipts;
mod reseat;
pub(crate) mod rules;
pub(crate) mod senders;
pub(crate) mod system;
