//! May somebody else, as a drain of a Kubernetes node, stop one of our nodes now?

use super::{Verdict, quorum_of, refuse};
use crate::{api::conditions::reasons, liveness::Hearing, names::NodeName};
use alloy_primitives::Address;
use std::collections::BTreeSet;

/// Our nodes as an eviction would find them.
#[derive(Clone, Copy, Debug)]
pub struct Evicting<'a> {
    /// Who is heard.
    pub hearing: &'a Hearing,
    /// Seats of ours whose node is up and has not voted since.
    pub settling: &'a BTreeSet<Address>,
    /// Nodes of ours that are down until somebody helps them, and why.
    pub broken: &'a [(NodeName, &'static str)],
}

/// Ordered checks. That no second pod goes while one is not ready is Kubernetes' own count; what it cannot know is the rest.
pub fn may_evict(evicting: &Evicting<'_>) -> Verdict {
    let checks: [fn(&Evicting<'_>) -> Verdict; 3] = [
        // A pod that is ready and does not vote yet is as good as down.
        votes_again,
        // present − 1 >= Q.
        quorum_after,
        // Kubernetes takes a pod that is broken for the one that may be down, and lets as many more go once it is mended.
        none_broken,
    ];
    checks.iter().try_for_each(|check| check(evicting))
}

fn votes_again(evicting: &Evicting<'_>) -> Verdict {
    match evicting.settling.first() {
        None => Ok(()),
        Some(seat) => refuse(
            reasons::AWAITING_VOTES,
            format!("evictions wait until the others hear the seat {seat}, whose node is up again"),
        ),
    }
}

fn quorum_after(evicting: &Evicting<'_>) -> Verdict {
    let left = evicting.hearing.present.len().saturating_sub(1);
    quorum_of(left, evicting.hearing, "evictions wait")
}

fn none_broken(evicting: &Evicting<'_>) -> Verdict {
    let (hearing, broken) = (evicting.hearing, evicting.broken);
    let left = hearing.present.len().saturating_sub(1 + broken.len());
    let Some((node, reason)) = broken.first().filter(|_| !hearing.needs_all() && left < hearing.quorum())
    else {
        return Ok(());
    };
    let more = broken.len() - 1;
    let others = if more == 0 { String::new() } else { format!(" and {more} more") };
    refuse(
        reasons::ANOTHER_NODE_DOWN,
        format!(
            "{node} is down ({reason}){others}, and the disruption budget takes it for the one that may be; help it, or lower spec.replicas if it holds no seat"
        ),
    )
}
