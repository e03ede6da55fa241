//! Payloads that wait for their signature checks: peers take turns, so that none can keep the others' votes waiting.

use super::verify::Incoming;
use devp2p::PeerId;
use std::collections::{BTreeMap, VecDeque};

/// Payloads of one peer that may wait.
pub(super) const PER_PEER: usize = 64;
/// Bytes of all peers that may wait; a single payload always fits.
pub(super) const BYTES: usize = 64 * 1024 * 1024;

/// A queue per peer. As bounded as the number of connections: a peer without payloads has no queue.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Peers with something waiting, next one first.
    turns: VecDeque<PeerId>,
    queues: BTreeMap<PeerId, Queue>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    payloads: VecDeque<Incoming>,
    bytes: usize,
}

impl Waiting {
    /// Takes a payload; how many payloads, this one or others, had to be dropped.
    pub(super) fn push(&mut self, incoming: Incoming) -> u64 {
        let (from, length) = (incoming.from, incoming.payload.len());
        let (held, own_bytes) = self.queues.get(&from).map_or((0, 0), |q| (q.payloads.len(), q.bytes));
        if held >= PER_PEER {
            return 1;
        }
        let mut dropped = 0;
        while self.bytes + length > BYTES {
            // Who holds most gives way: a peer with little waiting is never dropped for one with much.
            let largest = self.queues.iter().max_by_key(|(_, queue)| queue.bytes);
            match largest.map(|(peer, queue)| (*peer, queue.bytes)) {
                Some((peer, bytes)) if bytes > own_bytes + length => self.drop_newest(peer),
                Some(_) => return dropped + 1,
                None => break,
            }
            dropped += 1;
        }
        let queue = self.queues.entry(from).or_default();
        if queue.payloads.is_empty() {
            self.turns.push_back(from);
        }
        queue.bytes += length;
        queue.payloads.push_back(incoming);
        self.bytes += length;
        dropped
    }

    /// The next payload of the peer whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Incoming> {
        let peer = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&peer)?;
        let next = queue.payloads.pop_front()?;
        queue.bytes -= next.payload.len();
        self.bytes -= next.payload.len();
        if queue.payloads.is_empty() {
            self.queues.remove(&peer);
        } else {
            self.turns.push_back(peer);
        }
        Some(next)
    }

    fn drop_newest(&mut self, peer: PeerId) {
        let Some(queue) = self.queues.get_mut(&peer) else { return };
        if let Some(last) = queue.payloads.pop_back() {
            queue.bytes -= last.payload.len();
            self.bytes -= last.payload.len();
        }
        if queue.payloads.is_empty() {
            self.queues.remove(&peer);
            self.turns.retain(|turn| *turn != peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Bytes;

    fn payload(peer: u8, length: usize) -> Incoming {
        Incoming { from: PeerId::repeat_byte(peer), code: 0x13, payload: Bytes::from(vec![peer; length]) }
    }

    #[test]
    fn a_peer_that_floods_loses_its_own_payloads_and_the_others_have_their_turns() {
        let mut waiting = Waiting::default();
        let dropped: u64 = (0..1_000).map(|_| waiting.push(payload(1, 9))).sum();
        assert_eq!(dropped, 1_000 - PER_PEER as u64);
        assert_eq!(waiting.push(payload(2, 9)) + waiting.push(payload(3, 9)), 0);
        let first: Vec<u8> = (0..4).map(|_| waiting.pop().unwrap().from[0]).collect();
        assert_eq!(first, [1, 2, 3, 1]);
        while waiting.pop().is_some() {}
        assert_eq!((waiting.bytes, waiting.queues.len(), waiting.turns.len()), (0, 0, 0));
    }

    #[test]
    fn bytes_are_bounded_and_the_largest_gives_way() {
        let mut waiting = Waiting::default();
        let large = BYTES / 4;
        assert_eq!((0..5).map(|_| waiting.push(payload(1, large))).sum::<u64>(), 1);
        assert_eq!(waiting.push(payload(2, 9)), 1, "one of the flooder's is dropped for it");
        assert!(waiting.bytes <= BYTES);
        let held: Vec<u8> = std::iter::from_fn(|| waiting.pop()).map(|p| p.from[0]).collect();
        assert_eq!(held, [1, 2, 1, 1]);
    }
}
