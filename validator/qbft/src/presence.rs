//! When each validator was last heard: whom a round can count on, and whether a quorum is there at all.

use crate::config::RESEND_MS;
use alloc::vec::Vec;
use alloy_primitives::Address;

/// So long without a sign a validator that re-sends is missed, milliseconds.
const MISSED_MS: u64 = 3 * RESEND_MS;
/// Times the same ROUND-CHANGE came again, half a [`RESEND_MS`] apart, that show a validator to re-send. Other clients
/// send a message once: their silence says nothing.
const REPEATS: u8 = 3;

#[derive(Clone, Copy, Debug)]
struct Seat {
    author: Address,
    /// Highest height it spoke of.
    height: u64,
    /// When it last spoke of that height.
    at_ms: u64,
    repeats: u8,
    repeated_ms: u64,
}

/// One entry per validator that was heard; bounded by the set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presence(Vec<Seat>);

impl Presence {
    /// Notes a message of a validator, whatever becomes of it.
    pub(crate) fn heard(&mut self, author: Address, height: u64, now_ms: u64) {
        match self.0.iter_mut().find(|seat| seat.author == author) {
            Some(seat) if height < seat.height => {}
            Some(seat) => (seat.height, seat.at_ms) = (height, now_ms),
            None => {
                self.0.push(Seat { author, height, at_ms: now_ms, repeats: 0, repeated_ms: now_ms });
            }
        }
    }

    /// Notes that the same ROUND-CHANGE came again.
    pub(crate) fn repeated(&mut self, author: Address, now_ms: u64) {
        let seat = self.0.iter_mut().find(|seat| seat.author == author);
        if let Some(seat) = seat.filter(|seat| now_ms.saturating_sub(seat.repeated_ms) >= RESEND_MS / 2) {
            (seat.repeats, seat.repeated_ms) = (seat.repeats.saturating_add(1), now_ms);
        }
    }

    /// Forgets who has left the set, and who was seen to re-send.
    pub(crate) fn next_height(&mut self, validators: &[Address]) {
        self.0.retain(|seat| validators.binary_search(&seat.author).is_ok());
        self.0.iter_mut().for_each(|seat| seat.repeats = 0);
    }

    /// Whether the validator spoke of this height or a later one.
    pub(crate) fn has_reached(&self, author: Address, height: u64) -> bool {
        self.of(author).is_some_and(|seat| seat.height >= height)
    }

    /// Whether the validator is missed in `height`, where everybody had reason to speak since `since_ms`: it has not, or
    /// it fell silent although it re-sends.
    pub(crate) fn is_missed(&self, author: Address, height: u64, since_ms: u64, now_ms: u64) -> bool {
        let silent_since = |at_ms: u64| now_ms.saturating_sub(at_ms) >= MISSED_MS;
        match self.of(author).filter(|seat| seat.height >= height) {
            Some(seat) => seat.repeats >= REPEATS && silent_since(seat.at_ms),
            None => silent_since(since_ms),
        }
    }

    fn of(&self, author: Address) -> Option<&Seat> {
        self.0.iter().find(|seat| seat.author == author)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNE: Address = Address::repeat_byte(1);

    #[test]
    fn a_validator_that_sends_once_is_never_missed_and_one_that_resends_is_after_three_seconds() {
        let mut presence = Presence::default();
        presence.heard(ANNE, 5, 10_000);
        assert!(!presence.is_missed(ANNE, 5, 10_000, 99_000));
        for again_ms in [11_000, 11_100, 12_000, 13_000] {
            presence.heard(ANNE, 5, again_ms);
            presence.repeated(ANNE, again_ms);
        }
        assert!(!presence.is_missed(ANNE, 5, 10_000, 15_999));
        assert!(presence.is_missed(ANNE, 5, 10_000, 16_000));
        presence.next_height(&[ANNE]);
        assert!(!presence.is_missed(ANNE, 5, 10_000, 99_000));
    }

    #[test]
    fn who_never_spoke_of_the_height_is_missed_three_seconds_after_everybody_had_reason_to() {
        let mut presence = Presence::default();
        presence.heard(ANNE, 4, 10_000);
        assert!(!presence.is_missed(ANNE, 5, 20_000, 22_999));
        assert!(presence.is_missed(ANNE, 5, 20_000, 23_000));
        assert!(presence.has_reached(ANNE, 4) && !presence.has_reached(ANNE, 5));
    }

    #[test]
    fn a_late_message_of_an_older_height_does_not_count_as_a_sign_of_life() {
        let mut presence = Presence::default();
        presence.heard(ANNE, 5, 10_000);
        for again_ms in [11_000, 12_000, 13_000] {
            presence.repeated(ANNE, again_ms);
        }
        presence.heard(ANNE, 4, 20_000);
        assert!(presence.is_missed(ANNE, 5, 10_000, 20_000));
        presence.next_height(&[]);
        assert!(presence.0.is_empty());
    }

    #[test]
    fn a_validator_has_reached_the_highest_height_it_spoke_of() {
        let mut presence = Presence::default();
        for height in [5, 4, 6, 5] {
            presence.heard(ANNE, height, 10_000);
        }
        assert!(presence.has_reached(ANNE, 6) && !presence.has_reached(ANNE, 7));
    }

    #[test]
    fn copies_that_gossip_brings_within_half_a_second_are_no_resending() {
        let mut presence = Presence::default();
        presence.heard(ANNE, 5, 10_000);
        for copy_ms in [10_100, 10_200, 10_300, 10_499] {
            presence.repeated(ANNE, copy_ms);
        }
        assert!(!presence.is_missed(ANNE, 5, 10_000, 99_000));
    }
}
