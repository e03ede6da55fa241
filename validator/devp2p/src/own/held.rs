//! Payloads that were passed on without their transactions, for peers that lack some of them.

use super::compact;
use crate::PeerId;
use alloy_primitives::{B256, Bytes};
use std::collections::{BTreeMap, VecDeque};

/// Payloads kept: a height rarely has more than one with transactions, and the next one's comes while the last peers ask.
const PAYLOADS: usize = 3;
/// Answers to one peer about one payload: some of its transactions, then the whole.
const ANSWERS: u8 = 2;
/// Peers that are answered about one payload.
const PEERS: usize = 256;

/// The newest ones.
#[derive(Default)]
pub(crate) struct Held(VecDeque<Entry>);

struct Entry {
    hash: B256,
    code: u8,
    payload: Bytes,
    /// The compressed message that names its transactions.
    message: Bytes,
    answered: BTreeMap<PeerId, u8>,
}

/// What a peer gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The transactions it asked for.
    Given(Vec<Bytes>),
    /// The whole payload.
    Whole(u8, Bytes),
}

impl Held {
    /// The message for a payload that is kept.
    pub(crate) fn message(&self, hash: &B256) -> Option<Bytes> {
        self.0.iter().find(|held| held.hash == *hash).map(|held| held.message.clone())
    }

    /// Keeps a payload, the oldest gives way.
    pub(crate) fn keep(&mut self, hash: B256, code: u8, payload: Bytes, message: Bytes) {
        if self.message(&hash).is_some() {
            return;
        }
        if self.0.len() == PAYLOADS {
            self.0.pop_front();
        }
        self.0.push_back(Entry { hash, code, payload, message, answered: BTreeMap::new() });
    }

    /// Answers a peer, unless it asks for what is not here or too often.
    pub(crate) fn answer(&mut self, peer: PeerId, hash: &B256, places: &[u32]) -> Option<Answer> {
        let held = self.0.iter_mut().find(|held| held.hash == *hash)?;
        if held.answered.len() == PEERS && !held.answered.contains_key(&peer) {
            return None;
        }
        let answers = held.answered.entry(peer).or_default();
        if *answers == ANSWERS {
            return None;
        }
        *answers += 1;
        match compact::at(held.code, &held.payload, places).filter(|_| !places.is_empty()) {
            Some(given) => Some(Answer::Given(given)),
            None => Some(Answer::Whole(held.code, held.payload.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_answered_twice_about_a_payload_and_the_oldest_payload_gives_way() {
        let mut held = Held::default();
        let [a, b, c, d] = [1, 2, 3, 4].map(B256::repeat_byte);
        let bytes = Bytes::from_static;
        for hash in [a, b, c, a] {
            held.keep(hash, 0x12, bytes(b"payload"), bytes(b"message"));
        }
        let peer = PeerId::repeat_byte(1);
        let whole = Some(Answer::Whole(0x12, bytes(b"payload")));
        assert_eq!(held.answer(peer, &a, &[]), whole);
        assert_eq!(held.answer(peer, &a, &[9]), whole, "there is no such place");
        assert_eq!(held.answer(peer, &a, &[]), None, "the third time");
        assert_eq!(held.answer(PeerId::repeat_byte(2), &a, &[]), whole);
        held.keep(d, 0x12, bytes(b"payload"), bytes(b"message"));
        assert_eq!((held.message(&a), held.answer(peer, &a, &[])), (None, None));
        assert_eq!(held.answer(peer, &d, &[]), whole);
    }

    #[test]
    fn so_many_peers_are_answered_and_no_more() {
        let mut held = Held::default();
        held.keep(B256::ZERO, 0x12, Bytes::new(), Bytes::new());
        let asks =
            |number: usize| held.answer(PeerId::left_padding_from(&number.to_be_bytes()), &B256::ZERO, &[]);
        assert_eq!((0..2 * PEERS).filter_map(asks).count(), PEERS);
    }
}
