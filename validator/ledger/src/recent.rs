//! Blocks that were read lately and their receipts, as they were decoded: clients ask for the same new blocks again and again,
//! and for each transaction in them. A block is final, so what is remembered stays true.

use crate::{At, Block, Ledger, LedgerError, Receipt};
use alloy_primitives::{Address, B256, Log};
use alloy_rlp::Encodable as _;
use lru::LruCache;
use parking_lot::Mutex;
use std::sync::Arc;

/// What all remembered blocks take, about: 35 of 880 transfers; and all remembered receipts. One of each is always remembered.
const BYTES: usize = 16 << 20;
/// What a block, and each transaction in it, takes beside its encoded bytes.
const BLOCK: usize = 2048;
const TRANSACTION: usize = 384;

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

/// What a remembered value takes of memory, about.
trait Weighed {
    fn weight(&self) -> usize;
}

impl Weighed for StoredBlock {
    fn weight(&self) -> usize {
        self.block.length() + self.block.body.transactions.len() * TRANSACTION + BLOCK
    }
}

impl Weighed for Vec<Receipt> {
    fn weight(&self) -> usize {
        let log = |log: &Log| size_of::<Log>() + size_of_val(log.topics()) + log.data.data.len();
        let logs: usize = self.iter().flat_map(Receipt::logs).map(log).sum();
        logs + size_of_val(self.as_slice()) + BLOCK
    }
}

/// Blocks and receipts, by height.
#[derive(Default)]
pub(crate) struct Recent {
    blocks: Kept<StoredBlock>,
    receipts: Kept<Vec<Receipt>>,
}

struct Kept<T>(Mutex<Inner<T>>);

struct Inner<T> {
    values: LruCache<u64, Arc<T>>,
    weight: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(Inner { values: LruCache::unbounded(), weight: 0 }))
    }
}

impl<T: Weighed> Kept<T> {
    fn get(&self, number: u64) -> Option<Arc<T>> {
        self.0.lock().values.get(&number).cloned()
    }

    fn put(&self, number: u64, value: &Arc<T>) {
        let weight = value.weight();
        let mut inner = self.0.lock();
        inner.weight += weight;
        let known = inner.values.put(number, Arc::clone(value));
        inner.weight -= known.map_or(0, |known| known.weight());
        while inner.weight > BYTES && inner.values.len() > 1 {
            let oldest = inner.values.pop_lru();
            inner.weight -= oldest.map_or(0, |(_, oldest)| oldest.weight());
        }
    }
}

impl Ledger {
    /// A block with all that is stored about it but receipts.
    pub fn stored_block(&self, at: At) -> Result<Option<Arc<StoredBlock>>, LedgerError> {
        let Some(number) = self.whole(at)? else { return Ok(None) };
        if let Some(known) = self.chain.recent.blocks.get(number) {
            return Ok(Some(known));
        }
        let (header, body) = (self.chain.blocks.header(number)?, self.chain.blocks.body(number)?);
        let Some(((header, hash), body)) = header.zip(body) else { return Ok(None) };
        let senders = self.chain.state.senders(number)?.unwrap_or_default();
        let found = Arc::new(StoredBlock { block: Block { header, body }, hash, senders });
        self.chain.recent.blocks.put(number, &found);
        Ok(Some(found))
    }

    /// Receipts of a block that is likely to be asked for again, in order.
    pub fn stored_receipts(&self, at: At) -> Result<Option<Arc<Vec<Receipt>>>, LedgerError> {
        let Some(number) = self.whole(at)? else { return Ok(None) };
        if let Some(known) = self.chain.recent.receipts.get(number) {
            return Ok(Some(known));
        }
        let found = self.chain.state.receipts(number)?.map(Arc::new);
        if let Some(found) = &found {
            self.chain.recent.receipts.put(number, found);
        }
        Ok(found)
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
    fn what_was_read_last_is_remembered_up_to_so_many_bytes() {
        let recent = Kept::default();
        // Five of these fit, six do not.
        let fifth = block(6_500);
        assert!(5 * fifth.weight() <= BYTES && 6 * fifth.weight() > BYTES, "{}", fifth.weight());
        for number in 0..10 {
            recent.put(number, &fifth);
            // Read again and again, the first one stays.
            assert!(recent.get(0).is_some());
        }
        let kept: Vec<u64> = (0..10).filter(|number| recent.get(*number).is_some()).collect();
        assert_eq!(kept, [0, 6, 7, 8, 9]);
        recent.put(9, &fifth);
        assert_eq!(recent.0.lock().weight, 5 * fifth.weight(), "the same block counts once");
        recent.put(11, &block(60_000));
        assert!(recent.get(11).is_some(), "one block is always remembered");
        assert_eq!(recent.0.lock().values.len(), 1);
    }

    #[test]
    fn receipts_weigh_what_their_logs_hold() {
        let receipts = |logs: usize, bytes: usize| {
            let log = Log::new_unchecked(Address::ZERO, vec![B256::ZERO; 2], vec![0; bytes].into());
            let receipt = alloy_consensus::Receipt { logs: vec![log; logs], ..Default::default() };
            let receipt =
                Receipt::Legacy(alloy_consensus::ReceiptWithBloom { receipt, ..Default::default() });
            vec![receipt]
        };
        let none = receipts(0, 0).weight();
        assert_eq!(receipts(3, 1000).weight() - none, 3 * (1000 + 64 + size_of::<Log>()));
        let recent = Kept::default();
        for number in 0..4 {
            recent.put(number, &Arc::new(receipts(1, BYTES / 2 - none - 200)));
        }
        let kept: Vec<u64> = (0..4).filter(|number| recent.get(*number).is_some()).collect();
        assert_eq!(kept, [2, 3]);
    }
}
