//! May a node be restarted by choice?

use super::{Turn, Verdict, network_healthy, overriding, quorum_of, refuse, turn_open};
use crate::{api::conditions::reasons, liveness::Hearing};
use alloy_primitives::Address;

/// A node to restart, and the network it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Restarting<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Its identity, if it has one.
    pub identity: Option<Address>,
    /// Another node of this member that keeps it waiting, if any.
    pub other: Option<Other<'a>>,
    /// Who is heard; `None` when no node answers.
    pub hearing: Option<&'a Hearing>,
    /// This member's place among the members; `None` while it is not known.
    pub turn: Option<Turn>,
    /// The user takes the risk: whatever the others' votes say, nodes restart one after the other.
    pub ignore_quorum: bool,
}

/// Why another node comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other<'a> {
    /// Its pod is not up.
    Down(&'a str),
    /// Its pod is up, and its vote has not been heard since it started.
    NotVoting(&'a str),
}

impl Restarting<'_> {
    /// Its stop would be felt: its seat is live. A seat that nobody hears, or none, costs nothing.
    fn counted(&self) -> Option<&Hearing> {
        let seat = self.identity?;
        self.hearing.filter(|hearing| hearing.live.contains(&seat) && !self.ignore_quorum)
    }

    /// Its stop pauses the network until it is back.
    #[must_use]
    pub fn pauses(&self) -> bool {
        let live = |hearing: &&Hearing| self.identity.is_some_and(|seat| hearing.live.contains(&seat));
        self.hearing.filter(live).is_some_and(Hearing::needs_all)
    }
}

/// Ordered checks: from our own nodes over the network's quorum to the other members' turns.
pub fn may_restart(restarting: &Restarting<'_>) -> Verdict {
    let checks: [fn(&Restarting<'_>) -> Verdict; 6] = [
        // At most one node is down by choice, and none while another is down by chance.
        one_at_a_time,
        // A node that is up and does not vote yet is as good as down.
        votes_again,
        // Without a node that answers nobody can say what the stop would cost.
        heard,
        // A halted network is left as it is: every restart only lengthens the halt.
        healthy,
        // Those that would still vote are a quorum.
        quorum_after,
        // Two members that look at the same time would both see one seat to spare.
        our_turn,
    ];
    checks.iter().try_for_each(|check| check(restarting))
}

fn one_at_a_time(restarting: &Restarting<'_>) -> Verdict {
    match restarting.other {
        Some(Other::Down(other)) => {
            refuse(reasons::ANOTHER_NODE_DOWN, format!("{} waits until {other} is up", restarting.node))
        }
        _ => Ok(()),
    }
}

fn votes_again(restarting: &Restarting<'_>) -> Verdict {
    match restarting.other {
        Some(Other::NotVoting(other)) if restarting.identity.is_some() && !restarting.ignore_quorum => {
            refuse(
                reasons::AWAITING_VOTES,
                format!("{} waits until the others hear {other} vote again{}", restarting.node, overriding()),
            )
        }
        _ => Ok(()),
    }
}

fn heard(restarting: &Restarting<'_>) -> Verdict {
    if restarting.hearing.is_some() || restarting.identity.is_none() || restarting.ignore_quorum {
        return Ok(());
    }
    refuse(
        reasons::NO_NODE_ANSWERS,
        format!(
            "{} waits until a node of the network says which seats it hears{}",
            restarting.node,
            overriding()
        ),
    )
}

fn healthy(restarting: &Restarting<'_>) -> Verdict {
    let Some(hearing) = restarting.counted() else { return Ok(()) };
    overridable(network_healthy(hearing, restarting.node, "restarts"))
}

fn quorum_after(restarting: &Restarting<'_>) -> Verdict {
    let Some(hearing) = restarting.counted() else { return Ok(()) };
    let left = hearing.present.iter().filter(|seat| Some(**seat) != restarting.identity).count();
    overridable(quorum_of(left, hearing, &format!("{} waits", restarting.node)))
}

fn our_turn(restarting: &Restarting<'_>) -> Verdict {
    let Some(hearing) = restarting.counted() else { return Ok(()) };
    overridable(turn_open(restarting.turn, hearing.height, restarting.node))
}

fn overridable(verdict: Verdict) -> Verdict {
    verdict.map_err(|refusal| super::Refusal { message: refusal.message + &overriding(), ..refusal })
}
