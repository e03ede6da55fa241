//! Thresholds, written once: the protocol and the operator's restart policy must not disagree.

/// Quorum of `n` seats: `Q = ceil(2n / 3)`, the smallest set of which any two share an honest seat while at most
/// [`max_faulty`] are faulty. Source: QBFT formal specification, `quorum`.
#[must_use]
pub const fn quorum(n: usize) -> usize {
    // n - floor(n / 3) equals ceil(2n / 3) and cannot overflow.
    n.saturating_sub(n / 3)
}

/// Faulty seats that `n` seats tolerate: `F = floor((n - 1) / 3)`, 0 for no seats.
#[must_use]
pub const fn max_faulty(n: usize) -> usize {
    n.saturating_sub(1) / 3
}

/// Smallest number of seats of which at least one is honest: `F + 1`; a set this large cannot be lying together.
#[must_use]
pub const fn one_honest(n: usize) -> usize {
    max_faulty(n).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::{max_faulty, one_honest, quorum};

    #[test]
    fn quorum_is_two_thirds_rounded_up_for_every_size() {
        for n in 0..=100 {
            assert_eq!(quorum(n), (2 * n).div_ceil(3), "n = {n}");
        }
    }

    #[test]
    fn two_quorums_share_an_honest_seat_for_every_size() {
        for n in 1..=100 {
            assert!(2 * quorum(n) - n > max_faulty(n), "n = {n}");
            assert!(one_honest(n) > max_faulty(n), "n = {n}");
            assert!(n - max_faulty(n) >= quorum(n), "honest seats alone must reach quorum, n = {n}");
        }
    }
}
