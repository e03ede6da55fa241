//! The members of a simulated network, and what they send to its governance contract.

use super::{
    Call, Changes, Model, Motion, Parameter,
    draw::{Cast, Draw},
};
use crate::{rng::Rng, scenario::Scenario};
use alloy_primitives::Address;
use chain::{
    governance::{GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, Label},
    quorum::{max_faulty, quorum},
};
use std::collections::BTreeSet;

/// Most seats that a member of ours may have, so that sets grow to the size where networks end.
const CAPACITY: u16 = 31;
/// Block periods that members vote for, seconds: a longer one would be an outage to the oracle of progress.
const PERIODS_S: (u64, u64) = (1, 3);
/// Round-0 timeouts that members vote for, milliseconds.
const TIMEOUTS_MS: (u64, u64) = (300, 5_000);

/// How the validator set changes while a network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Seats that validate in block 0; the nodes of the others are observers until they are seated.
    pub first: usize,
    /// Members that share the honest seats.
    pub members: usize,
    /// Most calls in one block.
    pub calls: u64,
    /// Where the set tends to.
    pub trend: Trend,
}

impl Course {
    /// Every seat validates, and nothing is sent.
    #[must_use]
    pub const fn fixed(seats: usize) -> Self {
        Self { first: seats, members: 1, calls: 0, trend: Trend::Churn }
    }
}

/// Where a set tends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// Up and down; accounts, members and parameters change too.
    Churn,
    /// Up to every seat.
    Grow,
    /// Down to one seat.
    Shrink,
    /// Members vote for parameters all the time.
    Vote,
}

impl Trend {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Churn, Self::Grow, Self::Shrink, Self::Vote];

    /// Its name in a plan.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Churn => "churn",
            Self::Grow => "grow",
            Self::Shrink => "shrink",
            Self::Vote => "vote",
        }
    }
}

/// Who is who in one network.
#[derive(Clone, Debug)]
pub struct Consortium {
    course: Course,
    cast: Cast,
    /// Identities that lie: never more than f of a set.
    liars: BTreeSet<Address>,
    /// Identities that die or sit out: together with the liars never more than N − Q of a set.
    weak: BTreeSet<Address>,
    /// Operator account of the member whose seats lie, if it flaps.
    flapper: Option<Address>,
}

impl Consortium {
    /// The network of these seats, of which some lie and others are weak: they die, or sit out. Accounts are the caller's to name: admins and operators
    /// enough for every member and for some to come. With a flapper, the member of the faulty seats moves them all the time.
    #[must_use]
    pub fn new(course: Course, cast: Cast, scenario: &Scenario) -> Self {
        let identity = |seat: usize| cast.identities.get(seat).copied();
        let liars: BTreeSet<Address> =
            scenario.actors.iter().filter_map(|(seat, _)| identity(*seat)).collect();
        let weak = scenario.weak().filter_map(identity).filter(|id| !liars.contains(id)).collect();
        let flapper = cast.operators.first().copied().filter(|_| scenario.has_flapper());
        Self { course, cast, liars, weak, flapper }
    }

    /// The contract in block 0: member 0 has the faulty seats, the others share the rest.
    #[must_use]
    pub fn genesis(&self, period_s: u64, request_timeout_ms: u64) -> GenesisGovernance {
        let count = 1 + self.course.members.clamp(1, 8);
        let members = (0..count).zip(&self.cast.admins).zip(&self.cast.operators);
        let members = members.filter_map(|((index, admin), operator)| {
            Some(GenesisMember {
                alias: Label::new(&format!("bank-{index}")).ok()?,
                admin: *admin,
                operator: Some(*operator),
                capacity: Some(CAPACITY),
            })
        });
        let seats = self.first().into_iter().enumerate().map(|(n, identity)| {
            let is_honest = !self.liars.contains(&identity) && !self.weak.contains(&identity);
            GenesisSeat { identity, member: if is_honest { 1 + n % (count - 1) } else { 0 } }
        });
        let parameters = GenesisParameters {
            block_period_seconds: period_s.max(1),
            request_timeout_millis: request_timeout_ms.max(100),
            gas_limit: 250_000_000,
            default_capacity: 4,
            voting_blocks: 100,
        };
        GenesisGovernance { members: members.collect(), seats: seats.collect(), parameters }
    }

    /// The seats of block 0: as many faulty ones among them as the set tolerates, and fewer seats if it cannot be filled.
    fn first(&self) -> Vec<Address> {
        let identities = &self.cast.identities;
        let is_faulty = |id: &Address| self.liars.contains(id) || self.weak.contains(id);
        let honest: Vec<Address> = identities.iter().copied().filter(|id| !is_faulty(id)).collect();
        let mut size = self.course.first.clamp(1, identities.len().max(1));
        loop {
            let liars = self.liars.iter().take(max_faulty(size));
            let weak = self.weak.iter().take((size - quorum(size)).saturating_sub(liars.len()));
            let room = size - liars.len() - weak.len();
            let seats: Vec<Address> = honest.iter().take(room).chain(liars).chain(weak).copied().collect();
            if seats.len() == size || size == 1 {
                return seats;
            }
            size -= 1;
        }
    }

