//! Whether a fleet is calm enough for AKS to take a node from under it.

use crate::{
    api::validator::Phase,
    liveness::{Hearing, silent},
    observed::{FleetObserved, Neighbour, NodeObserved, PodObserved},
    plan::FleetPlan,
    validate::ValidFleet,
};
use std::collections::BTreeSet;

/// Pods that are bound to the pool: those wanted, and those above that have not left yet.
#[must_use]
pub fn pods(fleet: &ValidFleet, observed: &FleetObserved) -> u32 {
    let leaving = observed.nodes.iter().filter(|(index, node)| !fleet.wants(**index) && exists(node));
    fleet
        .replicas
        .saturating_add(fleet.standbys)
        .saturating_add(u32::try_from(leaving.count()).unwrap_or(u32::MAX))
}

fn exists(node: &NodeObserved) -> bool {
    node.statefulset.is_some() || node.pod.is_some()
}

/// Every wanted node does what it is for.
#[must_use]
pub fn running(fleet: &ValidFleet, plan: &FleetPlan) -> bool {
    let done = |phase| matches!(phase, Phase::Validating | Phase::Observing | Phase::Standby);
    let count = plan.nodes.iter().filter(|node| done(node.phase)).count();
    u32::try_from(count).is_ok_and(|count| count >= fleet.replicas.saturating_add(fleet.standbys))
}

/// AKS may choose a node with a validator on it, perhaps of another fleet: that one is then down until it runs elsewhere, as if
/// restarted by choice.
#[must_use]
pub fn may_shrink(fleet: &ValidFleet, observed: &FleetObserved, plan: &FleetPlan) -> bool {
    let idle = plan.waits.is_empty() && plan.stop.is_empty() && plan.restart.is_none();
    // An observer's vote is missed by nobody.
    let is_up = |neighbour: &Neighbour| {
        neighbour.address.is_none() || neighbour.pod.as_ref().is_some_and(PodObserved::is_up)
    };
    running(fleet, plan) && idle && observed.neighbours.iter().all(is_up) && may_lose_one(observed)
}

/// present − 1 >= Q, in our turn; where Q = N every move pauses the network, and is done all the same.
fn may_lose_one(observed: &FleetObserved) -> bool {
    let period = observed.genesis.as_ref().map(|genesis| genesis.block_period_s);
    let hearing = period.and_then(|period| Hearing::from_nodes(&observed.network, period));
    let Some(hearing) = hearing else { return true };
    let neighbours = observed.neighbours.iter().filter_map(|neighbour| neighbour.address);
    let own: BTreeSet<_> =
        observed.nodes.values().filter_map(NodeObserved::address).chain(neighbours).collect();
    if hearing.seats.is_disjoint(&own) {
        return true;
    }
    let hearing = hearing.clone().without(&silent(&own, &hearing, &observed.network));
    let is_ours = observed.turn.is_some_and(|turn| turn.is_open(hearing.height));
    is_ours && (hearing.needs_all() || hearing.present.len() > hearing.quorum())
}
