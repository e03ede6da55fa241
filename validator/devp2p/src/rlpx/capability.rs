//! Which protocols two peers share and which message ids they take.

use super::{hello::Capability, message_id};
use crate::eth::EthVersion;

/// Name and version of the consensus protocol, and how many message ids it takes.
const ISTANBUL: (&str, u64, u8) = ("istanbul", 100, 22);
const ETH: &str = "eth";
/// What nodes of this program say to each other only (see [`crate::own`]).
const OWN: (&str, u64, u8) = ("quorate", 1, 8);

/// Message ids that a protocol takes, if its version is known (devp2p `caps/`; `node-facts` A.5).
const fn length(name: &str, version: u64) -> Option<u8> {
    Some(match (name.as_bytes(), version) {
        (b"eth", 66..=68) => 17,
        (b"eth", 69..=70) => 18,
        (b"eth", 71) => 20,
        (b"istanbul", 100) => ISTANBUL.2,
        (b"snap", 1) => 8,
        (b"quorate", 1) => OWN.2,
        _ => return None,
    })
}

/// First message id of each shared protocol: they follow one another in the order of their names. `None` if one of them is
/// unknown, for then nobody knows where the next one begins.
#[must_use]
pub fn first_ids(shared: &[Capability]) -> Option<Vec<(Capability, u8)>> {
    let mut shared = shared.to_vec();
    shared.sort();
    let mut next = message_id::CAPABILITIES;
    let place = |capability: Capability| {
        let first = next;
        next = next.checked_add(length(&capability.name, capability.version)?)?;
        Some((capability, first))
    };
    shared.into_iter().map(place).collect()
}

/// What two peers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// eth version.
    pub eth: EthVersion,
    /// First message id of eth.
    pub eth_base: u8,
    /// First message id of `istanbul/100`, when both speak it.
    pub istanbul_base: Option<u8>,
    /// First message id of `quorate/1`, when both speak it.
    pub own_base: Option<u8>,
}

/// Where a message id belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// eth, with the id inside it.
    Eth(u8),
    /// `istanbul/100`, with the id inside it.
    Istanbul(u8),
    /// `quorate/1`, with the id inside it.
    Own(u8),
    /// Below the capabilities.
    Base(u8),
    /// Of no shared protocol.
    Unknown(u8),
}

/// What a node of this program with these versions of eth offers.
#[must_use]
pub fn offered_by_us(versions: &[EthVersion]) -> Vec<Capability> {
    let mut offered = offered(versions);
    offered.push(Capability { name: OWN.0.to_owned(), version: OWN.1 });
    offered
}

/// What a validator with these versions of eth offers.
#[must_use]
pub fn offered(versions: &[EthVersion]) -> Vec<Capability> {
    let eth = versions.iter().map(|v| (ETH, u64::from(v.number())));
    let all = eth.chain([(ISTANBUL.0, ISTANBUL.1)]);
    all.map(|(name, version)| Capability { name: name.to_owned(), version }).collect()
}

/// Picks the highest common version of each protocol; ids follow in the order of names, so eth comes before istanbul.
/// `None` without a common eth version: nothing works without it.
#[must_use]
pub fn negotiate(versions: &[EthVersion], theirs: &[Capability]) -> Option<Shared> {
    let speaks = |name: &str, version: u64| theirs.iter().any(|c| c.name == name && c.version == version);
    let spoken = versions.iter().copied().filter(|version| speaks(ETH, u64::from(version.number())));
    let eth = spoken.max()?;
    let mut shared = vec![Capability { name: ETH.to_owned(), version: eth.number().into() }];
    if speaks(ISTANBUL.0, ISTANBUL.1) {
        shared.push(Capability { name: ISTANBUL.0.to_owned(), version: ISTANBUL.1 });
    }
    if speaks(OWN.0, OWN.1) {
        shared.push(Capability { name: OWN.0.to_owned(), version: OWN.1 });
    }
    let ids = first_ids(&shared)?;
    let first = |name: &str| ids.iter().find(|(capability, _)| capability.name == name).map(|(_, id)| *id);
    Some(Shared { eth, eth_base: first(ETH)?, istanbul_base: first(ISTANBUL.0), own_base: first(OWN.0) })
}

impl Shared {
    /// Sorts a message id.
    #[must_use]
    pub fn protocol(&self, id: u8) -> Protocol {
        let eth_end = self.eth_base + self.eth.length();
        match id {
            id if id < self.eth_base => Protocol::Base(id),
            id if id < eth_end => Protocol::Eth(id - self.eth_base),
            id => match (self.istanbul_base, self.own_base) {
                (Some(base), _) if id < base + ISTANBUL.2 => Protocol::Istanbul(id - base),
                (_, Some(base)) if id < base + OWN.2 => Protocol::Own(id - base),
                _ => Protocol::Unknown(id),
            },
        }
    }
}
