//! What peers may read: the ledger and the pool behind the network's own interface.

use crate::pool::Pool;
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_eips::{BlockHashOrNumber, eip2718::Encodable2718 as _};
use alloy_primitives::{B256, Bytes};
use devp2p::{BlockBody, BlockId, ChainReader, ChainStatus};
use ledger::{At, Ledger, LedgerError};

/// Answers peers.
pub struct LedgerReader {
    /// Blocks.
    pub ledger: Ledger,
    /// Transactions.
    pub pool: Pool,
}

/// A store that fails has its fault reported by whoever writes; a peer gets nothing.
fn found<T>(read: Result<Option<T>, LedgerError>) -> Option<T> {
    match read {
        Ok(found) => found,
        Err(LedgerError::HistoryPruned { .. }) => None,
        Err(error) => {
            tracing::warn!(%error, "cannot answer a peer");
            None
        }
    }
}

impl ChainReader for LedgerReader {
    fn status(&self) -> ChainStatus {
        let head = self.ledger.sealed_head();
        ChainStatus {
            head_number: head.number,
            head_hash: head.hash,
            head_timestamp: head.header.timestamp,
            earliest: self.ledger.earliest_block(),
            total_difficulty: self.ledger.total_difficulty(head.number),
        }
    }

    fn headers(&self, origin: BlockId, amount: usize, skip: u64, reverse: bool) -> Vec<Header> {
        let at = match origin {
            BlockHashOrNumber::Hash(hash) => At::Hash(hash),
            BlockHashOrNumber::Number(number) => At::Number(number),
        };
        let Some(first) = found(self.ledger.number(at)) else { return Vec::new() };
        let step = skip.saturating_add(1);
        // Whoever fetches blocks checks the last one's seals.
        let last = self.ledger.sealed_head().number;
        let numbers = (0..amount as u64).map_while(|i| {
            let distance = i.checked_mul(step)?;
            if reverse { first.checked_sub(distance) } else { first.checked_add(distance) }
        });
        let mut numbers = numbers.take_while(|number| *number <= last);
        std::iter::from_fn(|| found(self.ledger.header(At::Number(numbers.next()?)))).collect()
    }

    fn bodies(&self, hashes: &[B256]) -> Vec<BlockBody> {
        hashes.iter().filter_map(|hash| found(self.ledger.body(At::Hash(*hash)))).collect()
    }

    fn receipts(&self, hashes: &[B256]) -> Vec<Vec<ReceiptEnvelope>> {
        hashes.iter().filter_map(|hash| found(self.ledger.receipts(At::Hash(*hash)))).collect()
    }

    fn pooled(&self, hashes: &[B256]) -> Vec<Bytes> {
        hashes.iter().filter_map(|hash| self.pool.get(hash)).map(|pooled| pooled.raw.clone()).collect()
    }

    fn each_pooled(&self, each: &mut dyn FnMut(&B256, &Bytes)) {
        for pooled in self.pool.all() {
            each(&pooled.recovered.hash, &pooled.raw);
        }
    }

    fn pooled_hashes(&self) -> Vec<(B256, u8, u32)> {
        // What waits for an earlier nonce is nobody else's to keep: peers are told of it once it is executable.
        let describe = |pooled: std::sync::Arc<crate::pool::Pooled>| {
            let size = u32::try_from(pooled.raw.len()).unwrap_or(u32::MAX);
            (pooled.recovered.hash, pooled.recovered.tx.type_flag().unwrap_or(0), size)
        };
        self.pool.executable().into_iter().map(describe).collect()
    }
}
