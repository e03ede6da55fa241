//! What peers made of their turns to show blocks, and how long those that did not answer are left alone.

use devp2p::PeerId;
use std::collections::HashMap;

/// Empty turns in a row after which a peer is dropped.
const USELESS: u32 = 3;
/// How long a peer that did not answer is left alone in any case.
const PAUSE_MS: u64 = 1_000;
/// Others are asked instead for a pause, then twice as long each time, so many times: 16 s.
const DOUBLINGS: u32 = 4;

/// How a peer's turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Blocks came.
    Useful,
    /// It claimed more than we have and showed nothing.
    Empty,
    /// It did not answer: its path may be cut, and whether it lives the network finds out.
    Unanswered,
}

/// Whether a peer can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It can.
    Awake,
    /// Only if there is nobody else.
    Resting,
    /// Not yet.
    Paused,
}

#[derive(Debug, Default)]
struct Record {
    empty: u32,
    unanswered: u32,
    asked_ms: u64,
}

/// Turns without use in a row, by connected peer.
#[derive(Debug, Default)]
pub(super) struct Turns(HashMap<PeerId, Record>);

impl Turns {
    /// Notes a turn; true when the peer has told one untruth too many, and then it starts anew.
    pub(super) fn ended(&mut self, peer: PeerId, turn: Turn, now_ms: u64) -> bool {
        if turn == Turn::Useful {
            self.0.remove(&peer);
            return false;
        }
        let record = self.0.entry(peer).or_default();
        if turn == Turn::Unanswered {
            record.unanswered += 1;
            record.asked_ms = now_ms;
            return false;
        }
        record.empty += 1;
        let too_many = record.empty >= USELESS;
        if too_many {
            self.0.remove(&peer);
        }
        too_many
    }

    /// Whether a peer can be asked now.
    pub(super) fn rest(&self, peer: &PeerId, now_ms: u64) -> Rest {
        let Some(Record { unanswered, asked_ms, .. }) = self.0.get(peer).filter(|of| of.unanswered > 0)
        else {
            return Rest::Awake;
        };
        let since = now_ms.saturating_sub(*asked_ms);
        let rest = PAUSE_MS << (unanswered - 1).min(DOUBLINGS);
        if since >= rest {
            Rest::Awake
        } else if since >= PAUSE_MS {
            Rest::Resting
        } else {
            Rest::Paused
        }
    }

    /// A new connection says nothing of the old one's path.
    pub(super) fn connected(&mut self, peer: &PeerId) {
        if let Some(record) = self.0.get_mut(peer) {
            record.unanswered = 0;
        }
    }

    /// Forgets who is gone.
    pub(super) fn keep(&mut self, connected: &[PeerId]) {
        self.0.retain(|known, _| connected.contains(known));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId::repeat_byte(1);

    #[test]
    fn three_empty_turns_in_a_row_are_too_many_and_a_useful_one_clears_them() {
        let mut turns = Turns::default();
        let mut verdicts = |turns_of_peer: &[Turn]| -> Vec<bool> {
            turns_of_peer.iter().map(|turn| turns.ended(PEER, *turn, 0)).collect()
        };
        assert_eq!(verdicts(&[Turn::Empty, Turn::Empty, Turn::Useful]), [false; 3]);
        assert_eq!(verdicts(&[Turn::Empty, Turn::Unanswered, Turn::Empty, Turn::Empty])[3..], [true]);
        assert_eq!(verdicts(&[Turn::Empty, Turn::Empty]), [false; 2]);
        assert!(!turns.ended(PeerId::repeat_byte(2), Turn::Empty, 0));
        turns.keep(&[PeerId::repeat_byte(2)]);
        assert_eq!(turns.0.len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn a_peer_that_never_answers_is_never_dropped_but_rests_longer_each_time() {
        let mut turns = Turns::default();
        for rest in [1_000, 2_000, 4_000, 8_000, 16_000, 16_000] {
            assert!(!turns.ended(PEER, Turn::Unanswered, 100));
            assert_eq!(turns.rest(&PEER, 1_099), Rest::Paused);
            if rest > 1_000 {
                assert_eq!(turns.rest(&PEER, 1_100), Rest::Resting);
                assert_eq!(turns.rest(&PEER, 99 + rest), Rest::Resting);
            }
            assert_eq!(turns.rest(&PEER, 100 + rest), Rest::Awake);
        }
        for _ in 0..100 {
            assert!(!turns.ended(PEER, Turn::Unanswered, 100));
        }
        assert_eq!(turns.rest(&PEER, 16_099), Rest::Resting);
    }

    #[test]
    fn an_answer_or_a_new_connection_ends_the_rest() {
        let mut turns = Turns::default();
        turns.ended(PEER, Turn::Unanswered, 0);
        turns.ended(PEER, Turn::Useful, 0);
        assert_eq!(turns.rest(&PEER, 0), Rest::Awake);
        turns.ended(PEER, Turn::Empty, 0);
        turns.ended(PEER, Turn::Empty, 0);
        turns.ended(PEER, Turn::Unanswered, 0);
        turns.connected(&PEER);
        assert_eq!(turns.rest(&PEER, 0), Rest::Awake);
        assert!(turns.ended(PEER, Turn::Empty, 0), "untruths are not forgotten");
    }
}
