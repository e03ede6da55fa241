//! What may have been decided stays: long before two blocks of one height are final, somebody has prepared the second
//! although the first may already have had its quorum of COMMITs. This is the induction that QBFT's agreement rests on,
//! checked vote by vote.

use super::Violation;
use alloy_primitives::B256;

/// A PREPARE or COMMIT of an honest node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// Content of the block: its hash, which is the same in every round.
    pub content: B256,
    /// Who.
    pub node: usize,
    /// COMMIT, not PREPARE.
    pub is_commit: bool,
}

/// Votes of honest nodes, of the newest two heights.
#[derive(Debug, Default)]
pub struct Locks {
    cast: Vec<Cast>,
}

impl Locks {
    /// An honest node votes. `enough` COMMITs of honest nodes make a quorum with those that liars can add.
    pub fn on_cast(&mut self, cast: Cast, enough: usize) -> Option<Violation> {
        if self.cast.contains(&cast) {
            return None;
        }
        self.cast.retain(|earlier| earlier.height + 1 >= cast.height);
        self.cast.push(cast);
        let Cast { height, round, content, is_commit, .. } = cast;
        let at = |other: &&Cast| {
            other.height == height && other.is_commit != is_commit && other.content != content
        };
        let others = self.cast.iter().filter(at);
        let broken = if is_commit {
            others.filter(|prepare| prepare.round > round).any(|_| self.commits(&cast) >= enough)
        } else {
            others.filter(|commit| commit.round < round).any(|commit| self.commits(commit) >= enough)
        };
        broken.then_some(Violation::Overridden { height, round })
    }

    fn commits(&self, to: &Cast) -> usize {
        let same = |other: &&Cast| {
            other.is_commit && (other.height, other.round, other.content) == (to.height, to.round, to.content)
        };
        self.cast.iter().filter(same).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(node: usize, round: u32, byte: u8, is_commit: bool) -> Cast {
        Cast { height: 3, round, content: B256::repeat_byte(byte), node, is_commit }
    }

    #[test]
    fn another_block_prepared_after_enough_commits_is_reported_in_either_order() {
        let overridden = |round| Some(Violation::Overridden { height: 3, round });
        let mut locks = Locks::default();
        assert_eq!(locks.on_cast(cast(0, 0, 1, true), 2), None);
        assert_eq!(locks.on_cast(cast(2, 1, 2, false), 2), None, "one commit decides nothing");
        assert_eq!(locks.on_cast(cast(0, 0, 1, true), 2), None, "nor does the same one twice");
        assert_eq!(locks.on_cast(cast(1, 0, 1, true), 2), overridden(0));
        assert_eq!(locks.on_cast(cast(3, 2, 2, false), 2), overridden(2));
    }

    #[test]
    fn the_same_block_in_a_later_round_and_another_in_an_earlier_one_are_no_fault() {
        let mut locks = Locks::default();
        assert_eq!(locks.on_cast(cast(3, 0, 2, false), 2), None);
        for node in [0, 1] {
            assert_eq!(locks.on_cast(cast(node, 1, 1, true), 2), None);
        }
        assert_eq!(locks.on_cast(cast(2, 2, 1, false), 2), None);
        assert_eq!(locks.on_cast(Cast { height: 4, ..cast(2, 2, 9, false) }, 2), None);
    }
}