    /// What is sent to the contract in block `block`, after which the state is no worse than what consensus promises to
    /// survive. The flapper's call comes first: always in a block of its own (`flaps`), mostly in those of others, who
    /// take transactions from everybody.
    pub fn calls(&self, before: &Model, block: u64, flaps: bool, rng: &mut Rng) -> Vec<(Address, Call)> {
        let mut model = before.clone();
        let mut calls = Vec::new();
        let flaps = flaps || self.flapper.is_some() && rng.chance(700);
        for turn in 0..self.course.calls {
            let is_flap = flaps && turn == 0;
            if !is_flap && !rng.chance(600) {
                continue;
            }
            let (sender, call) = self.call(&model, block, is_flap, rng);
            let mut after = model.clone();
            let is_refused = after.apply(block, sender, &call).is_err();
            if self.tolerates(&after, block) {
                // Refused calls are in real blocks too, as transactions that revert.
                if !is_refused || rng.chance(200) {
                    calls.push((sender, call));
                }
                model = after;
            }
        }
        calls
    }

    fn call(&self, model: &Model, block: u64, flaps: bool, rng: &mut Rng) -> (Address, Call) {
        let cast = &self.cast;
        let mut draw = Draw { model, block, cast, rng };
        if flaps && let Some(call) = self.flap(&mut draw) {
            return call;
        }
        match (self.course.trend, draw.rng.below(10)) {
            (Trend::Grow, 0..=7) => draw.seat(),
            (Trend::Shrink, 0..=7) => draw.unseat(),
            (Trend::Vote, 0..=7) | (_, 8) => {
                let motion = self.motion(block, draw.rng);
                draw.vote(motion)
            }
            _ => draw.call(),
        }
    }

    /// The liars' member moves a seat to another of its identities, gives one up or takes one: whatever the rules allow.
    fn flap(&self, draw: &mut Draw<'_>) -> Option<(Address, Call)> {
        let flapper = self.flapper?;
        let (seated, free): (Vec<Address>, Vec<Address>) =
            self.liars.iter().partition(|identity| draw.model.seats.contains_key(*identity));
        let proof_for = |identity| super::Proof {
            signer: identity,
            member: draw.model.role_of(flapper).map_or(1, |(member, _)| member),
            block: draw.block.saturating_sub(1),
            is_of_this_chain: true,
        };
        let gives_up = draw.rng.chance(200);
        Some((
            flapper,
            match (seated.first(), free.first()) {
                (Some(old), Some(identity)) if !gives_up => {
                    Call::RotateSeat { old: *old, identity: *identity, proof: proof_for(*identity) }
                }
                (Some(identity), _) => Call::Unseat { identity: *identity },
                (None, Some(identity)) => Call::Seat { identity: *identity, proof: proof_for(*identity) },
                (None, None) => return None,
            },
        ))
    }

    fn motion(&self, block: u64, rng: &mut Rng) -> Motion {
        let mut changes = Changes { values: [0; 5], from_block: block + rng.below(6) };
        changes.values[Parameter::BlockPeriodSeconds as usize] = rng.between(PERIODS_S.0, PERIODS_S.1);
        changes.values[Parameter::RequestTimeoutMillis as usize] = rng.between(TIMEOUTS_MS.0, TIMEOUTS_MS.1);
        if self.course.calls > 2 {
            changes.values[Parameter::GasLimit as usize] = rng.between(200_000_000, 300_000_000);
        }
        Motion::SetParameters(changes)
    }

    /// A set with no more faulty seats than consensus survives, parameters that leave the network quick, and no fork that nobody knows.
    fn tolerates(&self, model: &Model, block: u64) -> bool {
        let seated = |some: &BTreeSet<Address>| model.validators().filter(|id| some.contains(id)).count();
        let (liars, weak, seats) = (seated(&self.liars), seated(&self.weak), model.seats.len());
        let in_range = |which: Parameter, (least, most): (u64, u64)| {
            let slot = model.parameters[which as usize];
            let coming = slot.next.map_or(slot.value, |(value, _)| value);
            [coming, model.parameter(which, block + 1)].iter().all(|value| (least..=most).contains(value))
        };
        liars <= max_faulty(seats)
            && liars + weak <= seats - quorum(seats)
            && in_range(Parameter::BlockPeriodSeconds, PERIODS_S)
            && in_range(Parameter::RequestTimeoutMillis, (100, TIMEOUTS_MS.1))
            && in_range(Parameter::GasLimit, (200_000_000, 300_000_000))
            && model.hardforks.is_empty()
            && model.successor.is_none()
    }
}
