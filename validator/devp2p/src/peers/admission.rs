//! Who may peer: peers of our own configuration always, then the network's own nodes, then a bounded number of strangers.

use crate::PeerId;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::Address;
use std::{collections::HashSet, sync::Arc};

/// The network's own nodes, and how many others may read beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    /// Nodes that belong to the network.
    pub nodes: Arc<HashSet<PeerId>>,
    /// Strangers that may be connected at once, to read; 0 lets none in.
    pub read_only_slots: u16,
    /// The one contract that strangers' transactions may call: by it a member that was just admitted takes its seats and lists its
    /// nodes, which until then are strangers themselves.
    pub open_contract: Option<Address>,
}

/// What a connection is let in as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Named in our own configuration.
    Static,
    /// A node of the network, or any node while the network names none.
    Member,
    /// Reads blocks; of what it sends only blocks and messages of seats are taken, since they prove themselves.
    Stranger,
}

impl AllowList {
    /// Whether a transaction, in EIP-2718 bytes, is taken of a stranger.
    pub(crate) fn takes_of_strangers(&self, mut raw: &[u8]) -> bool {
        let Some(open) = self.open_contract else { return false };
        TxEnvelope::decode_2718(&mut raw).is_ok_and(|transaction| transaction.to() == Some(open))
    }

    /// The standing of a peer that is not static.
    pub(crate) fn standing(list: Option<&Self>, id: &PeerId) -> Standing {
        if list.is_none_or(|list| list.nodes.contains(id)) { Standing::Member } else { Standing::Stranger }
    }
}
