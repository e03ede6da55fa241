//! Roots and bloom over what a block's transactions left behind.

use crate::{Receipt, Transaction};
use alloy_consensus::{TxReceipt, proofs};
use alloy_primitives::{B256, Bloom};

/// The header fields that follow from the transactions and their execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roots {
    pub(crate) transactions: B256,
    pub(crate) receipts: B256,
    pub(crate) logs_bloom: Bloom,
}

/// Transactions from which on a second thread is worth waking up.
const WORTH_A_THREAD: usize = 16;

/// Both roots, side by side where there is something to do, and the union of the receipts' blooms.
pub(crate) fn roots(transactions: &[Transaction], receipts: &[Receipt]) -> Roots {
    let of_transactions = || proofs::calculate_transaction_root(transactions);
    let of_receipts = || proofs::calculate_receipt_root(receipts);
    let (transactions, receipts_root) = if transactions.len() < WORTH_A_THREAD {
        (of_transactions(), of_receipts())
    } else {
        rayon::join(of_transactions, of_receipts)
    };
    let logs_bloom = receipts.iter().fold(Bloom::ZERO, |all, receipt| all | receipt.bloom());
    Roots { transactions, receipts: receipts_root, logs_bloom }
}
