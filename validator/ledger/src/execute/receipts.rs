//! Roots and bloom over what a block's transactions left behind.
//!
//! While a block is run its roots are worked out beside it ([`RunningRoots`]): in come transactions with their receipts, in
//! their order; when the last is there nearly all is hashed. What waits is bounded by the block. Nothing in it can fail.

mod line;

use self::line::{Leaves, Line};
use crate::{Receipt, Transaction};
use alloy_consensus::{TxReceipt, proofs};
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bloom};
use std::sync::Arc;

/// The header fields that follow from the transactions and their execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roots {
    pub(crate) transactions: B256,
    pub(crate) receipts: B256,
    pub(crate) logs_bloom: Bloom,
}

/// Transactions handed over at a time: what waking a thread costs is then little beside hashing them.
const BATCH: usize = 64;

/// Both roots and the union of the receipts' blooms, on the calling thread: for reads, which must not take the threads that
/// blocks have.
pub(crate) fn roots(transactions: &[Transaction], receipts: &[Receipt]) -> Roots {
    Roots {
        transactions: proofs::calculate_transaction_root(transactions),
        receipts: proofs::calculate_receipt_root(receipts),
        logs_bloom: receipts.iter().fold(Bloom::ZERO, |all, receipt| all | receipt.bloom()),
    }
}

/// The roots of a block that is being run.
#[derive(Default)]
pub(crate) struct RunningRoots {
    transactions: Half,
    receipts: Half,
    logs_bloom: Bloom,
}

impl RunningRoots {
    /// The next transaction and what it left behind.
    pub(crate) fn push(&mut self, transaction: &Transaction, receipt: &Receipt) {
        self.transactions.push(transaction);
        self.receipts.push(receipt);
        self.logs_bloom |= receipt.bloom();
    }

    /// Whatever is not hashed yet, and the roots.
    pub(crate) fn finish(self) -> Roots {
        let Self { transactions, receipts, logs_bloom } = self;
        let (transactions, receipts) = if transactions.is_short() {
            (transactions.finish(), receipts.finish())
        } else {
            rayon::join(|| transactions.finish(), || receipts.finish())
        };
        Roots { transactions, receipts, logs_bloom }
    }
}

/// One of the two tries, and what was not handed over yet.
#[derive(Default)]
struct Half {
    line: Option<Arc<Line>>,
    leaves: Leaves,
}

impl Half {
    fn push(&mut self, item: &impl Encodable2718) {
        self.leaves.push(|out| item.encode_2718(out));
        if self.leaves.len() >= BATCH {
            let line = self.line.get_or_insert_default();
            line.post(std::mem::take(&mut self.leaves));
            let line = Arc::clone(line);
            rayon::spawn(move || line.work());
        }
    }

    fn is_short(&self) -> bool {
        self.line.is_none()
    }

    fn finish(self) -> B256 {
        let line = self.line.unwrap_or_default();
        line.post(self.leaves);
        line.root()
    }
}

#[cfg(test)]
mod tests;
