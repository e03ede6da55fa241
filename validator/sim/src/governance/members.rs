//! Members and their accounts. Joining and expelling is voted; a member changes its own accounts itself.

use super::{Motion, Obstacle, Parameter, Refused, Role, Turn, ballots::is_label, state::Member};
use alloy_primitives::{Address, B256};
use chain::governance::{MAX_MEMBERS, MAX_SEATS};
use std::collections::{BTreeMap, BTreeSet};

/// Operator accounts of one member.
const MAX_OPERATORS: usize = 8;

impl Turn {
    pub(super) fn offer_admin(&mut self, offered: Address) -> Result<(), Refused> {
        let member = self.require(Role::Admin)?;
        if !offered.is_zero() {
            self.require_unused(offered)?;
        }
        self.member(member)?.offered_admin = offered;
        Ok(())
    }

    pub(super) fn accept_admin(&mut self, member: u32) -> Result<(), Refused> {
        let caller = self.caller;
        if self.member(member)?.offered_admin != caller {
            return Err(Refused::NotPermitted);
        }
        self.require_unused(caller)?;
        let member = self.member(member)?;
        member.admin = caller;
        member.offered_admin = Address::ZERO;
        Ok(())
    }

    pub(super) fn add_operator(&mut self, member: u32, operator: Address) -> Result<(), Refused> {
        self.require_unused(operator)?;
        let operators = &mut self.member(member)?.operators;
        if operators.len() >= MAX_OPERATORS {
            return Err(Refused::LimitReached);
        }
        operators.insert(operator);
        Ok(())
    }

    pub(super) fn remove_operator(&mut self, member: u32, operator: Address) -> Result<(), Refused> {
        let had = self.member(member)?.operators.remove(&operator);
        if had { Ok(()) } else { Err(Refused::NotPermitted) }
    }

    pub(super) fn replace_operator(&mut self, old: Address, operator: Address) -> Result<(), Refused> {
        let member = self.require(Role::Admin)?;
        self.remove_operator(member, old)?;
        self.add_operator(member, operator)?;
        for seat in self.state.seats.values_mut() {
            if seat.member == member && seat.operator == old {
                seat.operator = operator;
            }
        }
        Ok(())
    }

    pub(super) fn resign(&mut self) -> Result<(), Refused> {
        let member = self.require(Role::Admin)?;
        if let Some(obstacle) = self.obstacle(&Motion::Expel(member)) {
            return Err(Refused::Obstructed(obstacle));
        }
        self.remove(member);
        self.recount();
        Ok(())
    }

    pub(super) fn check_admission(
        admin: Address,
        alias: B256,
        capacity: u64,
        operator: Address,
    ) -> Result<(), Refused> {
        if admin.is_zero() {
            return Err(Refused::OutOfRange);
        }
        if !is_label(alias) {
            return Err(Refused::BadLabel);
        }
        if capacity > MAX_SEATS as u64 {
            return Err(Refused::OutOfRange);
        }
        if admin == operator { Err(Refused::AddressInUse) } else { Ok(()) }
    }

    pub(super) fn admission_obstacle(
        &self,
        admin: Address,
        alias: B256,
        operator: Address,
    ) -> Option<Obstacle> {
        let in_use = |account: Address| self.state.role_of(account).is_some();
        if in_use(admin) || !operator.is_zero() && in_use(operator) {
            return Some(Obstacle::AccountInUse);
        }
        if self.state.members.values().any(|member| member.alias == alias) {
            return Some(Obstacle::AliasInUse);
        }
        (self.state.members.len() >= MAX_MEMBERS).then_some(Obstacle::TooManyMembers)
    }

    /// Neither the last member nor the last seats may go.
    pub(super) fn removal_obstacle(&self, member: u32) -> Option<Obstacle> {
        if !self.state.members.contains_key(&member) {
            Some(Obstacle::UnknownMember)
        } else if self.state.members.len() == 1 {
            Some(Obstacle::LastMember)
        } else {
            (self.state.seats_of(member) == self.state.seats.len()).then_some(Obstacle::LastSeats)
        }
    }

    /// `admission_obstacle` was asked before.
    pub(super) fn admit(&mut self, admin: Address, alias: B256, capacity: u64, operator: Address) {
        let default = self.state.parameter(Parameter::DefaultCapacity, self.block + 1);
        let taken: BTreeSet<u8> = self.state.members.values().map(|member| member.place).collect();
        let member = Member {
            alias,
            admin,
            offered_admin: Address::ZERO,
            operators: Some(operator).filter(|operator| !operator.is_zero()).into_iter().collect(),
            capacity: if capacity == 0 { default } else { capacity },
            place: (0..=u8::MAX).find(|place| !taken.contains(place)).unwrap_or(u8::MAX),
            joined_at: self.block,
            seated: None,
            node_ids: BTreeSet::new(),
            records: BTreeMap::new(),
        };
        self.state.last_member += 1;
        self.state.members.insert(self.state.last_member, member);
    }

    /// `removal_obstacle` was asked before. Its votes go with it.
    pub(super) fn remove(&mut self, member: u32) {
        self.state.members.remove(&member);
        self.state.seats.retain(|_, seat| seat.member != member);
        for proposal in self.state.open.values_mut() {
            proposal.votes_for.remove(&member);
            proposal.votes_against.remove(&member);
        }
    }

    pub(super) fn member(&mut self, id: u32) -> Result<&mut Member, Refused> {
        self.state.members.get_mut(&id).ok_or(Refused::UnknownMember)
    }
}
