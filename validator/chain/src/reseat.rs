//! Emergency re-seat (ADR 34): when seats are lost for good and the chain is halted, a strict majority of the admins names
//! the validators of the next height.
//!
//! The record stands in the header of the block that it makes possible, as a sixth item of `extraData`; chain, height and
//! parent are that header's own. Whoever syncs later reads it there. Before that block exists it travels as a
//! [`RecoveryRecord`], a document of its own.

mod document;

pub use document::{RECOVERY_VERSION, RecoveryError, RecoveryRecord};

use crate::{
    governance::{GOVERNANCE, MAX_MEMBERS, MAX_SEATS, MemberView},
    signature::{Seal, SignatureError, recover},
};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use alloy_sol_types::{SolStruct, eip712_domain};
use serde::{Deserialize, Serialize};

/// Distance between the first rounds of two sets of one height: above every round that a set may enter.
pub const ROUNDS_PER_ATTEMPT: u32 = 2_000_000;
/// Records that may follow one another at one height.
pub const MAX_ATTEMPTS: u32 = 1000;

mod typed {
    alloy_sol_types::sol! {
        struct RecoverySeat { address identity; address operator; }
        struct Recovery { uint64 height; bytes32 parentHash; uint32 attempt; RecoverySeat[] seats; }
    }
}

/// A seat as the record names it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, RlpEncodable, RlpDecodable,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedSeat {
    /// The validator's address.
    pub identity: Address,
    /// Operator account that owns the seat; its member is the seat's.
    pub operator: Address,
}

/// What the admins decided: all seats from its height on, and their signatures.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Reseat {
    /// 1 for the first record of a height, more for one that takes an earlier one's place.
    pub attempt: u32,
    /// Ascending by identity.
    pub seats: Vec<NamedSeat>,
    /// Of admins, ascending by their addresses.
    pub signatures: Vec<Seal>,
}

/// Why a record is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReseatError {
    /// Out of bounds.
    #[error("attempt is {got}, allowed are 1 to {MAX_ATTEMPTS}")]
    Attempt {
        /// Named.
        got: u32,
    },
    /// None, or more than a network has.
    #[error("record names {got} seats, allowed are 1 to {MAX_SEATS}")]
    Seats {
        /// Named.
        got: usize,
    },
    /// Twice, or out of order.
    #[error("identity {0} does not follow the one before it; name each once, ascending")]
    Order(Address),
    /// Zero, or the address of an account.
    #[error("{0} cannot be an identity: it is zero or an account of a member; give every role its own key")]
    Identity(Address),
    /// Nobody's.
    #[error("operator {operator} of seat {identity} is no operator account of a member in the halted state")]
    Operator {
        /// Seat.
        identity: Address,
        /// Named.
        operator: Address,
    },
    /// Not a signature.
    #[error("signature {index}: {source}")]
    Signature {
        /// Which.
        index: usize,
        /// Why.
        source: SignatureError,
    },
    /// Signed by somebody else, or something else.
    #[error(
        "signature is of {0}, who is no admin of a member in the halted state, or signed another record; admins that are contracts cannot sign"
    )]
    NotAdmin(Address),
    /// Twice, or out of order.
    #[error("signature of {0} does not follow the one before it; give each once, ascending by admin")]
    SignatureOrder(Address),
    /// No majority.
    #[error("{got} of {members} admins signed, a strict majority is {want}")]
    Majority {
        /// Distinct admins that signed.
        got: usize,
        /// Needed.
        want: usize,
        /// Members in the halted state.
        members: usize,
    },
}

impl Reseat {
    /// What admins sign: EIP-712, domain `Quorate Recovery` version 1 of the chain and its governance contract.
    #[must_use]
    pub fn digest(&self, chain_id: u64, height: u64, parent_hash: B256) -> B256 {
        let seat =
            |seat: &NamedSeat| typed::RecoverySeat { identity: seat.identity, operator: seat.operator };
        let record = typed::Recovery {
            height,
            parentHash: parent_hash,
            attempt: self.attempt,
            seats: self.seats.iter().map(seat).collect(),
        };
        record.eip712_signing_hash(&eip712_domain! {
            name: "Quorate Recovery",
            version: "1",
            chain_id: chain_id,
            verifying_contract: GOVERNANCE,
        })
    }

    /// Round in which the set begins.
    #[must_use]
    pub const fn first_round(&self) -> u32 {
        self.attempt.saturating_mul(ROUNDS_PER_ATTEMPT)
    }

    /// The validators, ascending.
    #[must_use]
    pub fn validators(&self) -> Vec<Address> {
        self.seats.iter().map(|seat| seat.identity).collect()
    }

    /// What can be said without signatures: bounds, order, roles.
    pub fn check_seats(&self, members: &[MemberView]) -> Result<(), ReseatError> {
        if !(1..=MAX_ATTEMPTS).contains(&self.attempt) {
            return Err(ReseatError::Attempt { got: self.attempt });
        }
        if !(1..=MAX_SEATS).contains(&self.seats.len()) {
            return Err(ReseatError::Seats { got: self.seats.len() });
        }
        let mut last = Address::ZERO;
        for NamedSeat { identity, operator } in self.seats.iter().copied() {
            if identity <= last {
                return Err(if identity.is_zero() {
                    ReseatError::Identity(identity)
                } else {
                    ReseatError::Order(identity)
                });
            }
            let has_role = |member: &MemberView| {
                [member.admin, member.offeredAdmin].contains(&identity)
                    || member.operators.contains(&identity)
            };
            if members.iter().any(has_role) {
                return Err(ReseatError::Identity(identity));
            }
            if !members.iter().any(|member| member.operators.contains(&operator)) {
                return Err(ReseatError::Operator { identity, operator });
            }
            last = identity;
        }
        Ok(())
    }

    /// Whether the members' admins, those of the state that `digest` builds on, decided this.
    pub fn check(&self, digest: B256, members: &[MemberView]) -> Result<(), ReseatError> {
        self.check_seats(members)?;
        let want = majority(members.len());
        let got = self.signatures.len();
        // Before paying for their recovery.
        if got < want || got > MAX_MEMBERS {
            return Err(ReseatError::Majority { got, want, members: members.len() });
        }
        let mut last = Address::ZERO;
        for (index, signature) in self.signatures.iter().enumerate() {
            let admin =
                recover(digest, signature).map_err(|source| ReseatError::Signature { index, source })?;
            if !members.iter().any(|member| member.admin == admin) {
                return Err(ReseatError::NotAdmin(admin));
            }
            if admin <= last {
                return Err(ReseatError::SignatureOrder(admin));
            }
            last = admin;
        }
        Ok(())
    }
}

/// Smallest number of members that is more than half of them.
#[must_use]
pub const fn majority(members: usize) -> usize {
    (members / 2).saturating_add(1)
}

#[cfg(test)]
mod tests;
