//! What the contract remembers.

use super::{Motion, NodeId, PARAMETERS, Parameter, RecordKind};
use alloy_primitives::{Address, B256, Bytes};
use chain::governance::GenesisGovernance;
use std::collections::{BTreeMap, BTreeSet};

/// The whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// By identity; never empty.
    pub seats: BTreeMap<Address, Seat>,
    /// By id; never empty.
    pub members: BTreeMap<u32, Member>,
    /// Ids are never used twice.
    pub last_member: u32,
    /// Open proposals by id.
    pub open: BTreeMap<u64, Proposal>,
    /// Ids are never used twice.
    pub last_proposal: u64,
    /// In the order of [`PARAMETERS`].
    pub parameters: [Scheduled; 5],
    /// First block by name.
    pub hardforks: BTreeMap<B256, u64>,
    /// The next governance contract and its first block.
    pub successor: Option<(Address, u64)>,
    /// Where, by name.
    pub named: BTreeMap<B256, Address>,
}

/// A place in the validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Whose.
    pub member: u32,
    /// The operator account that owns it; need not have its role any more. Zero in a genesis without one.
    pub operator: Address,
    /// Block in which the identity got it.
    pub seated_at: u64,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name on chain.
    pub alias: B256,
    /// Votes.
    pub admin: Address,
    /// May become the admin.
    pub offered_admin: Address,
    /// Seat and unseat.
    pub operators: BTreeSet<Address>,
    /// Seats it may have.
    pub capacity: u64,
    /// Its place in on-chain order: the lowest that was free.
    pub place: u8,
    /// Block of admission.
    pub joined_at: u64,
    /// Blocks of the first seat ever and of the last one added.
    pub seated: Option<(u64, u64)>,
    /// Nodes that may peer.
    pub node_ids: BTreeSet<NodeId>,
    /// What it publishes about itself.
    pub records: BTreeMap<(RecordKind, B256), Bytes>,
}

/// An open proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What for.
    pub motion: Motion,
    /// Why, in its proposer's words.
    pub memo: String,
    /// Whose.
    pub proposer: u32,
    /// Block.
    pub opened_at: u64,
    /// Last block in which it can be voted on.
    pub expires_at: u64,
    /// Members that voted for it.
    pub votes_for: BTreeSet<u32>,
    /// Members that voted against it.
    pub votes_against: BTreeSet<u32>,
}

/// A parameter with at most one change waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// Until then.
    pub value: u64,
    /// The new value and the first height it holds for.
    pub next: Option<(u64, u64)>,
}

/// What an address is to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Votes for its member.
    Admin,
    /// Seats and unseats for its member.
    Operator,
    /// Has a seat.
    Identity,
}

impl Model {
    /// The state in block 0, of a genesis that `chain::governance::predeploys` takes.
    #[must_use]
    pub fn genesis(genesis: &GenesisGovernance) -> Self {
        let given = &genesis.parameters;
        let values = [
            given.block_period_seconds,
            given.request_timeout_millis,
            given.gas_limit,
            given.default_capacity,
            given.voting_blocks,
        ];
        let has_seat = |index| genesis.seats.iter().any(|seat| seat.member == index);
        let members = genesis.members.iter().enumerate().zip(1..).map(|((index, member), id)| {
            let capacity = member.capacity.filter(|capacity| *capacity > 0);
            let member = Member {
                alias: member.alias.to_word(),
                admin: member.admin,
                offered_admin: Address::ZERO,
                operators: member.operator.into_iter().collect(),
                capacity: capacity.map_or(given.default_capacity, u64::from),
                place: u8::try_from(index).unwrap_or(u8::MAX),
                joined_at: 0,
                seated: has_seat(index).then_some((0, 0)),
                node_ids: BTreeSet::new(),
                records: BTreeMap::new(),
            };
            (id, member)
        });
        let seats = genesis.seats.iter().map(|seat| {
            let operator = genesis.members.get(seat.member).and_then(|member| member.operator);
            let member = u32::try_from(seat.member + 1).unwrap_or(u32::MAX);
            (seat.identity, Seat { member, operator: operator.unwrap_or_default(), seated_at: 0 })
        });
        let members: BTreeMap<u32, Member> = members.collect();
        Self {
            seats: seats.collect(),
            last_member: members.keys().next_back().copied().unwrap_or(0),
            members,
            open: BTreeMap::new(),
            last_proposal: 0,
            parameters: values.map(|value| Scheduled { value, next: None }),
            hardforks: BTreeMap::new(),
            successor: None,
            named: BTreeMap::new(),
        }
    }

    /// The validator set of the next block, ascending.
    pub fn validators(&self) -> impl ExactSizeIterator<Item = Address> {
        self.seats.keys().copied()
    }

    /// A parameter for block `height`, by the state after the block before it.
    #[must_use]
    pub fn parameter(&self, which: Parameter, height: u64) -> u64 {
        let Scheduled { value, next } = self.parameters[which as usize];
        next.filter(|(_, from)| height >= *from).map_or(value, |(next, _)| next)
    }

    /// All parameters for block `height`, in the order of [`PARAMETERS`].
    #[must_use]
    pub fn parameters(&self, height: u64) -> [u64; 5] {
        PARAMETERS.map(|which| self.parameter(which, height))
    }

    /// The member and the role in it that an address has.
    #[must_use]
    pub fn role_of(&self, account: Address) -> Option<(u32, Role)> {
        let by_account = self.members.iter().find_map(|(id, member)| {
            if member.admin == account {
                Some((*id, Role::Admin))
            } else {
                member.operators.contains(&account).then_some((*id, Role::Operator))
            }
        });
        by_account.or_else(|| Some((self.seats.get(&account)?.member, Role::Identity)))
    }

    /// Seats of a member.
    #[must_use]
    pub fn seats_of(&self, member: u32) -> usize {
        self.seats.values().filter(|seat| seat.member == member).count()
    }

    /// Votes that are a strict majority of the present members.
    #[must_use]
    pub fn votes_needed(&self) -> usize {
        self.members.len() / 2 + 1
    }
}
