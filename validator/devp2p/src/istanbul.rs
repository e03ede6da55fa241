//! `istanbul/100`: QBFT payloads, passed through as received (22 message ids, four in use).

use alloy_primitives::Address;
use std::{ops::RangeInclusive, sync::Arc};

/// In-protocol ids of proposal, prepare, commit and round change.
pub const CONSENSUS_CODES: RangeInclusive<u8> = 0x12..=0x15;

/// Longest consensus payload, bytes.
pub const MAX_CONSENSUS_PAYLOAD: usize = 10 * 1024 * 1024;

/// Which connections consensus payloads go to, among those that speak `istanbul/100`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// All: where p2p keys say nothing of who votes, and nobody takes offence.
    #[default]
    Everybody,
    /// Those whose p2p key has one of these addresses. A GoQuorum node that does not validate drops the connection when it
    /// gets a consensus message, so on its networks nothing else will do.
    Holders(Arc<[Address]>),
}

impl Audience {
    pub(crate) fn includes(&self, address: &Address) -> bool {
        match self {
            Self::Everybody => true,
            Self::Holders(addresses) => addresses.contains(address),
        }
    }
}
