//! Networks of 200 members and 400 seats, and short words for what happens in them.

use crate::contract::{Contract, Ended, PARAMETERS, cast, label, named, refusal};
use alloy_primitives::{Address, B256};
use chain::governance::{GenesisGovernance, GenesisMember, GenesisSeat};
use qbft_sim::governance::{Call, Changes, Motion, Proof};

pub(super) const MEMBERS: usize = 200;
const SEATS: usize = 400;
/// Proposals of one member at once.
const OWN_OPEN: usize = 8;
pub(super) const BLOCK: u64 = 1_000;
/// A block in which every proposal of [`BLOCK`] has expired.
pub(super) const LATER: u64 = BLOCK + 101;

#[derive(Clone)]
pub(super) struct World {
    pub(super) contract: Contract,
    pub(super) block: u64,
}

pub(super) fn admin(member: usize) -> Address {
    named(1, member as u64 + 1)
}

/// Operator accounts of a member: number 0 is there from the genesis.
pub(super) fn operator(member: usize, number: usize) -> Address {
    named(2, (member * 16 + number) as u64 + 1)
}

/// Identity of a seat of the genesis; those have no keys.
pub(super) fn seat(number: usize) -> Address {
    named(5, number as u64 + 1)
}

/// An identity with a key.
pub(super) fn fresh(number: usize) -> Address {
    cast().identities[number]
}

pub(super) fn memo() -> String {
    "m".repeat(256)
}

pub(super) fn name(number: usize) -> B256 {
    B256::right_padding_from(format!("a-name-of-thirty-two-letters-{number:03}").as_bytes())
}

/// Five parameters at once, others for every number.
pub(super) fn changes(number: usize) -> Motion {
    let gas_limit = 250_000_000 + number as u64;
    Motion::SetParameters(Changes { values: [3, 2_000, gas_limit, 5, 200], from_block: BLOCK + 500 })
}

pub(super) fn newcomer(number: usize) -> Motion {
    let admin = named(7, number as u64 + 1);
    Motion::Admit { admin, alias: name(number), capacity: 4, operator: named(8, number as u64 + 1) }
}

impl World {
    /// The first member holds so many seats, the next one the rest; or each member holds two.
    pub(super) fn new(first: Option<usize>) -> Self {
        let member = |index: usize| GenesisMember {
            alias: label(index),
            admin: admin(index),
            operator: Some(operator(index, 0)),
            capacity: Some(512),
        };
        let holder = |number: usize| first.map_or(number % MEMBERS, |first| usize::from(number >= first));
        let genesis = GenesisGovernance {
            members: (0..MEMBERS).map(member).collect(),
            seats: (0..SEATS)
                .map(|number| GenesisSeat { identity: seat(number), member: holder(number) })
                .collect(),
            parameters: PARAMETERS,
        };
        Self { contract: Contract::new(&genesis), block: BLOCK }
    }

    /// Sends; what it had to be given.
    pub(super) fn gas(&mut self, sender: Address, call: &Call) -> Result<u64, String> {
        match self.contract.send(self.block, sender, call)? {
            Ended::Done { gas, .. } => Ok(gas),
            Ended::Reverted(output) => Err(format!("{call:?}: refused as {:?}", refusal(&output))),
        }
    }

    pub(super) fn propose(&mut self, member: usize, motion: Motion) -> Result<u64, String> {
        self.gas(admin(member), &Call::Propose { motion, memo: memo() })
    }

    /// Another way to the next state, this one staying as it is.
    pub(super) fn aside(&self, sender: Address, call: &Call) -> Result<u64, String> {
        self.clone().gas(sender, call)
    }

    /// Opened by the last member, and as many votes for it as lack one of a majority; its number.
    pub(super) fn all_but_one(&mut self, id: u64, motion: Motion) -> Result<u64, String> {
        self.propose(MEMBERS - 1, motion)?;
        for member in 2..=MEMBERS / 2 {
            self.gas(admin(MEMBERS - member), &Call::VoteFor(id))?;
        }
        Ok(id)
    }

    /// The vote that decides.
    pub(super) fn decide(&mut self, id: u64) -> Result<u64, String> {
        self.gas(admin(MEMBERS / 2 - 1), &Call::VoteFor(id))
    }

    /// Proposed, voted and carried out.
    pub(super) fn carry(&mut self, id: u64, motion: Motion) -> Result<u64, String> {
        let id = self.all_but_one(id, motion)?;
        self.decide(id)
    }

    /// So many proposals with the longest values and memos, by members from the given one on.
    pub(super) fn open(&mut self, count: usize, from: usize) -> Result<(), String> {
        for number in 0..count {
            self.propose(from + number / OWN_OPEN, changes(number))?;
        }
        Ok(())
    }

    /// So many proposals that nobody but the first member supports any more: they fall with it.
    pub(super) fn open_for_the_first(&mut self, count: usize) -> Result<(), String> {
        self.open(count, 1)?;
        for number in 0..count {
            let id = number as u64 + 1;
            self.gas(admin(0), &Call::VoteFor(id))?;
            self.gas(admin(1 + number / OWN_OPEN), &Call::Rescind(id))?;
        }
        Ok(())
    }

    /// The member's operator accounts become as many as there may be.
    pub(super) fn fill_operators(&mut self, member: usize, count: usize) -> Result<(), String> {
        for number in 1..count {
            self.gas(admin(member), &Call::AddOperator(operator(member, number)))?;
        }
        Ok(())
    }

    pub(super) fn seating(&self, member: usize, number: usize) -> Call {
        Call::Seat { identity: fresh(number), proof: self.proof(member, number) }
    }

    pub(super) fn proof(&self, member: usize, number: usize) -> Proof {
        let member = u32::try_from(member + 1).unwrap();
        Proof { signer: fresh(number), member, block: self.block - 1, is_of_this_chain: true }
    }
}
