//! May a node be given a seat?

use super::{Verdict, network_healthy, quorum_of, refuse};
use crate::{api::conditions::reasons, liveness::Hearing, observed::MemberObserved};
use alloy_primitives::Address;
use chain::{
    quorum::quorum,
    status::{Fence, FenceRole, NodeStatus},
};

/// A node that wants a seat, and the network it would join.
#[derive(Clone, Copy, Debug)]
pub struct Joining<'a> {
    /// The node's name.
    pub node: &'a str,
    /// What it says of itself.
    pub status: Option<&'a NodeStatus>,
    /// How its identity's fence stands with the node that would vote; `None` where the identity cannot move.
    pub fence: Option<&'a Fence>,
    /// Who is heard.
    pub hearing: &'a Hearing,
    /// Our member on chain.
    pub member: Option<&'a MemberObserved>,
    /// Account that would seat it.
    pub operator: Address,
    /// Newest block.
    pub height: u64,
}

/// Ordered checks: from the node, over the network, to the contract's limits.
pub fn may_seat(joining: &Joining<'_>) -> Verdict {
    let checks: [fn(&Joining<'_>) -> Verdict; 9] = [
        // A seat without a synced node behind it only raises the quorum.
        synced,
        // So does one whose node is granted no vote, however well it follows the chain.
        held,
        // Without quorum no block would hold the transaction.
        healthy,
        // The new seat raises Q; what votes now must still reach it.
        quorum_after,
        member_known,
        operator_known,
        within_capacity,
        // The contract lets one member add one seat per interval after its first batch.
        interval_over,
        has_proof,
    ];
    checks.iter().try_for_each(|check| check(joining))
}

/// The same where the seat of `old` is taken over: as many seats as before, so neither capacity nor interval counts.
pub fn may_replace(joining: &Joining<'_>, old: Address) -> Verdict {
    let checks: [fn(&Joining<'_>) -> Verdict; 6] =
        [synced, held, healthy, member_known, operator_known, has_proof];
    checks.iter().try_for_each(|check| check(joining))?;
    let hearing = joining.hearing;
    let others = hearing.present.iter().filter(|seat| **seat != old).count();
    quorum_of(others, hearing, &format!("{} takes no seat over", joining.node))
}

fn synced(joining: &Joining<'_>) -> Verdict {
    match joining.status {
        None => refuse("NodeNotReachable", format!("{} does not answer yet", joining.node)),
        Some(status) if !status.ready => {
            let why = status.not_ready_reason.as_deref().unwrap_or("it is not caught up");
            refuse("NodeNotSynced", format!("{} is not ready: {why}", joining.node))
        }
        Some(_) => Ok(()),
    }
}

/// Whoever holds the identity votes. Of a fence in trouble its word is told, which stays the same; the message may have numbers.
fn held(joining: &Joining<'_>) -> Verdict {
    let Some(fence) = joining.fence else { return Ok(()) };
    let why = match (&fence.reason, &fence.holder) {
        (None, _) if fence.role == FenceRole::Holder => return Ok(()),
        (Some(word), _) => {
            format!("its fence says {word}, and the Degraded condition of its Validator what to do")
        }
        (None, Some(holder)) => format!("{holder} holds its identity and is not ready to vote"),
        (None, None) => "no node holds its identity yet".to_owned(),
    };
    refuse("IdentityNotHeld", format!("{} would be silent in its seat: {why}", joining.node))
}

fn healthy(joining: &Joining<'_>) -> Verdict {
    network_healthy(joining.hearing, joining.node, "is seated")
}

fn quorum_after(joining: &Joining<'_>) -> Verdict {
    let (votes, total) = (joining.hearing.present.len() + 1, joining.hearing.total() + 1);
    if votes >= quorum(total) {
        return Ok(());
    }
    refuse(
        "WouldLoseQuorum",
        format!(
            "with {} there would be {total} seats and a quorum of {}, of which {votes} vote now; bring the missing nodes back first",
            joining.node,
            quorum(total)
        ),
    )
}

fn member_known(joining: &Joining<'_>) -> Verdict {
    match joining.member {
        Some(_) => Ok(()),
        None => refuse("NotMember", "this member is not in the governance contract".to_owned()),
    }
}

fn operator_known(joining: &Joining<'_>) -> Verdict {
    match joining.member {
        Some(member) if !member.operators.contains(&joining.operator) => refuse(
            reasons::OPERATOR_UNKNOWN,
            format!(
                "{} has not yet named {} as an operator account: list it in spec.governance.operators where the admin votes, or let the admin call addOperator",
                member.alias, joining.operator
            ),
        ),
        _ => Ok(()),
    }
}

fn within_capacity(joining: &Joining<'_>) -> Verdict {
    match joining.member {
        Some(member) if member.seats >= member.capacity => refuse(
            "CapacityReached",
            format!(
                "{} holds {} of the {} seats that the members grant it; ask them for more capacity, or lower spec.replicas",
                member.alias, member.seats, member.capacity
            ),
        ),
        _ => Ok(()),
    }
}

fn interval_over(joining: &Joining<'_>) -> Verdict {
    match joining.member {
        Some(member) if member.next_seat_block > joining.height.saturating_add(1) => refuse(
            "SeatTooSoon",
            format!(
                "the contract lets {} add its next seat at block {}, the newest is {}",
                member.alias, member.next_seat_block, joining.height
            ),
        ),
        _ => Ok(()),
    }
}

fn has_proof(joining: &Joining<'_>) -> Verdict {
    let proof =
        joining.status.and_then(|status| status.identity.as_ref()).and_then(|id| id.seat_proof.as_ref());
    match proof {
        Some(_) => Ok(()),
        None => refuse("NoSeatProof", format!("{} has not yet signed a proof of its identity", joining.node)),
    }
}
