//! What to do this pass and why: pure decisions over what was observed.

mod consortium;
mod fleet;
mod join;

pub use consortium::{ConsortiumPlan, SeatMove, consortium};
pub use fleet::{Failure, FleetPlan, Grow, KeyWanted, Note, Release, Restart, fleet};
pub(crate) use join::{operators, trouble};

/// Something that is not as wanted, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// One word.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
    /// Whether a person must act: then the object is stalled, else it goes on by itself.
    pub stalled: bool,
}

impl Wait {
    /// It goes on by itself.
    #[must_use]
    pub fn passing(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), stalled: false }
    }

    /// A person must act.
    #[must_use]
    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), stalled: true }
    }
}

#[cfg(test)]
mod tests;
