//! Senders of a foreign block's transactions: asked from the pool, recovered in parallel where it does not know.

use crate::{InvalidBlock, KnownSenders, Transaction};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::{Address, TxHash};
use rayon::prelude::*;

/// Transactions per unit of parallel work: about 2.4 ms of recovery.
const CHUNK: usize = 64;

/// Hash and sender of each transaction, in order. Refuses blob transactions and signatures of nobody.
pub(crate) fn senders(
    transactions: &[Transaction],
    known: Option<&dyn KnownSenders>,
) -> Result<(Vec<TxHash>, Vec<Address>), InvalidBlock> {
    let one = |(index, tx): (usize, &Transaction)| {
        let hash = *tx.tx_hash();
        if tx.is_eip4844() {
            return Err(InvalidBlock::TransactionType { index, hash, ty: 3 });
        }
        let sender = match known.and_then(|known| known.sender(&hash)) {
            Some(sender) => sender,
            None => tx.recover_signer().map_err(|_| InvalidBlock::Sender { index, hash })?,
        };
        Ok((hash, sender))
    };
    let both: Vec<_> =
        transactions.par_iter().enumerate().with_min_len(CHUNK).map(one).collect::<Result<_, _>>()?;
    Ok(both.into_iter().unzip())
}
