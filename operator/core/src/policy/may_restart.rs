//! May a node be restarted by choice?

use super::{Verdict, refuse};
use crate::liveness::Hearing;
use alloy_primitives::Address;

/// A node to restart, and the network it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Restarting<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Its identity, if it has one.
    pub identity: Option<Address>,
    /// Another node of the fleet that is not up, if any.
    pub other_down: Option<&'a str>,
    /// Who is heard; `None` when no node answers.
    pub hearing: Option<&'a Hearing>,
}

/// Ordered checks: one at a time, then the quorum.
pub fn may_restart(restarting: &Restarting<'_>) -> Verdict {
    let checks: [fn(&Restarting<'_>) -> Verdict; 2] = [
        // At most one node is down by choice, and none while another is down by chance.
        one_at_a_time,
        quorum_after,
    ];
    checks.iter().try_for_each(|check| check(restarting))
}

fn one_at_a_time(restarting: &Restarting<'_>) -> Verdict {
    match restarting.other_down {
        None => Ok(()),
        Some(other) => refuse("AnotherNodeDown", format!("{} waits until {other} is up", restarting.node)),
    }
}

/// live − 1 >= Q. Where N makes Q = N (one or two seats) every restart pauses the network, and is done all the same.
fn quorum_after(restarting: &Restarting<'_>) -> Verdict {
    let Some(hearing) = restarting.hearing else { return Ok(()) };
    let counted = restarting.identity.is_some_and(|identity| hearing.live.contains(&identity));
    if !counted || hearing.quorum() == hearing.total() || hearing.live.len() > hearing.quorum() {
        return Ok(());
    }
    refuse(
        "WouldLoseQuorum",
        format!(
            "{} of {} seats are heard and {} are needed; {} waits until one more is heard",
            hearing.live.len(),
            hearing.total(),
            hearing.quorum(),
            restarting.node
        ),
    )
}
