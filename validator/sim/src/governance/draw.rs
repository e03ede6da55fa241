//! Random calls on a state, most of them ones that its rules allow: the contract's property test and the simulated
//! networks draw from here.

mod everything;

use super::{Call, Changes, Model, Motion, PARAMETERS, Proof, Role};
use crate::rng::Rng;
use alloy_primitives::{Address, B256};

/// The addresses that calls are made of.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// May become admins.
    pub admins: Vec<Address>,
    /// May become operator accounts.
    pub operators: Vec<Address>,
    /// May get seats; their keys are at hand.
    pub identities: Vec<Address>,
}

/// What a block before `block` makes of chance.
#[derive(Debug)]
pub struct Draw<'a> {
    /// The state to draw on.
    pub model: &'a Model,
    /// The block that the call will be in.
    pub block: u64,
    /// The addresses.
    pub cast: &'a Cast,
    /// Chance.
    pub rng: &'a mut Rng,
}

impl Draw<'_> {
    /// A call and who sends it.
    pub fn call(&mut self) -> (Address, Call) {
        match self.rng.below(100) {
            0..22 => self.seat(),
            22..32 => self.unseat(),
            32..38 => self.rotate_seat(),
            38..53 => self.accounts(),
            53..76 => self.propose(),
            76..90 => (self.sender(Role::Admin), Call::VoteFor(self.proposal())),
            90..94 => (self.sender(Role::Admin), Call::VoteAgainst(self.proposal())),
            94..97 => (self.sender(Role::Admin), Call::Rescind(self.proposal())),
            97..99 => (self.sender(Role::Operator), Call::Execute(self.proposal())),
            _ => (self.sender(Role::Operator), Call::Sweep),
        }
    }

    /// A seat for a member's operator, mostly with a good proof.
    pub fn seat(&mut self) -> (Address, Call) {
        let (sender, identity) = (self.sender(Role::Operator), self.identity());
        let proof = self.proof(sender, identity);
        (sender, Call::Seat { identity, proof })
    }

    /// A seat given up, mostly by its owner.
    pub fn unseat(&mut self) -> (Address, Call) {
        let identity = self.seated();
        (self.owner(identity), Call::Unseat { identity })
    }

    /// Another identity in a seat, mostly by its owner.
    pub fn rotate_seat(&mut self) -> (Address, Call) {
        let (old, identity) = (self.seated(), self.identity());
        let sender = self.owner(old);
        let proof = self.proof(sender, identity);
        (sender, Call::RotateSeat { old, identity, proof })
    }

    /// A proposal of this content by a member's admin; a vote for it, if it is open.
    pub fn vote(&mut self, motion: Motion) -> (Address, Call) {
        let open: Vec<_> = self.model.open.keys().copied().collect();
        if !open.is_empty() && self.rng.chance(700) {
            return (self.sender(Role::Admin), Call::VoteFor(self.rng.pick(&open)));
        }
        (self.sender(Role::Admin), Call::Propose { motion, memo: String::new() })
    }

    fn propose(&mut self) -> (Address, Call) {
        let sender = self.sender(Role::Admin);
        (sender, Call::Propose { motion: self.motion(), memo: String::new() })
    }

    fn accounts(&mut self) -> (Address, Call) {
        let admin = self.sender(Role::Admin);
        let operator = self.any_operator();
        let call = match self.rng.below(16) {
            0..3 => Call::AddOperator(operator),
            3..5 => Call::RemoveOperator(self.operator_of(admin)),
            5..8 => Call::ReplaceOperator { old: self.operator_of(admin), operator },
            8..11 => Call::AssignSeat { identity: self.seated(), operator: self.operator_of(admin) },
            11..13 => Call::OfferAdmin(self.any_admin()),
            13..15 => return self.accept_admin(),
            _ => Call::Resign,
        };
        (admin, call)
    }

    fn accept_admin(&mut self) -> (Address, Call) {
        let offers = self.model.members.iter().filter(|(_, member)| !member.offered_admin.is_zero());
        let offers: Vec<_> = offers.map(|(id, member)| (member.offered_admin, *id)).collect();
        if offers.is_empty() {
            return (self.any_admin(), Call::AcceptAdmin(self.member()));
        }
        let (offered, id) = self.rng.pick(&offers);
        (offered, Call::AcceptAdmin(id))
    }

    /// Content of a proposal.
    pub fn motion(&mut self) -> Motion {
        match self.rng.below(20) {
            0..8 => Motion::Admit {
                admin: self.any_admin(),
                alias: self.name(),
                capacity: self.capacity(),
                operator: if self.rng.chance(150) { Address::ZERO } else { self.any_operator() },
            },
            8..10 => Motion::Expel(self.member()),
            10..13 => Motion::SetCapacity { member: self.member(), capacity: self.capacity() },
            13..16 => Motion::SetParameters(self.changes()),
            16..17 => Motion::ScheduleHardfork { name: self.name(), at_block: self.notice() },
            17..19 => Motion::SetNamedContract {
                name: self.name(),
                location: if self.rng.chance(400) { Address::ZERO } else { self.any_operator() },
            },
            _ => Motion::Upgrade { successor: self.any_operator(), at_block: self.notice() },
        }
    }

    fn changes(&mut self) -> Changes {
        let mut changes = Changes { values: [0; 5], from_block: self.block };
        for (which, value) in PARAMETERS.iter().zip(&mut changes.values) {
            let (least, most) = which.bounds();
            if self.rng.chance(300) {
                // Small values within the bounds, and their edges.
                *value = self.rng.pick(&[least, least + 1, 3 * least, most, most + 1, least - 1]);
            }
        }
        changes.from_block = if self.rng.chance(500) { 0 } else { self.block + self.rng.below(12) };
        changes
    }

    fn capacity(&mut self) -> u64 {
        let most = self.rng.pick(&[3, 6, 512, 513]);
        self.rng.pick(&[0, 1, 2, most])
    }

    fn notice(&mut self) -> u64 {
        self.block + self.rng.pick(&[99, 100, 101, 130])
    }

    fn name(&mut self) -> B256 {
        if self.rng.chance(30) {
            return B256::right_padding_from(self.rng.pick(&[&b"Bank"[..], b"", b"a\0b", b"a b", b"\0a"]));
        }
        let number = self.rng.below(20);
        B256::right_padding_from(format!("name-{number}.x").as_bytes())
    }

    fn proposal(&mut self) -> u64 {
        let open: Vec<_> = self.model.open.keys().copied().collect();
        if open.is_empty() || self.rng.chance(30) {
            return self.rng.below(self.model.last_proposal + 2);
        }
        self.rng.pick(&open)
    }

    fn member(&mut self) -> u32 {
        let members: Vec<_> = self.model.members.keys().copied().collect();
        if self.rng.chance(30) {
            let any = self.rng.below(u64::from(self.model.last_member) + 2);
            return u32::try_from(any).unwrap_or(0);
        }
        self.rng.pick(&members)
    }

    /// An account that has the role, but for a few.
    fn sender(&mut self, role: Role) -> Address {
        if self.rng.chance(40) {
            let strangers = [self.any_admin(), self.any_operator(), self.identity()];
            return self.rng.pick(&strangers);
        }
        let members: Vec<_> = self.model.members.values().collect();
        let member = self.rng.pick(&members);
        let operators: Vec<_> = member.operators.iter().copied().collect();
        match role {
            Role::Operator if !operators.is_empty() => self.rng.pick(&operators),
            _ => member.admin,
        }
    }

    fn owner(&mut self, identity: Address) -> Address {
        match self.model.seats.get(&identity) {
            Some(seat) if self.rng.chance(850) && !seat.operator.is_zero() => seat.operator,
            Some(seat) if self.rng.chance(500) => {
                self.model.members.get(&seat.member).map_or(Address::ZERO, |member| member.admin)
            }
            _ => self.sender(Role::Operator),
        }
    }

    fn operator_of(&mut self, admin: Address) -> Address {
        let member = self.model.members.values().find(|member| member.admin == admin);
        let operators: Vec<_> = member.into_iter().flat_map(|member| &member.operators).copied().collect();
        if operators.is_empty() || self.rng.chance(60) {
            return self.any_operator();
        }
        self.rng.pick(&operators)
    }

    fn seated(&mut self) -> Address {
        if self.rng.chance(30) {
            return self.identity();
        }
        let seats: Vec<_> = self.model.seats.keys().copied().collect();
        self.rng.pick(&seats)
    }

    /// An identity, mostly one without a seat.
    fn identity(&mut self) -> Address {
        let free: Vec<_> =
            self.cast.identities.iter().copied().filter(|id| !self.model.seats.contains_key(id)).collect();
        if free.is_empty() || self.rng.chance(30) {
            return self.rng.pick(&self.cast.identities);
        }
        self.rng.pick(&free)
    }

    fn any_admin(&mut self) -> Address {
        self.rng.pick(&self.cast.admins)
    }

    fn any_operator(&mut self) -> Address {
        self.rng.pick(&self.cast.operators)
    }

    /// A good proof, but for a few: another signer, another member, a block too old or not yet there, another chain.
    pub fn proof(&mut self, sender: Address, identity: Address) -> Proof {
        let member = self.model.role_of(sender).map_or(1, |(member, _)| member);
        let age = self.rng.pick(&[1, 1, 1, 2, 40]);
        let good =
            Proof { signer: identity, member, block: self.block.saturating_sub(age), is_of_this_chain: true };
        if !self.rng.chance(100) {
            return good;
        }
        match self.rng.below(6) {
            0 => Proof { signer: self.identity(), ..good },
            1 => Proof { member: self.member(), ..good },
            2 => Proof { is_of_this_chain: false, ..good },
            3 => Proof { block: self.block, ..good },
            4 => Proof { block: self.block.saturating_sub(256), ..good },
            _ => Proof { block: self.block.saturating_sub(257), ..good },
        }
    }
}
