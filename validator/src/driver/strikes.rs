//! Refused messages of each peer on one height, of the kinds that are its fault.

use crate::metrics::Metrics;
use alloy_primitives::Address;
use devp2p::PeerId;
use qbft::Rejected;
use std::collections::BTreeMap;

/// Strikes of one peer and height before it is dropped.
const STRIKES: u32 = 100;
/// Peers counted at a time, well above the connections of a node.
const PEERS: usize = 1024;

/// Shows the count of second votes from the start: an alarm on it must tell 0 from a name that is gone.
pub(super) fn count_from_zero(metrics: &Metrics) {
    let reason = [("reason", Rejected::Equivocation { author: Address::ZERO }.label())];
    drop(metrics.messages_rejected.get_or_create(&reason));
}

#[derive(Debug, Default)]
pub(super) struct Strikes {
    height: u64,
    counts: BTreeMap<PeerId, u32>,
}

impl Strikes {
    /// Counts one against a peer at this height; true when it is to be dropped.
    pub(super) fn strike(&mut self, peer: PeerId, height: u64) -> bool {
        if self.height != height || self.counts.len() >= PEERS {
            self.counts.clear();
            self.height = height;
        }
        let count = self.counts.entry(peer).or_default();
        *count += 1;
        let over = *count > STRIKES;
        if over {
            self.counts.remove(&peer);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_vote_of_one_seat_is_counted_from_zero() {
        let metrics = Metrics::default();
        count_from_zero(&metrics);
        let text = metrics.render().unwrap();
        assert!(text.contains("quorate_messages_rejected_total{reason=\"equivocation\"} 0\n"), "{text}");
    }

    #[test]
    fn a_peer_is_dropped_for_what_it_did_on_one_height_and_memory_is_bounded() {
        let mut strikes = Strikes::default();
        let peer = PeerId::repeat_byte(1);
        for height in [1, 2] {
            assert_eq!((0..STRIKES).filter(|_| strikes.strike(peer, height)).count(), 0);
        }
        assert!(strikes.strike(peer, 2));
        for name in 0..=PEERS as u64 {
            strikes.strike(PeerId::left_padding_from(&name.to_be_bytes()), 3);
        }
        assert!(strikes.counts.len() <= PEERS);
    }
}
