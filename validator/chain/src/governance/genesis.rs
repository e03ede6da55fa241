//! The contract's storage in block 0: word for word what its constructor would have written.

use super::{
    MAX_MEMBERS, MAX_SEATS,
    slots::{Slots, after, elements, mapped, packed, word},
};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

pub(super) const SEAT_LIST: u64 = 0;
pub(super) const SEAT_NUMBER: u64 = 1;
pub(super) const MEMBER_BY_ID: u64 = 2;
pub(super) const ACCOUNTS: u64 = 3;
const MEMBER_BY_LABEL: u64 = 4;
const MEMBER_AT_PLACE: u64 = 5;
const PLACES: u64 = 6;
const LAST_IDS: u64 = 7;
const PARAMETERS: u64 = 8;

const ROLE_ADMIN: u8 = 1;
const ROLE_OPERATOR: u8 = 2;

/// The first members, seats and parameters of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenesisGovernance {
    /// At least one; the member at index `i` gets the id `i + 1`.
    pub members: Vec<GenesisMember>,
    /// At least one; the order is kept.
    pub seats: Vec<GenesisSeat>,
    /// Network parameters.
    pub parameters: GenesisParameters,
}

/// A member of block 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenesisMember {
    /// Unique name.
    pub alias: Label,
    /// The account that votes.
    pub admin: Address,
    /// The account that seats and unseats; owns the member's seats of block 0.
    pub operator: Option<Address>,
    /// Most seats it may hold; the default of the parameters when absent.
    pub capacity: Option<u16>,
}

/// A seat of block 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenesisSeat {
    /// The validator's address.
    pub identity: Address,
    /// Index into the members.
    pub member: usize,
}

/// Network parameters, within the contract's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenesisParameters {
    /// Seconds between blocks, 1 to 3600.
    pub block_period_seconds: u64,
    /// Milliseconds of the round-0 timeout from the moment a block is due, 100 to 60 000.
    pub request_timeout_millis: u64,
    /// Gas limit that blocks walk to, 2^24 to 10^10.
    pub gas_limit: u64,
    /// Capacity of a member admitted without one, 1 to 512.
    pub default_capacity: u64,
    /// Blocks that a proposal stays open, 100 to 10^7.
    pub voting_blocks: u64,
}

/// A name on chain: 1 to 32 bytes of `a-z`, `0-9`, `-` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

