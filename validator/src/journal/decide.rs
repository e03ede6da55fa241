//! What to do about the journal found, as a pure function of it and of what the operator knows.

use super::Start;
use alloy_primitives::B256;
use chain::config::JournalConfig;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on with the one found, as it is (an inactive one keeps sitting out).
    Use,
    /// Go on with the one found and accept votes at once.
    UseAndActivate,
    /// Make a new one.
    Create(Start),
}

/// Decides. `found` is (id, id of the journal it replaced, whether it accepts votes).
///
/// A lost journal is not a first start: only an identity that never had one begins with [`JournalConfig::Initialise`].
pub fn decide(config: &JournalConfig, found: Option<(B256, Option<B256>, bool)>) -> Decision {
    match (config, found) {
        (JournalConfig::Initialise, None) => Decision::Create(Start::Active { replaces: None }),
        // The operator has not recorded the id yet; the disk has the truth.
        (JournalConfig::Initialise, Some(_)) => Decision::Use,
        (JournalConfig::Require { id }, Some((have, replaces, _)))
            if have == *id || replaces == Some(*id) =>
        {
            Decision::Use
        }
        // The one found may stand in for a lost one, whether or not its own id was recorded while it sat out.
        (JournalConfig::AcceptLoss { id, lost }, Some((have, replaces, active)))
            if have == *id || replaces == Some(*id) =>
        {
            let accepted = replaces.is_some_and(|replaced| lost.contains(&replaced));
            if accepted && !active { Decision::UseAndActivate } else { Decision::Use }
        }
        (JournalConfig::AcceptLoss { id, lost }, _) if lost.contains(id) => {
            Decision::Create(Start::Active { replaces: Some(*id) })
        }
        (JournalConfig::Require { id } | JournalConfig::AcceptLoss { id, .. }, _) => {
            Decision::Create(Start::Inactive { replaces: *id })
        }
    }
}
