//! A spare: a node without an identity of its own, which takes over one of several whose holder is gone.

use super::{FenceStore, JournalConfig, NodeConfig};
use alloy_primitives::Address;

/// Most identities that one spare stands by for.
pub const MAX_STANDBY_FOR: usize = 64;

/// Why `standbyFor` is refused. Every message names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StandbyError {
    /// A spare has none.
    #[error(
        "identity and standbyFor are both given: a spare has no identity of its own; give one of the two"
    )]
    OwnIdentity,
    /// Too many.
    #[error("standbyFor names {got} identities, at most {MAX_STANDBY_FOR} are allowed; use a second spare")]
    TooMany {
        /// Named.
        got: usize,
    },
    /// Named twice.
    #[error("standbyFor[{index}].address: {address} is named twice")]
    Twice {
        /// Which entry.
        index: usize,
        /// The identity.
        address: Address,
    },
    /// Without it two nodes would vote.
    #[error(
        "standbyFor[{index}].fence is missing: another node votes with {address}, and only a fence keeps the two apart"
    )]
    NoFence {
        /// Which entry.
        index: usize,
        /// The identity.
        address: Address,
    },
    /// What only the identity's own node may be.
    #[error("standbyFor[{index}].fence.{field} is set: it is for the node that has the identity as its own")]
    Own {
        /// Which entry.
        index: usize,
        /// Of the fence.
        field: &'static str,
    },
    /// Nobody has its id on record.
    #[error(
        "standbyFor[{index}].journal is not initialise: a spare's journal is on no record, what was voted for is in the fence's"
    )]
    Journal {
        /// Which entry.
        index: usize,
    },
    /// One record is of one identity.
    #[error(
        "standbyFor[{index}].fence.store is that of standbyFor[{before}]: each identity has a record of its own"
    )]
    OneStore {
        /// Which entry.
        index: usize,
        /// The one before.
        before: usize,
    },
}

impl NodeConfig {
    /// Whether `standbyFor` is what a spare may be told.
    pub fn check_standby_for(&self) -> Result<(), StandbyError> {
        let all = &self.standby_for;
        if self.identity.is_some() && !all.is_empty() {
            return Err(StandbyError::OwnIdentity);
        }
        if all.len() > MAX_STANDBY_FOR {
            return Err(StandbyError::TooMany { got: all.len() });
        }
        let store = |at: usize| -> Option<&FenceStore> { Some(&all.get(at)?.fence.as_ref()?.store) };
        for (index, identity) in all.iter().enumerate() {
            let (address, mut before) = (identity.address, all.iter().take(index));
            if before.any(|other| other.address == address) {
                return Err(StandbyError::Twice { index, address });
            }
            let Some(fence) = &identity.fence else { return Err(StandbyError::NoFence { index, address }) };
            if fence.preferred || fence.initialise {
                let field = if fence.preferred { "preferred" } else { "initialise" };
                return Err(StandbyError::Own { index, field });
            }
            if identity.journal != JournalConfig::Initialise {
                return Err(StandbyError::Journal { index });
            }
            if let Some(before) = (0..index).find(|before| store(*before) == Some(&fence.store)) {
                return Err(StandbyError::OneStore { index, before });
            }
        }
        Ok(())
    }
}
