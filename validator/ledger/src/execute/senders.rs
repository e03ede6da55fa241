//! Senders of a foreign block's transactions: asked from the pool, recovered in parallel where it does not know.

use crate::{InvalidBlock, KnownSenders, Transaction};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::{Address, TxHash};
use rayon::prelude::*;

/// Transactions per unit of parallel work: about 2.4 ms of recovery.
const CHUNK: usize = 64;

/// The sender of one transaction, recovered on the calling thread: for reads, which must not take the threads that blocks have.
pub(crate) fn sender(index: usize, tx: &Transaction, takes_blobs: bool) -> Result<Address, InvalidBlock> {
    let hash = hash(index, tx, takes_blobs)?;
    tx.recover_signer().map_err(|_| InvalidBlock::Sender { index, hash })
}

fn hash(index: usize, tx: &Transaction, takes_blobs: bool) -> Result<TxHash, InvalidBlock> {
    let hash = *tx.tx_hash();
    let has_sidecar = tx.as_eip4844().is_some_and(|blob| blob.tx().sidecar().is_some());
    if has_sidecar || (tx.is_eip4844() && !takes_blobs) {
        return Err(InvalidBlock::TransactionType { index, hash, ty: 3 });
    }
    Ok(hash)
}

/// Hash and sender of each transaction, in order. Refuses signatures of nobody, and blob transactions unless the chain
/// takes them; with their blobs they are never in a block.
pub(crate) fn senders(
    transactions: &[Transaction],
    takes_blobs: bool,
    known: Option<&dyn KnownSenders>,
) -> Result<(Vec<TxHash>, Vec<Address>), InvalidBlock> {
    let hash = |(index, tx): (usize, &Transaction)| hash(index, tx, takes_blobs);
    let few = transactions.len() <= CHUNK;
    let all = transactions.par_iter().enumerate().with_min_len(CHUNK);
    let hashes: Vec<TxHash> = if few {
        transactions.iter().enumerate().map(hash).collect::<Result<_, _>>()?
    } else {
        all.clone().map(hash).collect::<Result<_, _>>()?
    };
    let known = known.map_or_else(|| vec![None; hashes.len()], |known| known.senders(&hashes));
    let sender = |((index, tx), known): ((usize, &Transaction), Option<Address>)| match known {
        Some(sender) => Ok(sender),
        None => tx.recover_signer().map_err(|_| InvalidBlock::Sender { index, hash: hashes[index] }),
    };
    let senders: Vec<Address> = if few {
        transactions.iter().enumerate().zip(known).map(sender).collect::<Result<_, _>>()?
    } else {
        all.zip(known).map(sender).collect::<Result<_, _>>()?
    };
    Ok((hashes, senders))
}
