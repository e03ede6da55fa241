//! What this node said in its current round, for peers that connect in the middle of it.

use alloy_primitives::Bytes;

/// One payload per kind of message, of one round of one height.
#[derive(Debug, Default)]
pub(super) struct Own {
    place: (u64, u32),
    said: Vec<(u8, Bytes)>,
}

impl Own {
    /// Notes a payload; those of an earlier round are forgotten.
    pub(super) fn note(&mut self, height: u64, round: u32, code: u8, payload: &Bytes) {
        if self.place != (height, round) {
            self.place = (height, round);
            self.said.clear();
        }
        if self.said.iter().all(|(known, _)| *known != code) {
            self.said.push((code, payload.clone()));
        }
    }

    /// What was said in this round, in order.
    pub(super) fn of(&self, height: u64, round: u32) -> Vec<(u8, Bytes)> {
        if self.place == (height, round) { self.said.clone() } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_in_the_current_round_is_said_again_and_once() {
        let (prepare, commit) = (Bytes::from_static(b"prepare"), Bytes::from_static(b"commit"));
        let mut own = Own::default();
        own.note(5, 0, 0x13, &prepare);
        own.note(5, 0, 0x14, &commit);
        own.note(5, 0, 0x14, &commit);
        assert_eq!(own.of(5, 0), [(0x13, prepare.clone()), (0x14, commit)]);
        assert_eq!(own.of(5, 1), []);
        own.note(5, 1, 0x13, &prepare);
        assert_eq!(own.of(5, 0), []);
        assert_eq!(own.of(5, 1), [(0x13, prepare)]);
    }
}
