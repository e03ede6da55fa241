//! May a seat be given up?

use super::{Verdict, refuse};
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
}

/// Ordered checks: from the contract's limit to the quorum that remains.
pub fn may_leave(leaving: &Leaving<'_>) -> Verdict {
    let checks: [fn(&Leaving<'_>) -> Verdict; 3] = [
        // The contract refuses it, and a chain without seats is over.
        seat_remains,
        // Without quorum no block would hold the transaction.
        network_healthy,
        // live' >= Q(N - 1) of those that stay.
        quorum_after,
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

fn network_healthy(leaving: &Leaving<'_>) -> Verdict {
    let hearing = leaving.hearing;
    if hearing.healthy() {
        return Ok(());
    }
    refuse(
        "QuorumLost",
        format!(
            "{} of {} seats are heard, {} are needed for a block; bring the missing nodes back before {} leaves",
            hearing.live.len(),
            hearing.total(),
            hearing.quorum(),
            leaving.node
        ),
    )
}

fn quorum_after(leaving: &Leaving<'_>) -> Verdict {
    let total = leaving.hearing.total().saturating_sub(1);
    let live = leaving.hearing.live.iter().filter(|address| **address != leaving.identity).count();
    if live >= quorum(total) {
        return Ok(());
    }
    refuse(
        "WouldLoseQuorum",
        format!(
            "without {} there would be {total} seats and a quorum of {}, of which {live} are heard; bring the missing nodes back first",
            leaving.node,
            quorum(total)
        ),
    )
}
