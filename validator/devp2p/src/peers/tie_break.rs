//! Which of two connections to one peer stays.

use crate::PeerId;

/// True when the newer connection replaces the older one. Of two in opposite directions the one dialled by the lower id
/// stays, of two in one direction the older (Besu's rule): both ends decide alike, whatever order they see.
pub(crate) fn newer_wins(local: &PeerId, remote: &PeerId, older_inbound: bool, newer_inbound: bool) -> bool {
    if older_inbound == newer_inbound {
        return false;
    }
    let dialled_by_remote = newer_inbound;
    dialled_by_remote == (remote < local)
}

#[cfg(test)]
mod tests {
    use super::newer_wins;
    use crate::PeerId;

    #[test]
    fn both_ends_keep_the_connection_of_the_lower_id_in_every_order() {
        let (low, high) = (PeerId::repeat_byte(1), PeerId::repeat_byte(2));
        // The connection dialled by `low` is outbound at `low` and inbound at `high`.
        assert!(newer_wins(&low, &high, true, false), "low: its own dial comes second");
        assert!(!newer_wins(&low, &high, false, true), "low: its own dial came first");
        assert!(newer_wins(&high, &low, false, true), "high: the other's dial comes second");
        assert!(!newer_wins(&high, &low, true, false), "high: the other's dial came first");
    }

    #[test]
    fn of_two_in_one_direction_the_older_stays() {
        let (a, b) = (PeerId::repeat_byte(1), PeerId::repeat_byte(2));
        for inbound in [false, true] {
            assert!(!newer_wins(&a, &b, inbound, inbound));
            assert!(!newer_wins(&b, &a, inbound, inbound));
        }
    }
}
