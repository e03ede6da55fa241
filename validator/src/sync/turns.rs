//! What peers made of their turns to show blocks.

use devp2p::PeerId;
use std::collections::HashMap;

/// Turns in a row without use after which a peer is dropped.
const USELESS: u32 = 3;

/// How a peer's turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Blocks came.
    Useful,
    /// It claimed more than we have and showed nothing.
    Empty,
    /// It did not answer.
    Unanswered,
}

/// Useless turns in a row, by connected peer.
#[derive(Debug, Default)]
pub(super) struct Turns(HashMap<PeerId, u32>);

impl Turns {
    /// Counts a turn; true when the peer has used up its last, and then it starts anew.
    pub(super) fn is_one_too_many(&mut self, peer: PeerId, turn: Turn, connected: &[PeerId]) -> bool {
        self.0.retain(|known, _| connected.contains(known));
        if turn == Turn::Useful {
            self.0.remove(&peer);
            return false;
        }
        let useless = self.0.entry(peer).or_default();
        *useless += 1;
        let too_many = *useless >= USELESS;
        if too_many {
            self.0.remove(&peer);
        }
        too_many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_useless_turns_in_a_row_are_too_many_and_a_useful_one_clears_them() {
        let (peer, other) = (PeerId::repeat_byte(1), PeerId::repeat_byte(2));
        let connected = [peer, other];
        let mut turns = Turns::default();
        let mut verdicts = |turns_of_peer: &[Turn]| -> Vec<bool> {
            turns_of_peer.iter().map(|turn| turns.is_one_too_many(peer, *turn, &connected)).collect()
        };
        assert_eq!(verdicts(&[Turn::Empty, Turn::Unanswered, Turn::Useful]), [false; 3]);
        assert_eq!(verdicts(&[Turn::Empty, Turn::Unanswered, Turn::Empty]), [false, false, true]);
        assert_eq!(verdicts(&[Turn::Empty, Turn::Empty]), [false; 2]);
        assert!(!turns.is_one_too_many(other, Turn::Empty, &[other]));
        assert_eq!(turns.0.len(), 1, "who is gone is forgotten");
    }
}
