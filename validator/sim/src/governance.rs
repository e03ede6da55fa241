//! Reference model of the governance contract: what decides a network's validator set and its voted parameters.
//!
//! Written from `contracts/README.md` and not after the contract's code: sets and maps where the contract has bits and
//! lists, roles looked up where it keeps them. A property test runs both on the same random operations, the contract in
//! revm, and compares outcomes, refusals, events and states.

mod abi;
mod ballots;
mod call;
pub mod consortium;
mod directory;
pub mod draw;
mod members;
mod parameters;
mod seats;
mod state;
mod votes;

pub use call::{Call, Changes, Motion, NodeId, Obstacle, Proof, RecordKind, Refused, Status};
pub use parameters::{PARAMETERS, Parameter};
pub use state::{Member, Model, Proposal, Role, Scheduled, Seat};

use alloy_primitives::Address;

/// One transaction under way: it changes a copy, which counts only if nothing was refused.
struct Turn {
    state: Model,
    block: u64,
    caller: Address,
    closed: Vec<(u64, Status)>,
}

impl Model {
    /// Executes one transaction of `caller` in block `block`: the proposals that it closed, or why it is refused, in
    /// which case nothing has changed.
    pub fn apply(&mut self, block: u64, caller: Address, call: &Call) -> Result<Vec<(u64, Status)>, Refused> {
        let mut turn = Turn { state: self.clone(), block, caller, closed: Vec::new() };
        turn.run(call)?;
        *self = turn.state;
        Ok(turn.closed)
    }
}

impl Turn {
    fn run(&mut self, call: &Call) -> Result<(), Refused> {
        match call {
            Call::Seat { identity, proof } => self.seat(*identity, proof),
            Call::Unseat { identity } => self.unseat(*identity),
            Call::RotateSeat { old, identity, proof } => self.rotate_seat(*old, *identity, proof),
            Call::AssignSeat { identity, operator } => self.assign_seat(*identity, *operator),
            Call::AddOperator(operator) => {
                let member = self.require(Role::Admin)?;
                self.add_operator(member, *operator)
            }
            Call::RemoveOperator(operator) => {
                let member = self.require(Role::Admin)?;
                self.remove_operator(member, *operator)
            }
            Call::ReplaceOperator { old, operator } => self.replace_operator(*old, *operator),
            Call::OfferAdmin(offered) => self.offer_admin(*offered),
            Call::AcceptAdmin(member) => self.accept_admin(*member),
            Call::Resign => self.resign(),
            Call::Propose { motion, memo } => self.propose(motion, memo),
            Call::VoteFor(id) => self.vote_on(*id, true),
            Call::VoteAgainst(id) => self.vote_on(*id, false),
            Call::Rescind(id) => self.rescind(*id),
            Call::Execute(id) => self.execute(*id),
            Call::Sweep => {
                self.sweep();
                Ok(())
            }
            Call::AddNodeId(node) => self.add_node_id(*node),
            Call::RemoveNodeId(node) => self.remove_node_id(*node),
            Call::SetRecord { kind, key, value } => self.set_record(*kind, *key, value),
        }
    }

    /// The caller's member, if the caller has this role in it.
    fn require(&self, role: Role) -> Result<u32, Refused> {
        match self.state.role_of(self.caller) {
            Some((member, has)) if has == role => Ok(member),
            _ => Err(Refused::NotPermitted),
        }
    }

    /// One address has one role in the whole network.
    fn require_unused(&self, account: Address) -> Result<(), Refused> {
        if account.is_zero() {
            return Err(Refused::OutOfRange);
        }
        match self.state.role_of(account) {
            Some(_) => Err(Refused::AddressInUse),
            None => Ok(()),
        }
    }
}
