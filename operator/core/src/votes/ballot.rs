//! What the admin account sends.

use super::{Content, Mark, history::MAGIC};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use chain::governance::Governance as Contract;

/// A call of the governance contract that only the admin account may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ballot {
    /// Open a proposal, and vote for it.
    Propose {
        /// What.
        content: Content,
        /// Why.
        memo: String,
    },
    /// Vote for it.
    VoteFor(u64),
    /// Vote against it.
    VoteAgainst(u64),
    /// Take the vote back.
    Rescind(u64),
    /// Carry it out: it has its majority.
    Execute(u64),
    /// Register an operator account of this member.
    AddOperator(Address),
}

/// A call and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminMove {
    /// The call.
    pub ballot: Ballot,
    /// The position it carries out.
    pub mark: Option<Mark>,
    /// The position's line, if it still stands.
    pub line: Option<String>,
    /// For a person.
    pub what: String,
}

impl AdminMove {
    /// Call data. A position's mark stands behind the arguments, where the contract does not look and everybody else can.
    #[must_use]
    pub fn call_data(&self) -> Bytes {
        let mut data = match &self.ballot {
            Ballot::Propose { content, memo } => Contract::proposeCall {
                kind: content.kind,
                subject: content.subject,
                values: content.values.clone(),
                memo: memo.clone(),
            }
            .abi_encode(),
            Ballot::VoteFor(id) => Contract::voteForCall { id: *id }.abi_encode(),
            Ballot::VoteAgainst(id) => Contract::voteAgainstCall { id: *id }.abi_encode(),
            Ballot::Rescind(id) => Contract::rescindCall { id: *id }.abi_encode(),
            Ballot::Execute(id) => Contract::executeCall { id: *id }.abi_encode(),
            Ballot::AddOperator(operator) => Contract::addOperatorCall { operator: *operator }.abi_encode(),
        };
        if let Some(mark) = self.mark {
            data.extend(MAGIC);
            data.extend(mark);
        }
        data.into()
    }
}
