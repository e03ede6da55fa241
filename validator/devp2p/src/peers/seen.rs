//! What a peer has shown or been sent, so that it is not sent again.

use alloy_primitives::{B256, Keccak256};
use lru::LruCache;
use std::num::NonZeroUsize;

const CONSENSUS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
const BLOCKS: NonZeroUsize = NonZeroUsize::new(300).unwrap();
const TRANSACTIONS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// Bounded memory of hashes, the least recently touched forgotten first.
pub(crate) struct HashMemory(LruCache<B256, ()>);

impl HashMemory {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self(LruCache::new(capacity))
    }

    /// Remembers a hash; true when it is new.
    pub(crate) fn insert(&mut self, hash: B256) -> bool {
        self.0.put(hash, ()).is_none()
    }

    pub(crate) fn contains(&self, hash: &B256) -> bool {
        self.0.contains(hash)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Memory of one session.
pub(crate) struct Seen {
    pub(crate) consensus: HashMemory,
    pub(crate) blocks: HashMemory,
    pub(crate) transactions: HashMemory,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            consensus: HashMemory::new(CONSENSUS),
            blocks: HashMemory::new(BLOCKS),
            transactions: HashMemory::new(TRANSACTIONS),
        }
    }
}

/// Name of a consensus payload: two ids with the same bytes are two payloads.
pub(crate) fn consensus_hash(code: u8, payload: &[u8]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([code]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::{HashMemory, consensus_hash};
    use alloy_primitives::B256;
    use std::num::NonZeroUsize;

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut memory = HashMemory::new(NonZeroUsize::new(2).unwrap());
        let [a, b, c] = [1, 2, 3].map(B256::repeat_byte);
        assert!(memory.insert(a));
        assert!(!memory.insert(a));
        assert!(memory.insert(b));
        assert!(memory.insert(c));
        assert!(memory.insert(a), "forgotten, since two newer ones came");
    }

    #[test]
    fn the_same_bytes_under_two_ids_are_two_payloads() {
        assert_ne!(consensus_hash(0x13, b"x"), consensus_hash(0x14, b"x"));
    }
}
