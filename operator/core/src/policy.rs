//! What may be done to a running network: ordered checks, each with a reason that a script can match and a message that a
//! person can act on. Thresholds come from `chain::quorum`, where the protocol has them.

mod may_evict;
mod may_leave;
mod may_restart;
mod may_seat;
mod turn;

pub use may_evict::{Evicting, may_evict};
pub use may_leave::{Leaving, may_leave};
pub use may_restart::{Other, Restarting, may_restart};
pub use may_seat::{Joining, may_replace, may_seat};
pub use turn::{TURN_BLOCKS, Turn};

use crate::{liveness::Hearing, names::IGNORE_QUORUM};

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

/// Blocks can be made; otherwise every further stop makes it harder to begin again.
fn network_healthy(hearing: &Hearing, node: &str, act: &str) -> Verdict {
    if hearing.healthy() {
        return Ok(());
    }
    refuse(
        "QuorumLost",
        format!(
            "{} of {} seats are heard, {} are needed for a block; bring the missing nodes back before {node} {act}",
            hearing.live.len(),
            hearing.total(),
            hearing.quorum(),
        ),
    )
}

/// Those that would still vote are a quorum. Where Q = N every stop pauses the network, and is done all the same.
fn quorum_of(left: usize, hearing: &Hearing, what: &str) -> Verdict {
    if hearing.needs_all() || left >= hearing.quorum() {
        return Ok(());
    }
    refuse(
        "WouldLoseQuorum",
        format!(
            "{} of {} seats vote now and {} are needed; {what} until one more votes",
            hearing.present.len(),
            hearing.total(),
            hearing.quorum(),
        ),
    )
}

/// Whether this member may begin a voluntary stop now.
fn turn_open(turn: Option<Turn>, height: u64, node: &str) -> Verdict {
    match turn {
        Some(turn) if turn.is_open(height) => Ok(()),
        Some(turn) => refuse(
            "NotOurTurn",
            format!(
                "members take turns: this one, {} of {}, may begin again at block {}, the newest is {height}; {node} waits",
                turn.place + 1,
                turn.members,
                turn.next(height),
            ),
        ),
        None => refuse(
            "TurnUnknown",
            format!("{node} waits until the Consortium's status lists the members, this one among them"),
        ),
    }
}

/// How a person goes on at his own risk.
fn overriding() -> String {
    format!("; to restart all the same set the annotation {IGNORE_QUORUM}=true")
}

#[cfg(test)]
mod tests;
