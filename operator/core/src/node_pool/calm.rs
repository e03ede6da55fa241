//! Whether a fleet is calm enough for AKS to take a node from under it.

use crate::{
    api::validator::Phase,
    liveness::Hearing,
    observed::{FleetObserved, NodeObserved},
    plan::FleetPlan,
    validate::ValidFleet,
};

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

/// AKS may choose a node with a validator on it: that one is then down until it runs elsewhere, as if restarted by choice.
#[must_use]
pub fn may_shrink(fleet: &ValidFleet, observed: &FleetObserved, plan: &FleetPlan) -> bool {
    let idle = plan.waits.is_empty() && plan.stop.is_empty() && plan.restart.is_none();
    let period = observed.genesis.as_ref().map(|genesis| genesis.block_period_s);
    let hearing = period.and_then(|period| Hearing::from_nodes(&observed.network, period));
    // live − 1 >= Q; where Q = N every move pauses the network, and is done all the same.
    let spare =
        |hearing: &Hearing| hearing.quorum() == hearing.total() || hearing.live.len() > hearing.quorum();
    running(fleet, plan) && idle && hearing.as_ref().is_none_or(spare)
}
