//! A trie of items by their place, grown by whichever thread is free.

use alloy_primitives::B256;
use alloy_trie::{HashBuilder, Nibbles};
use parking_lot::Mutex;

/// Encoded items in their order.
#[derive(Default)]
pub(super) struct Leaves {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Leaves {
    pub(super) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

/// Items that wait, and the trie of those before them. Taken in that order: trie, then items.
#[derive(Default)]
pub(super) struct Line {
    waiting: Mutex<Vec<Leaves>>,
    trie: Mutex<OrderedTrie>,
}

impl Line {
    pub(super) fn post(&self, leaves: Leaves) {
        self.waiting.lock().push(leaves);
    }

    /// Hashes what waits, unless another thread does. What comes while that one leaves is for the next, or for [`Self::root`].
    pub(super) fn work(&self) {
        if let Some(mut trie) = self.trie.try_lock() {
            self.drain(&mut trie);
        }
    }

    /// The root over everything posted.
    pub(super) fn root(&self) -> B256 {
        let mut trie = self.trie.lock();
        self.drain(&mut trie);
        trie.root()
    }

    fn drain(&self, trie: &mut OrderedTrie) {
        loop {
            let waiting = std::mem::take(&mut *self.waiting.lock());
            if waiting.is_empty() {
                return;
            }
            waiting.iter().flat_map(Leaves::iter).for_each(|leaf| trie.push(leaf));
        }
    }
}

/// The trie under a header's `transactionsRoot` and `receiptsRoot`: key RLP(place), value the item (Yellow Paper, 4.3.2).
/// Keys ascend with places but for place 0, whose key 0x80 follows that of 127.
#[derive(Default)]
struct OrderedTrie {
    builder: HashBuilder,
    /// The item of place 0 until it is its turn.
    first: Option<Vec<u8>>,
    next: usize,
}

impl OrderedTrie {
    fn push(&mut self, item: &[u8]) {
        let place = self.next;
        self.next += 1;
        match place {
            0 => self.first = Some(item.to_vec()),
            1..128 => self.add(place, item),
            _ => {
                self.add_first();
                self.add(place, item);
            }
        }
    }

    fn add_first(&mut self) {
        if let Some(first) = self.first.take() {
            self.add(0, &first);
        }
    }

    fn add(&mut self, place: usize, item: &[u8]) {
        self.builder.add_leaf(Nibbles::unpack(alloy_rlp::encode_fixed_size(&place)), item);
    }

    fn root(&mut self) -> B256 {
        self.add_first();
        self.builder.root()
    }
}
