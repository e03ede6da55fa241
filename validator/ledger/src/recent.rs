//! Blocks that were read lately, as they were decoded: clients ask for the same new blocks again and again, and for each
//! transaction in them. A block is final, so what is remembered stays true.

use crate::{At, Block, Ledger, LedgerError};
use alloy_primitives::{Address, B256};
use lru::LruCache;
use parking_lot::Mutex;
use std::sync::Arc;

/// Transactions of all remembered blocks, at about 400 bytes each; one block is always remembered.
const TRANSACTIONS: usize = 32_768;
/// What a block counts beside its transactions.
const BLOCK: usize = 16;

/// A block with its hash and the senders of its transactions.
#[derive(Debug)]
pub struct StoredBlock {
    /// Sealed block, verbatim.
    pub block: Block,
    /// On-chain hash.
    pub hash: B256,
    /// Sender of each transaction, in order.
    pub senders: Vec<Address>,
}

impl StoredBlock {
    fn weight(&self) -> usize {
        self.block.body.transactions.len() + BLOCK
    }
}

/// The blocks, by height.
pub(crate) struct Recent(Mutex<Inner>);

struct Inner {
    blocks: LruCache<u64, Arc<StoredBlock>>,
    weight: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self(Mutex::new(Inner { blocks: LruCache::unbounded(), weight: 0 }))
    }
}

impl Recent {
    fn get(&self, number: u64) -> Option<Arc<StoredBlock>> {
        self.0.lock().blocks.get(&number).cloned()
    }

    fn put(&self, number: u64, block: &Arc<StoredBlock>) {
        let mut inner = self.0.lock();
        inner.weight += block.weight();
        let known = inner.blocks.put(number, Arc::clone(block));
        inner.weight -= known.map_or(0, |known| known.weight());
        while inner.weight > TRANSACTIONS && inner.blocks.len() > 1 {
            let oldest = inner.blocks.pop_lru();
            inner.weight -= oldest.map_or(0, |(_, oldest)| oldest.weight());
        }
    }
}

impl Ledger {
    /// A block with all that is stored about it but receipts.
    pub fn stored_block(&self, at: At) -> Result<Option<Arc<StoredBlock>>, LedgerError> {
        let Some(number) = self.whole(at)? else { return Ok(None) };
        if let Some(known) = self.chain.recent.get(number) {
            return Ok(Some(known));
        }
        let (header, body) = (self.chain.blocks.header(number)?, self.chain.blocks.body(number)?);
        let Some(((header, hash), body)) = header.zip(body) else { return Ok(None) };
        let senders = self.chain.state.senders(number)?.unwrap_or_default();
        let found = Arc::new(StoredBlock { block: Block { header, body }, hash, senders });
        self.chain.recent.put(number, &found);
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{Header, SignableTransaction as _, TxEnvelope, TxLegacy};
    use alloy_primitives::Signature;

    fn block(transactions: usize) -> Arc<StoredBlock> {
        let tx = TxEnvelope::from(TxLegacy::default().into_signed(Signature::test_signature()));
        let body = crate::BlockBody { transactions: vec![tx; transactions], ..Default::default() };
        let block = Block { header: Header::default(), body };
        Arc::new(StoredBlock { block, hash: B256::ZERO, senders: Vec::new() })
    }

    #[test]
    fn what_was_read_last_is_remembered_up_to_so_many_transactions() {
        let recent = Recent::default();
        for number in 0..10 {
            recent.put(number, &block(5_000));
            // Read again and again, the first one stays.
            assert!(recent.get(0).is_some());
        }
        let kept: Vec<u64> = (0..10).filter(|number| recent.get(*number).is_some()).collect();
        assert_eq!(kept, [0, 5, 6, 7, 8, 9]);
        recent.put(9, &block(5_000));
        assert_eq!(recent.0.lock().weight, 6 * 5_016, "the same block counts once");
        recent.put(11, &block(40_000));
        assert!(recent.get(11).is_some(), "one block is always remembered");
        assert_eq!(recent.0.lock().blocks.len(), 1);
    }
}
