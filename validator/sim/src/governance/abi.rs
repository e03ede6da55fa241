//! Calls as they are sent to the contract.

use super::{Call, Motion, Proof, RecordKind};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use chain::governance::{
    Governance::{
        acceptAdminCall, addNodeIdCall, addOperatorCall, assignSeatCall, executeCall, offerAdminCall,
        proposeCall, removeNodeIdCall, removeOperatorCall, replaceOperatorCall, rescindCall, resignCall,
        rotateSeatCall, seatCall, setRecordCall, sweepCall, unseatCall, voteAgainstCall, voteForCall,
    },
    Kind, RecordKind as Stored,
};

impl Call {
    /// The bytes; `sign` makes an identity's signature for a proof.
    pub fn encode(&self, sign: impl FnOnce(Address, &Proof) -> Bytes) -> Bytes {
        let bytes = match *self {
            Self::Seat { identity, ref proof } => {
                let signature = sign(identity, proof);
                seatCall { identity, proofBlock: proof.block, signature }.abi_encode()
            }
            Self::Unseat { identity } => unseatCall { identity }.abi_encode(),
            Self::RotateSeat { old, identity, ref proof } => {
                let signature = sign(identity, proof);
                rotateSeatCall { old, identity, proofBlock: proof.block, signature }.abi_encode()
            }
            Self::AssignSeat { identity, operator } => assignSeatCall { identity, operator }.abi_encode(),
            Self::AddOperator(operator) => addOperatorCall { operator }.abi_encode(),
            Self::RemoveOperator(operator) => removeOperatorCall { operator }.abi_encode(),
            Self::ReplaceOperator { old, operator } => replaceOperatorCall { old, operator }.abi_encode(),
            Self::OfferAdmin(offered) => offerAdminCall { offered }.abi_encode(),
            Self::AcceptAdmin(id) => acceptAdminCall { id }.abi_encode(),
            Self::Resign => resignCall {}.abi_encode(),
            Self::Propose { ref motion, ref memo } => {
                let (kind, subject, values) = motion.content();
                proposeCall { kind, subject, values, memo: memo.clone() }.abi_encode()
            }
            Self::VoteFor(id) => voteForCall { id }.abi_encode(),
            Self::VoteAgainst(id) => voteAgainstCall { id }.abi_encode(),
            Self::Rescind(id) => rescindCall { id }.abi_encode(),
            Self::Execute(id) => executeCall { id }.abi_encode(),
            Self::Sweep => sweepCall {}.abi_encode(),
            Self::AddNodeId((x, y)) => addNodeIdCall { x, y }.abi_encode(),
            Self::RemoveNodeId((x, y)) => removeNodeIdCall { x, y }.abi_encode(),
            Self::SetRecord { kind, key, ref value } => {
                setRecordCall { kind: kind.stored(), key, value: value.clone() }.abi_encode()
            }
        };
        bytes.into()
    }
}

impl RecordKind {
    /// As the contract names it.
    #[must_use]
    pub const fn stored(self) -> Stored {
        match self {
            Self::Routing => Stored::Routing,
            Self::Key => Stored::Key,
        }
    }
}

impl Motion {
    /// Kind, subject and values of `propose`.
    #[must_use]
    pub fn content(&self) -> (Kind, B256, Bytes) {
        let number = |number: u64| Bytes::from(U256::from(number).abi_encode());
        let subject = |member: u32| B256::from(U256::from(member));
        match *self {
            Self::Admit { admin, alias, capacity, operator } => {
                let values = (alias, U256::from(capacity), operator).abi_encode_params();
                (Kind::AdmitMember, admin.into_word(), values.into())
            }
            Self::Expel(member) => (Kind::ExpelMember, subject(member), Bytes::new()),
            Self::SetCapacity { member, capacity } => (Kind::SetCapacity, subject(member), number(capacity)),
            Self::SetParameters(changes) => {
                let words = changes.values.iter().chain([&changes.from_block]);
                let values: Vec<u8> = words.flat_map(|word| U256::from(*word).abi_encode()).collect();
                (Kind::SetParameters, B256::ZERO, values.into())
            }
            Self::ScheduleHardfork { name, at_block } => (Kind::ScheduleHardfork, name, number(at_block)),
            Self::SetNamedContract { name, location } => {
                (Kind::SetNamedContract, name, location.abi_encode().into())
            }
            Self::Upgrade { successor, at_block } => (Kind::Upgrade, successor.into_word(), number(at_block)),
        }
    }
}