impl Label {
    /// Checks the rule.
    pub fn new(text: &str) -> Result<Self, GovernanceError> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        if text.is_empty() || text.len() > 32 || !text.bytes().all(allowed) {
            return Err(GovernanceError::Label { got: text.to_string() });
        }
        Ok(Self(text.to_string()))
    }

    /// The name from its word on chain.
    pub fn from_word(word: B256) -> Result<Self, GovernanceError> {
        let end = word.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        let text = word.iter().take(end).map(|byte| char::from(*byte)).collect::<String>();
        Self::new(&text)
    }

    /// As it stands on chain: left aligned, zero padded.
    #[must_use]
    pub fn to_word(&self) -> B256 {
        B256::right_padding_from(self.0.as_bytes())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Label {
    type Error = GovernanceError;

    fn try_from(text: String) -> Result<Self, GovernanceError> {
        Self::new(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

/// Why a genesis governance is refused. The contract's constructor refuses the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GovernanceError {
    /// Not a label.
    #[error("name {got:?} must be 1 to 32 characters of a-z, 0-9, '-' and '.'")]
    Label {
        /// Given.
        got: String,
    },
    /// A number out of its bounds.
    #[error("governance {what} is {got}, allowed are {least} to {most}")]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// Given.
        got: u64,
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// Every address has one role, and it is not the zero address.
    #[error(
        "address {address} cannot be {role}: it is zero or already has a role; give every role its own key"
    )]
    Address {
        /// Given twice.
        address: Address,
        /// For what.
        role: &'static str,
    },
    /// Names are unique.
    #[error("two members have the name {alias:?}; rename one")]
    AliasTaken {
        /// Given twice.
        alias: String,
    },
    /// More seats than the member may hold.
    #[error("member {alias:?} has {seats} seats but capacity {capacity}; raise the capacity or give fewer")]
    Capacity {
        /// Whose.
        alias: String,
        /// Given.
        seats: u16,
        /// Allowed.
        capacity: u16,
    },
}

/// The storage of the contract in block 0.
pub fn genesis_storage(governance: &GenesisGovernance) -> Result<BTreeMap<B256, B256>, GovernanceError> {
    let mut draft = Draft::default();
    let parameters = draft.parameters(&governance.parameters)?;
    in_range("members", governance.members.len() as u64, 1, MAX_MEMBERS as u64)?;
    in_range("seats", governance.seats.len() as u64, 1, MAX_SEATS as u64)?;
    for (member, id) in governance.members.iter().zip(1u32..) {
        draft.member(member, id, parameters.default_capacity)?;
    }
    for (seat, number) in governance.seats.iter().zip(1u64..) {
        draft.seat(seat, number, &governance.members)?;
    }
    Ok(draft.finish(governance))
}

/// What is known while the lists are walked.
#[derive(Default)]
struct Draft {
    slots: Slots,
    roles: BTreeMap<Address, u8>,
    labels: BTreeMap<B256, u32>,
    /// (capacity, seats) by member index.
    held: Vec<(u16, u16)>,
}

impl Draft {
    fn parameters(&mut self, given: &GenesisParameters) -> Result<GenesisParameters, GovernanceError> {
        let list = [
            ("blockPeriodSeconds", given.block_period_seconds, 1, 3600),
            ("requestTimeoutMillis", given.request_timeout_millis, 100, 60_000),
            ("gasLimit", given.gas_limit, 1 << 24, 10_000_000_000),
            ("defaultCapacity", given.default_capacity, 1, MAX_SEATS as u64),
            ("votingBlocks", given.voting_blocks, 100, 10_000_000),
        ];
        for ((what, got, least, most), slot) in list.into_iter().zip(PARAMETERS..) {
            in_range(what, got, least, most)?;
            self.slots.set(U256::from(slot), U256::from(got));
        }
        Ok(*given)
    }

    fn member(&mut self, member: &GenesisMember, id: u32, default: u64) -> Result<(), GovernanceError> {
        let capacity = match member.capacity {
            None | Some(0) => u16::try_from(default).unwrap_or(u16::MAX),
            Some(capacity) => capacity,
        };
        in_range("capacity", u64::from(capacity), 0, MAX_SEATS as u64)?;
        let label = member.alias.to_word();
        if self.labels.insert(label, id).is_some() {
            return Err(GovernanceError::AliasTaken { alias: member.alias.0.clone() });
        }
        self.account(member.admin, id, ROLE_ADMIN, "the admin of a member")?;
        if let Some(operator) = member.operator {
            self.account(operator, id, ROLE_OPERATOR, "an operator account")?;
            let list = after(mapped(U256::from(id), MEMBER_BY_ID), 4);
            self.slots.set(list, U256::from(1));
            self.slots.set(elements(list), word(operator));
        }
        let place = u64::from(id).saturating_sub(1);
        self.slots.set(mapped(label.into(), MEMBER_BY_LABEL), U256::from(id));
        self.slots.set(mapped(U256::from(place), MEMBER_AT_PLACE), U256::from(id));
        self.held.push((capacity, 0));
        Ok(())
    }

    fn account(
        &mut self,
        address: Address,
        member: u32,
        role: u8,
        what: &'static str,
    ) -> Result<(), GovernanceError> {
        self.claim(address, role, what)?;
        let value = packed(&[(U256::from(member), 0), (U256::from(role), 32)]);
        self.slots.set(mapped(word(address), ACCOUNTS), value);
        Ok(())
    }

    fn claim(&mut self, address: Address, role: u8, what: &'static str) -> Result<(), GovernanceError> {
        if address.is_zero() || self.roles.insert(address, role).is_some() {
            return Err(GovernanceError::Address { address, role: what });
        }
        Ok(())
    }

    fn seat(
        &mut self,
        seat: &GenesisSeat,
        number: u64,
        members: &[GenesisMember],
    ) -> Result<(), GovernanceError> {
        let last = members.len().saturating_sub(1) as u64;
        let outside = GovernanceError::OutOfRange {
            what: "memberIndex",
            got: seat.member as u64,
            least: 0,
            most: last,
        };
        let (Some(member), Some((capacity, seats))) =
            (members.get(seat.member), self.held.get_mut(seat.member))
        else {
            return Err(outside);
        };
        *seats = seats.saturating_add(1);
        if *seats > *capacity {
            let alias = member.alias.0.clone();
            return Err(GovernanceError::Capacity { alias, seats: *seats, capacity: *capacity });
        }
        self.claim(seat.identity, 0, "a seated identity")?;
        let id = U256::from(seat.member).saturating_add(U256::from(1));
        let entry = after(elements(U256::from(SEAT_LIST)), number.saturating_sub(1).saturating_mul(2));
        self.slots.set(entry, packed(&[(word(seat.identity), 0), (id, 160)]));
        self.slots.set(after(entry, 1), word(member.operator.unwrap_or_default()));
        self.slots.set(mapped(word(seat.identity), SEAT_NUMBER), U256::from(number));
        Ok(())
    }

    fn finish(mut self, governance: &GenesisGovernance) -> BTreeMap<B256, B256> {
        for (((member, (capacity, seats)), id), place) in
            governance.members.iter().zip(&self.held).zip(1u32..).zip(0usize..)
        {
            let first = packed(&[
                (word(member.admin), 0),
                (U256::from(*capacity), 160),
                (U256::from(*seats), 176),
                (U256::from(place), 192),
                (U256::from(u8::from(*seats > 0)), 208),
            ]);
            let base = mapped(U256::from(id), MEMBER_BY_ID);
            self.slots.set(base, first);
            self.slots.set(after(base, 1), member.alias.to_word().into());
        }
        let members = governance.members.len();
        self.slots.set(U256::from(SEAT_LIST), U256::from(governance.seats.len()));
        self.slots.set(U256::from(PLACES), U256::MAX.wrapping_shr(MAX_MEMBERS.saturating_sub(members)));
        self.slots.set(U256::from(LAST_IDS), U256::from(members));
        self.slots.finish()
    }
}

fn in_range(what: &'static str, got: u64, least: u64, most: u64) -> Result<(), GovernanceError> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(GovernanceError::OutOfRange { what, got, least, most })
}
