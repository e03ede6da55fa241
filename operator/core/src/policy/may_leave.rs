//! May a seat be given up?

use super::{Turn, Verdict, network_healthy, refuse, turn_open};
use crate::{liveness::Hearing, names::SKIP_UNSEAT};
use alloy_primitives::Address;
use chain::quorum::quorum;

/// A seat to give up, and the network it would leave.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Its identity.
    pub identity: Address,
    /// Who is heard.
    pub hearing: &'a Hearing,
    /// This member's place among the members; `None` while it is not known.
    pub turn: Option<Turn>,
}

/// Ordered checks: from the contract's limit to the quorum that remains.
pub fn may_leave(leaving: &Leaving<'_>) -> Verdict {
    let checks: [fn(&Leaving<'_>) -> Verdict; 4] = [
        // The contract refuses it, and a chain without seats is over.
        seat_remains,
        // Without quorum no block would hold the transaction.
        healthy,
        // Those that stay and vote now are a quorum of N - 1.
        quorum_after,
        // Two members that look at the same time would both see one vote to spare.
        our_turn,
    ];
    checks.iter().try_for_each(|check| check(leaving))
}

fn seat_remains(leaving: &Leaving<'_>) -> Verdict {
    if leaving.hearing.total() > 1 {
        return Ok(());
    }
    refuse(
        "LastSeat",
        format!(
            "{} holds the last seat of the network, which cannot be given up; to let it go with its seat set the annotation {SKIP_UNSEAT}=true",
            leaving.node
        ),
    )
}

fn healthy(leaving: &Leaving<'_>) -> Verdict {
    network_healthy(leaving.hearing, leaving.node, "leaves")
}

fn quorum_after(leaving: &Leaving<'_>) -> Verdict {
    let total = leaving.hearing.total().saturating_sub(1);
    let votes = leaving.hearing.present.iter().filter(|address| **address != leaving.identity).count();
    if votes >= quorum(total) {
        return Ok(());
    }
    refuse(
        "WouldLoseQuorum",
        format!(
            "without {} there would be {total} seats and a quorum of {}, of which {votes} vote now; bring the missing nodes back first, or raise spec.replicas again",
            leaving.node,
            quorum(total)
        ),
    )
}

/// A seat that nobody hears takes no vote with it.
fn our_turn(leaving: &Leaving<'_>) -> Verdict {
    if !leaving.hearing.live.contains(&leaving.identity) {
        return Ok(());
    }
    turn_open(leaving.turn, leaving.hearing.height, leaving.node)
}
