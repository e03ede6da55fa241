//! What may be done to a running network: ordered checks, each with a reason that a script can match and a message that a
//! person can act on. Thresholds come from `chain::quorum`, where the protocol has them.

mod may_leave;
mod may_restart;
mod may_seat;

pub use may_leave::{Leaving, may_leave};
pub use may_restart::{Restarting, may_restart};
pub use may_seat::{Joining, may_seat};

/// Why something is not done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One word.
    pub reason: &'static str,
    /// What is missing, with the arithmetic.
    pub message: String,
}

/// A policy's answer.
pub type Verdict = Result<(), Refusal>;

fn refuse(reason: &'static str, message: String) -> Verdict {
    Err(Refusal { reason, message })
}

#[cfg(test)]
mod tests;
