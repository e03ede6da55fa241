//! Which seats are heard: quorum as product and protocol define it, from what nodes report.

use alloy_primitives::Address;
use chain::{
    quorum::quorum,
    status::{NodeStatus, SeatHeard},
};
use std::collections::BTreeSet;

/// A seat is never called dead sooner than this.
const PATIENCE_MS: u64 = 15_000;

/// The validator set of the next block, as the most advanced node in reach knows it, and who of it is heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Height that it is about.
    pub height: u64,
    /// All seats.
    pub seats: BTreeSet<Address>,
    /// Those that are live: a valid message was heard within the last 2N blocks and within max(2N periods, 15 s).
    pub live: BTreeSet<Address>,
    /// The network has had no time to be heard: it has no block, or fewer than 2N and a node that has just started.
    pub young: bool,
}

impl Hearing {
    /// From the documents of the nodes in reach; `None` when none of them knows the set.
    #[must_use]
    pub fn from_nodes(nodes: &[NodeStatus], block_period_s: u64) -> Option<Self> {
        let best = nodes.iter().filter(|node| !node.seats.is_empty()).max_by_key(|node| node.head.number)?;
        let seats: BTreeSet<_> = best.seats.iter().map(|seat| seat.address).collect();
        let mut live = BTreeSet::new();
        for node in nodes {
            let reach = Reach::new(node, seats.len(), block_period_s);
            live.extend(node.seats.iter().filter(|seat| reach.covers(seat)).map(|seat| seat.address));
        }
        live.retain(|address| seats.contains(address));
        let height = best.head.number;
        let fresh =
            |node: &NodeStatus| Reach::new(node, seats.len(), block_period_s).at_ms <= node.started_ms;
        let young = height == 0 || (height < span_blocks(seats.len()) && nodes.iter().any(fresh));
        Some(Self { height, seats, live, young })
    }

    /// N.
    #[must_use]
    pub fn total(&self) -> usize {
        self.seats.len()
    }

    /// Q = ceil(2N/3).
    #[must_use]
    pub fn quorum(&self) -> usize {
        quorum(self.seats.len())
    }

    /// No quorum is heard, and it is too early to say that there is none.
    #[must_use]
    pub fn starting(&self) -> bool {
        self.young && !self.healthy()
    }

    /// At least Q seats are live: blocks can be made.
    #[must_use]
    pub fn healthy(&self) -> bool {
        !self.seats.is_empty() && self.live.len() >= self.quorum()
    }
}

/// 2N.
fn span_blocks(seats: usize) -> u64 {
    u64::try_from(seats).unwrap_or(u64::MAX).saturating_mul(2)
}

/// How far back a node's hearing counts, by its own head and clock.
struct Reach {
    height: u64,
    at_ms: u64,
}

impl Reach {
    fn new(node: &NodeStatus, seats: usize, block_period_s: u64) -> Self {
        let blocks = span_blocks(seats);
        let span = blocks.saturating_mul(block_period_s).saturating_mul(1000).max(PATIENCE_MS);
        Self { height: node.head.number.saturating_sub(blocks), at_ms: node.now_ms.saturating_sub(span) }
    }

    const fn covers(&self, seat: &SeatHeard) -> bool {
        seat.at_ms > 0 && seat.height >= self.height && seat.at_ms >= self.at_ms
    }
}

#[cfg(test)]
mod tests {
    use super::Hearing;
    use crate::test_support::{HEIGHT, NOW_MS, address, node_status};

    #[test]
    fn a_seat_is_live_within_2n_blocks_and_within_the_longer_of_2n_periods_and_15_s() {
        let hear = |height: u64, at_ms: u64| {
            let mut node = node_status(1, 4, true);
            node.seats[3].height = height;
            node.seats[3].at_ms = at_ms;
            let hearing = Hearing::from_nodes(&[node], 2).expect("seats");
            hearing.live.contains(&address(4))
        };
        assert!(hear(HEIGHT, NOW_MS));
        assert!(hear(HEIGHT - 8, NOW_MS), "2N blocks are 8");
        assert!(!hear(HEIGHT - 9, NOW_MS));
        assert!(hear(HEIGHT, NOW_MS - 16_000), "2N periods are 16 s");
        assert!(!hear(HEIGHT, NOW_MS - 16_001));
        assert!(!hear(0, 0), "never heard");
    }

    #[test]
    fn a_new_network_is_starting_until_it_is_heard_or_its_nodes_have_had_time_or_2n_blocks_are_made() {
        let starting = |height: u64, age_ms: u64, heard: usize| {
            let mut node = node_status(1, 4, true);
            node.head.number = height;
            node.started_ms = NOW_MS - age_ms;
            node.seats.iter_mut().skip(heard).for_each(|seat| seat.at_ms = 0);
            Hearing::from_nodes(&[node], 2).expect("seats").starting()
        };
        assert!(starting(0, 60_000, 0), "no block yet: nothing is lost");
        assert!(starting(3, 1_000, 0));
        assert!(starting(7, 16_000, 2), "2N periods are 16 s");
        assert!(!starting(7, 16_001, 2), "time enough to be heard");
        assert!(!starting(8, 1_000, 0), "2N blocks are 8");
        assert!(!starting(3, 1_000, 3), "a quorum is heard");
    }

    #[test]
    fn one_node_that_hears_a_seat_is_enough_and_the_newest_set_counts() {
        let mut old = node_status(1, 3, true);
        old.head.number = HEIGHT - 1;
        let mut deaf = node_status(2, 4, true);
        deaf.seats.iter_mut().for_each(|seat| seat.at_ms = 0);
        let hearing = Hearing::from_nodes(&[old, deaf], 2).expect("seats");
        assert_eq!((hearing.total(), hearing.live.len(), hearing.quorum()), (4, 3, 3));
        assert!(hearing.healthy());
        assert_eq!(Hearing::from_nodes(&[], 2), None);
    }
}
