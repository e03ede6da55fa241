//! Which seats are heard: quorum as product and protocol define it, from what nodes report.

use alloy_primitives::{Address, B256};
use chain::{
    quorum::quorum,
    status::{NodeStatus, SeatHeard},
};
use std::collections::BTreeSet;

/// A seat is never called dead sooner than this.
const PATIENCE_MS: u64 = 15_000;
/// A seat that works is heard at every height: one that missed more than these is not counted on when another is to stop.
pub const PRESENT_BLOCKS: u64 = 4;
/// A node that is up and well for so long, in a network that makes blocks, is not about to vote: something keeps it.
const SETTLES_WITHIN_MS: u64 = 5 * 60_000;
/// Documents of one pass are read within this of each other.
const READ_WITHIN_MS: u64 = 2_000;

/// The validator set of the next block, as the most advanced node in reach knows it, and who of it is heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Height that it is about.
    pub height: u64,
    /// All seats.
    pub seats: BTreeSet<Address>,
    /// Those that are live: a valid message was heard within the last 2N blocks and within max(2N periods, 15 s).
    pub live: BTreeSet<Address>,
    /// Those of the live that were heard within the last [`PRESENT_BLOCKS`]: a stop shows here first.
    pub present: BTreeSet<Address>,
    /// The network has had no time to be heard: it has no block, or fewer than 2N and a node that has just started.
    pub young: bool,
}

impl Hearing {
    /// From the documents of the nodes in reach; `None` when none of them knows the set.
    #[must_use]
    pub fn from_nodes(nodes: &[NodeStatus], block_period_s: u64) -> Option<Self> {
        let best = nodes.iter().filter(|node| !node.seats.is_empty()).max_by_key(|node| node.head.number)?;
        let seats: BTreeSet<_> = best.seats.iter().map(|seat| seat.address).collect();
        let height = best.head.number;
        let (mut live, mut present) = (BTreeSet::new(), BTreeSet::new());
        for node in nodes {
            let reach = Reach::new(node, seats.len(), block_period_s);
            let heard = node.seats.iter().filter(|seat| reach.covers(seat) && seats.contains(&seat.address));
            for seat in heard {
                live.insert(seat.address);
                if seat.height.saturating_add(PRESENT_BLOCKS) >= height {
                    present.insert(seat.address);
                }
            }
        }
        let fresh =
            |node: &NodeStatus| Reach::new(node, seats.len(), block_period_s).at_ms <= node.started_ms;
        let young = height == 0 || (height < span_blocks(seats.len()) && nodes.iter().any(fresh));
        Some(Self { height, seats, live, present, young })
    }

    /// The same without those that are known not to vote, however lately they were heard.
    #[must_use]
    pub fn without(mut self, silent: &BTreeSet<Address>) -> Self {
        self.present.retain(|address| !silent.contains(address));
        self
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

    /// Q = N: every stop of a seat pauses the network.
    #[must_use]
    pub fn needs_all(&self) -> bool {
        self.quorum() == self.total()
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

/// The set as the most advanced node of this chain that has caught up knows it. One that has not tells of an older set: its word is no
/// proof that a seat is not held.
#[must_use]
pub fn seats_for_sure(nodes: &[NodeStatus], genesis: B256) -> Option<BTreeSet<Address>> {
    let caught_up = nodes.iter().filter(|node| node.ready && node.genesis_hash == genesis);
    let best = caught_up.filter(|node| !node.seats.is_empty()).max_by_key(|node| node.head.number)?;
    Some(best.seats.iter().map(|seat| seat.address).collect())
}

/// Seats of ours that no node in reach holds ready and voting.
#[must_use]
pub fn silent(own: &BTreeSet<Address>, hearing: &Hearing, nodes: &[NodeStatus]) -> BTreeSet<Address> {
    let voting: BTreeSet<_> =
        nodes.iter().filter(|node| node.ready).filter_map(|node| voter(node, nodes)).collect();
    hearing.seats.iter().filter(|seat| own.contains(*seat) && !voting.contains(*seat)).copied().collect()
}

/// Seats of ours whose node is up and caught up, has nothing to complain of, and has not yet been heard since it started:
/// it is about to vote, and until then another stop would be a second one. Not for ever: see [`unheard`].
#[must_use]
pub fn settling(own: &BTreeSet<Address>, hearing: &Hearing, nodes: &[NodeStatus]) -> BTreeSet<Address> {
    let mut settling = well_and_silent(own, hearing, nodes, |_| true);
    settling.retain(|seat| !unheard(own, hearing, nodes).contains(seat));
    settling
}

/// The same, up for minutes while the others make blocks: their votes are not counted on, and nothing waits for them.
#[must_use]
pub fn unheard(own: &BTreeSet<Address>, hearing: &Hearing, nodes: &[NodeStatus]) -> BTreeSet<Address> {
    let overdue = |node: &NodeStatus| node.now_ms.saturating_sub(node.started_ms) > SETTLES_WITHIN_MS;
    well_and_silent(own, hearing, nodes, |node| hearing.healthy() && overdue(node))
}

fn well_and_silent(
    own: &BTreeSet<Address>,
    hearing: &Hearing,
    nodes: &[NodeStatus],
    which: impl Fn(&NodeStatus) -> bool,
) -> BTreeSet<Address> {
    let silent = silent(own, hearing, nodes);
    let well = nodes.iter().filter(|node| node.ready && node.faults.is_empty() && which(node));
    let identities = well.filter_map(|node| node.identity.as_ref());
    identities
        .filter(|identity| identity.journal.sitting_out.is_none() && silent.contains(&identity.address))
        .map(|identity| identity.address)
        .collect()
}

/// The identity of a node that votes and that another node has heard since it started. Ages are compared, each by one
/// clock, so that clocks need not agree. With no other node in reach its own word counts.
#[must_use]
pub fn voter(node: &NodeStatus, nodes: &[NodeStatus]) -> Option<Address> {
    let identity = node.identity.as_ref().filter(|identity| identity.voting)?;
    let uptime = node.now_ms.saturating_sub(node.started_ms);
    let other = |other: &&NodeStatus| other.identity.as_ref().is_none_or(|id| id.address != identity.address);
    let mut rows = nodes
        .iter()
        .filter(other)
        .filter_map(|other| Some((other, other.seats.iter().find(|seat| seat.address == identity.address)?)))
        .peekable();
    let alone = rows.peek().is_none();
    let heard = rows.any(|(other, seat)| {
        let age = other.now_ms.saturating_sub(seat.at_ms);
        seat.at_ms > 0 && age.saturating_add(READ_WITHIN_MS) < uptime
    });
    (alone || heard).then_some(identity.address)
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
mod tests;
