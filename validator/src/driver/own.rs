//! What this node said in its current round, for peers that connect in the middle of it.

use alloy_primitives::Bytes;
use devp2p::PeerId;
use std::collections::BTreeMap;

/// Greetings in one round. Anybody can connect again and again, under ever new keys, and a payload may have megabytes;
/// whoever comes later waits for the next re-send.
const GREETINGS: usize = 256;
/// Greetings of one peer in one round: what was under way on a connection is lost with it, and two nodes that find each other
/// again may replace one more than once.
const AGAIN: usize = 4;

/// One payload per kind of message, of one round of one height.
#[derive(Debug, Default)]
pub(super) struct Own {
    place: (u64, u32),
    said: Vec<(u8, Bytes)>,
    greeted: BTreeMap<PeerId, usize>,
}

impl Own {
    /// Notes a payload; those of an earlier round are forgotten.
    pub(super) fn note(&mut self, height: u64, round: u32, code: u8, payload: &Bytes) {
        if self.place != (height, round) {
            self.place = (height, round);
            self.said.clear();
            self.greeted.clear();
        }
        if self.said.iter().all(|(known, _)| *known != code) {
            self.said.push((code, payload.clone()));
        }
    }

    /// What was said in this round, in order, for a peer that has just connected.
    pub(super) fn greeting(&mut self, peer: PeerId, height: u64, round: u32) -> Vec<(u8, Bytes)> {
        let is_spent = self.greeted.values().sum::<usize>() >= GREETINGS;
        if self.place != (height, round) || self.said.is_empty() || is_spent {
            return Vec::new();
        }
        let greetings = self.greeted.entry(peer).or_default();
        if *greetings >= AGAIN {
            return Vec::new();
        }
        *greetings += 1;
        self.said.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_in_the_current_round_is_said_again() {
        let (prepare, commit) = (Bytes::from_static(b"prepare"), Bytes::from_static(b"commit"));
        let mut own = Own::default();
        own.note(5, 0, 0x13, &prepare);
        own.note(5, 0, 0x14, &commit);
        own.note(5, 0, 0x14, &commit);
        let peer = PeerId::repeat_byte(1);
        assert_eq!(own.greeting(peer, 5, 1), []);
        assert_eq!(own.greeting(peer, 5, 0), [(0x13, prepare.clone()), (0x14, commit)]);
        own.note(5, 1, 0x13, &prepare);
        assert_eq!(own.greeting(peer, 5, 0), []);
        assert_eq!(own.greeting(peer, 5, 1), [(0x13, prepare)]);
    }

    #[test]
    fn who_connects_again_and_again_is_told_a_few_times_in_a_round_and_so_are_few_of_many() {
        let mut own = Own::default();
        let said = Bytes::from_static(b"round change");
        let named = |name: usize| PeerId::left_padding_from(&name.to_be_bytes());
        for round in [0, 1] {
            own.note(5, round, 0x15, &said);
            let told = |own: &mut Own, name| !own.greeting(named(name), 5, round).is_empty();
            assert_eq!((0..100).filter(|_| told(&mut own, 0)).count(), AGAIN);
            assert_eq!((0..10_000).filter(|name| told(&mut own, *name)).count(), GREETINGS - AGAIN);
        }
    }
}
