//! Ready or not, live or not: pure functions.

use chain::status::SeatHeard;

/// Blocks that a ready node may be behind its peers: one is on its way, one may have been announced just now.
const READY_LAG: u64 = 2;
/// A seat counts as live for at least so long after it was heard.
const LIVE_MS: u64 = 15_000;

/// What readiness is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Own head.
    pub head: u64,
    /// The head of the network as peers claim it: [`judged_head`].
    pub best_peer_head: u64,
    /// Connected peers.
    pub peers: usize,
    /// Whether this node's identity holds the only seat.
    pub sole_seat: bool,
    /// Whether it holds a seat and blocks are made without a word of it since it started: [`is_silent`].
    pub silent: bool,
    /// What stopped this node from taking part, if anything did.
    pub fault: Option<String>,
}

/// The highest head that an honest peer claims, when as many lie as a network of these peers and this node bears: a
/// third. One liar among three peers cannot make a node unready.
pub fn judged_head(claims: impl IntoIterator<Item = u64>) -> u64 {
    let mut claims: Vec<u64> = claims.into_iter().collect();
    claims.sort_unstable_by(|a, b| b.cmp(a));
    claims.get(claims.len() / 3).copied().unwrap_or(0)
}

/// Whether blocks are made without a word of this node's seat: the newest one is young, and the node has sent no message of
/// consensus since it started. What is ready may be counted on: a disruption budget lets the next node go.
pub fn is_silent(own: Option<&SeatHeard>, head_age_ms: u64, period_ms: u64) -> bool {
    own.is_some_and(|seat| seat.at_ms == 0) && head_age_ms < period_ms.saturating_mul(2).max(LIVE_MS)
}

/// Without a fault, caught up with the head that peers claim, with peers unless it is the sole seat, and heard if it holds one.
/// A halted network is not an unready node.
pub fn readiness(standing: &Standing) -> Result<(), String> {
    let Standing { head, best_peer_head, peers, sole_seat, silent, ref fault } = *standing;
    if let Some(fault) = fault {
        return Err(format!("local fault: {fault}"));
    }
    if peers == 0 && !sole_seat {
        return Err("no peers".to_string());
    }
    if head.saturating_add(READY_LAG) < best_peer_head {
        return Err(format!("syncing: head {head}, peers claim {best_peer_head}"));
    }
    if silent {
        return Err("it holds a seat, and has not voted since it started".to_string());
    }
    Ok(())
}

/// Seats heard within the last 2N blocks and within max(2N periods, 15 s) by the clock.
pub fn live_seats(seats: &[SeatHeard], head: u64, period_ms: u64, now_ms: u64) -> usize {
    let span = (seats.len() as u64).saturating_mul(2);
    let recent_ms = span.saturating_mul(period_ms).max(LIVE_MS);
    let is_live = |seat: &&SeatHeard| {
        seat.at_ms > 0
            && seat.height.saturating_add(span) >= head
            && seat.at_ms.saturating_add(recent_ms) >= now_ms
    };
    seats.iter().filter(is_live).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    const READY: Standing =
        Standing { head: 10, best_peer_head: 12, peers: 3, sole_seat: false, silent: false, fault: None };

    #[test]
    fn a_node_with_a_fault_is_not_ready_and_says_why() {
        let reason = readiness(&Standing { fault: Some("disk".into()), ..READY }).unwrap_err();
        assert_eq!(reason, "local fault: disk");
    }

    #[test]
    fn one_lying_peer_of_three_does_not_make_a_node_unready() {
        let table: [(&[u64], u64); 6] = [
            (&[], 0),
            (&[7], 7),
            (&[7, 9], 9),
            (&[12, u64::MAX, 11], 12),
            (&[12, 12, 12, 12, 12], 12),
            (&[u64::MAX, u64::MAX, 5, 5, 5, 5], 5),
        ];
        for (claims, want) in table {
            assert_eq!(judged_head(claims.iter().copied()), want, "{claims:?}");
        }
        let judged = judged_head([12, u64::MAX, 11]);
        assert_eq!(readiness(&Standing { best_peer_head: judged, ..READY }), Ok(()));
    }

    #[test]
    fn a_node_level_with_its_peers_is_ready_even_when_the_chain_stands() {
        assert_eq!(readiness(&READY), Ok(()));
        assert_eq!(readiness(&Standing { best_peer_head: 3, ..READY }), Ok(()));
    }

    #[test]
    fn a_node_behind_says_how_far() {
        let reason = readiness(&Standing { best_peer_head: 13, ..READY }).unwrap_err();
        assert!(reason.contains("10") && reason.contains("13"), "{reason}");
    }

    #[test]
    fn a_node_without_peers_is_ready_only_as_the_sole_seat() {
        let alone = Standing { peers: 0, best_peer_head: 0, ..READY };
        assert!(readiness(&alone).is_err());
        assert_eq!(readiness(&Standing { sole_seat: true, ..alone }), Ok(()));
    }

    #[test]
    fn a_seat_that_has_not_voted_is_not_ready_while_blocks_are_made_and_is_once_they_are_not() {
        let seat = |at_ms| SeatHeard { address: Address::ZERO, height: 0, at_ms };
        assert!(is_silent(Some(&seat(0)), 14_999, 2_000));
        assert!(is_silent(Some(&seat(0)), 59_999, 30_000));
        assert!(!is_silent(Some(&seat(0)), 15_000, 2_000), "the chain stands");
        assert!(!is_silent(Some(&seat(7)), 0, 2_000), "it has voted");
        assert!(!is_silent(None, 0, 2_000), "it holds no seat");
        let reason = readiness(&Standing { silent: true, ..READY }).unwrap_err();
        assert!(reason.contains("voted"), "{reason}");
    }

    #[test]
    fn a_seat_is_live_by_blocks_and_by_the_clock() {
        let seat = |height, at_ms| SeatHeard { address: Address::ZERO, height, at_ms };
        let seats = [seat(100, 99_000), seat(92, 85_000), seat(91, 99_000), seat(100, 83_999), seat(0, 0)];
        // Five seats: 10 blocks and 20 s of 2 s periods.
        assert_eq!(live_seats(&seats, 100, 2_000, 100_000), 4);
        assert_eq!(live_seats(&seats, 102, 2_000, 104_000), 2);
        assert_eq!(live_seats(&[], 100, 2_000, 100_000), 0);
    }
}
