//! What was announced: at most one for each seat.

use alloy_primitives::Address;
use chain::{announcement::Announcement, enode::Enode, status::Carrier as StatusCarrier};
use devp2p::PeerId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The newest announcement of each seat.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<Address, Announcement>);

/// A seat's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Whose seat.
    pub identity: Address,
    /// Its node.
    pub node_id: PeerId,
    /// Where to dial it.
    pub enode: Option<Enode>,
    /// When it said so, Unix milliseconds.
    pub announced_ms: u64,
}

/// All of them, by identity.
pub type Carriers = Arc<[Carrier]>;

impl Known {
    /// Whether it says more than what is known of its identity.
    pub fn is_newer(&self, said: &Announcement) -> bool {
        self.0.get(&said.identity).is_none_or(|known| known.sequence < said.sequence)
    }

    /// When the identity spoke last.
    pub fn sequence(&self, identity: &Address) -> Option<u64> {
        self.0.get(identity).map(|said| said.sequence)
    }

    /// Keeps an announcement that was checked.
    pub fn keep(&mut self, said: Announcement) {
        self.0.insert(said.identity, said);
    }

    /// Keeps it unless a newer one is known.
    pub fn keep_newer(&mut self, said: Announcement) {
        if self.is_newer(&said) {
            self.keep(said);
        }
    }

    /// Forgets who has no seat; whether there was anybody.
    pub fn retain(&mut self, seats: &BTreeSet<Address>) -> bool {
        let before = self.0.len();
        self.0.retain(|identity, _| seats.contains(identity));
        self.0.len() < before
    }

    /// All that is known.
    pub fn all(&self) -> impl Iterator<Item = &Announcement> {
        self.0.values()
    }

    /// For others to look at.
    pub fn carriers(&self) -> Carriers {
        let carrier = |said: &Announcement| Carrier {
            identity: said.identity,
            node_id: said.node_id,
            enode: said.enode().ok().flatten(),
            announced_ms: said.sequence,
        };
        self.0.values().map(carrier).collect()
    }
}

impl From<&Carrier> for StatusCarrier {
    fn from(carrier: &Carrier) -> Self {
        Self {
            identity: carrier.identity,
            node_id: carrier.node_id,
            enode: carrier.enode.clone(),
            announced_ms: carrier.announced_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(identity: u8, node: u8, sequence: u64) -> Announcement {
        Announcement {
            identity: Address::repeat_byte(identity),
            node_id: PeerId::repeat_byte(node),
            endpoint: String::new(),
            sequence,
            signature: chain::Seal::ZERO,
        }
    }

    #[test]
    fn the_newest_announcement_of_each_seat_is_kept_and_none_of_who_has_no_seat() {
        let mut known = Known::default();
        known.keep(said(1, 1, 10));
        known.keep(said(2, 2, 10));
        assert!(known.is_newer(&said(1, 9, 11)) && !known.is_newer(&said(1, 9, 10)));
        known.keep(said(1, 9, 11));
        let carriers = known.carriers();
        assert_eq!(carriers.iter().map(|one| one.node_id.0[0]).collect::<Vec<_>>(), [9, 2]);
        assert!(known.retain(&BTreeSet::from([Address::repeat_byte(2)])));
        assert!(!known.retain(&BTreeSet::from([Address::repeat_byte(2)])));
        assert_eq!(known.all().count(), 1);
    }
}
