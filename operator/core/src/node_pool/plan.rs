//! What to apply, and what the pool's state means for the fleet.

use super::{
    Demand, GROUP, KIND, PoolObserved, PoolReady, Sizing, next_count, object::object, restated, version,
};
use crate::{
    api::{
        Validator,
        conditions::{ConditionStatus, reasons},
        validator::{AsoPool, HostSpread, NodePool},
    },
    plan::Wait,
    validate::ValidFleet,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the pool stands in.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Versions of the kind that the API server serves; `None` without Azure Service Operator.
    pub served: Option<&'a [String]>,
    /// The pool object, if there is one.
    pub found: Option<&'a PoolObserved>,
    /// Other fleets of the namespace on this pool.
    pub neighbours: &'a [Neighbour],
    /// Pods of the fleet: those wanted, and those above that have not left yet.
    pub pods: u32,
    /// Every wanted node of the fleet runs.
    pub running: bool,
    /// A node of the fleet may be moved: all run, and the quorum spares one.
    pub may_shrink: bool,
}

/// Another fleet of the namespace that is bound to the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// It makes the pool too.
    pub makes: bool,
    /// Its pods.
    pub pods: u32,
}

/// A fleet of the namespace as a neighbour, if it is another one and on the pool.
#[must_use]
pub fn neighbour(fleet: &ValidFleet, pool: &NodePool, other: &Validator) -> Option<Neighbour> {
    let name = other.metadata.name.clone()?;
    let theirs = other.spec.node_pool.as_ref().filter(|theirs| theirs.name == pool.name)?;
    let going = other.metadata.deletion_timestamp.is_some();
    let there = other.status.as_ref().map_or(0, |status| status.replicas);
    let spares = other.spec.standbys.max(0);
    let there = if there == 0 { 0 } else { there.saturating_add(spares) };
    let wanted = if going { 0 } else { other.spec.replicas.saturating_add(spares) };
    (name != fleet.name.0).then(|| Neighbour {
        name,
        makes: theirs.made().is_some() && !going,
        pods: u32::try_from(wanted.max(there)).unwrap_or(0),
    })
}

/// What to do about the pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolPlan {
    /// Managed fields to write before anything is applied.
    pub restate: Option<Value>,
    /// The object to apply; `None` where nothing may be written.
    pub apply: Option<Value>,
    /// What it means.
    pub state: PoolState,
}

/// The fleet's `NodePoolReady` condition, and what the fleet waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// Whether the pool is as the fleet needs it.
    pub status: ConditionStatus,
    /// One word.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
    /// A person must act.
    pub stalled: bool,
    /// The fleet waits for it; a fleet whose nodes all run waits for no work on its pool.
    pub waits: bool,
}

impl PoolState {
    const fn stalled(reason: &'static str, message: String) -> Self {
        Self { status: ConditionStatus::False, reason, message, stalled: true, waits: true }
    }

    /// What the fleet waits for.
    #[must_use]
    pub fn wait(&self) -> Option<Wait> {
        let wait = Wait { reason: self.reason, message: self.message.clone(), stalled: self.stalled };
        self.waits.then_some(wait)
    }
}

/// The API server does not let the operator at the kind.
#[must_use]
pub fn forbidden(said: &str) -> PoolState {
    let message = format!(
        "install the chart with nodePools.aso.enabled=true, or make the pool by hand and set spec.nodePool.manage None: {said}"
    );
    PoolState::stalled(reasons::NODE_POOL_FORBIDDEN, message)
}

/// The API server, or Azure Service Operator behind it, refused the object.
#[must_use]
pub fn refused(pool: &NodePool, said: &str) -> PoolState {
    PoolState::stalled(reasons::NODE_POOL_REFUSED, format!("{KIND} {}: {said}", pool.name))
}

/// What a person who deletes the fleet should know.
#[must_use]
pub fn left_behind(fleet: &ValidFleet) -> Option<String> {
    let pool = fleet.node_pool.as_ref().filter(|pool| pool.made().is_some())?;
    Some(format!("node pool {} and its {KIND} stay, docs/node-pools.md says how to delete them", pool.name))
}

/// Plans the pool of a fleet that makes one.
#[must_use]
pub fn plan(fleet: &ValidFleet, pool: &NodePool, made: &AsoPool, around: &Surroundings<'_>) -> PoolPlan {
    let nothing = |state| PoolPlan { restate: None, apply: None, state };
    let applied = around.found.and_then(|found| found.applied_version.as_deref());
    let Some(version) = around.served.and_then(|served| version(served, applied)) else {
        return nothing(PoolState::stalled(reasons::AZURE_SERVICE_OPERATOR_MISSING, missing(around.served)));
    };
    if let Some(state) = around.found.and_then(|found| not_ours(pool, found, around.neighbours)) {
        return nothing(state);
    }
    let demand = demand(pool, made, around);
    let sizing = sizing(made, around, demand.nodes());
    let none = BTreeMap::new();
    let held = around.found.map_or(&none, |found| &found.held);
    let state = too_small(pool, around.found, sizing, &demand)
        .unwrap_or_else(|| verdict(pool, around, version, sizing, &demand));
    let restate =
        around.found.zip(around.served).and_then(|(found, served)| restated(&found.live, served, version));
    PoolPlan { restate, apply: Some(object(fleet, &pool.name, made, version, sizing, held)), state }
}

fn missing(served: Option<&[String]>) -> String {
    let what = match served {
        None => format!("the API server has no {KIND} of {GROUP}"),
        Some(served) => format!("{KIND} is served only as {}", served.join(", ")),
    };
    format!(
        "spec.nodePool.manage is ASO, but {what}: install Azure Service Operator with that kind, or make the pool by hand and set spec.nodePool.manage None"
    )
}

fn not_ours(pool: &NodePool, found: &PoolObserved, neighbours: &[Neighbour]) -> Option<PoolState> {
    let name = &pool.name;
    if !found.ours {
        let message = format!(
            "{KIND} {name} was made by somebody else and is left alone: set spec.nodePool.manage None to use it as it is, or give spec.nodePool.name another name"
        );
        return Some(PoolState::stalled(reasons::NODE_POOL_FOREIGN, message));
    }
    let claims = |other: &&Neighbour| other.makes && found.fleet.as_ref() == Some(&other.name);
    if let Some(other) = neighbours.iter().find(claims) {
        let message = format!(
            "{KIND} {name} belongs to Validator {}, which counts this fleet's pods too: set spec.nodePool.manage None here",
            other.name
        );
        return Some(PoolState::stalled(reasons::NODE_POOL_CLAIMED, message));
    }
    let going = || PoolState {
        status: ConditionStatus::False,
        reason: reasons::NODE_POOL_PROVISIONING,
        message: format!("{KIND} {name} is being deleted; it is made anew once it is gone"),
        stalled: false,
        waits: true,
    };
    found.deleting.then(going)
}

fn demand(pool: &NodePool, made: &AsoPool, around: &Surroundings<'_>) -> Demand {
    let others = around.neighbours.iter().map(|other| other.pods);
    Demand {
        pods: others.fold(around.pods, u32::saturating_add),
        spread: pool.host_spread.unwrap_or_default(),
        zones: u32::try_from(made.availability_zones.len()).unwrap_or(0),
    }
}

fn sizing(made: &AsoPool, around: &Surroundings<'_>, nodes: u32) -> Sizing {
    let found = around.found;
    if found.is_some_and(|found| held(found, "enableAutoScaling").is_some() && autoscaled(found)) {
        return Sizing::Theirs;
    }
    if let Some(autoscaling) = made.autoscaling {
        let max = u32::try_from(autoscaling.max_count).unwrap_or(1);
        let seed = (!found.is_some_and(|found| found.exists)).then_some(nodes.min(max));
        return Sizing::Autoscaled { seed, min: nodes.min(max), max };
    }
    // What was asked for before is done: AKS never takes two nodes at once.
    let done = found.is_some_and(|found| found.ready == PoolReady::Ready);
    let now = found.and_then(|found| found.count);
    Sizing::Fixed(next_count(now, nodes, around.may_shrink && done))
}

fn held<'a>(found: &'a PoolObserved, field: &str) -> Option<&'a str> {
    found.held.get(field).map(String::as_str)
}

fn autoscaled(found: &PoolObserved) -> bool {
    found.live.pointer("/spec/enableAutoScaling").and_then(Value::as_bool).unwrap_or(false)
}

/// Somebody's bound that leaves pods without a node.
fn too_small(
    pool: &NodePool,
    found: Option<&PoolObserved>,
    sizing: Sizing,
    demand: &Demand,
) -> Option<PoolState> {
    let field = if matches!(sizing, Sizing::Fixed(_)) { "count" } else { "maxCount" };
    let theirs = found.and_then(|found| {
        let most = found.live.pointer("/spec")?.get(field)?.as_u64()?;
        Some((most, held(found, field)?))
    });
    let (most, who) = match (theirs, sizing) {
        (Some((most, manager)), _) => {
            (most, format!("spec.{field} of {KIND} {}, held by {manager}", pool.name))
        }
        (None, Sizing::Autoscaled { max, .. }) => {
            (u64::from(max), "spec.nodePool.aso.autoscaling.maxCount".to_owned())
        }
        (None, Sizing::Fixed(_) | Sizing::Theirs) => return None,
    };
    let nodes = demand.nodes();
    (most < u64::from(nodes)).then(|| {
        let message = format!("{}, but {who}, is {most}: raise it", needs(demand));
        PoolState::stalled(reasons::NODE_POOL_TOO_SMALL, message)
    })
}

fn needs(demand: &Demand) -> String {
    let rows = match demand.spread {
        HostSpread::Required if demand.zones > 1 => format!(" in rows of {} zones", demand.zones),
        HostSpread::Required | HostSpread::Preferred => String::new(),
    };
    format!("{} pods with a node each{rows} need {} nodes", demand.pods, demand.nodes())
}

fn verdict(
    pool: &NodePool,
    around: &Surroundings<'_>,
    version: &str,
    sizing: Sizing,
    demand: &Demand,
) -> PoolState {
    let asked = PoolReady::Working(format!("asked for by {version}"));
    let ready = around.found.map_or(&asked, |found| &found.ready);
    let (status, reason, said) = match ready {
        PoolReady::Ready => (ConditionStatus::True, reasons::SETTLED, None),
        PoolReady::Working(_) if around.running => (ConditionStatus::True, reasons::SETTLED, None),
        PoolReady::Working(said) | PoolReady::Retrying(said) => {
            (ConditionStatus::False, reasons::NODE_POOL_PROVISIONING, Some(said))
        }
        PoolReady::Failed(said) => (ConditionStatus::False, reasons::NODE_POOL_FAILED, Some(said)),
    };
    let stalled = reason == reasons::NODE_POOL_FAILED;
    let message = match said {
        Some(said) => format!("{KIND} {}: {said}", pool.name),
        None => match around.found.and_then(|found| held(found, "count")) {
            Some(manager) => format!("{}; {manager} holds spec.count", needs(demand)),
            None => format!("{}{}", needs(demand), shown(sizing, demand.nodes())),
        },
    };
    let waits = stalled || (said.is_some() && !around.running);
    PoolState { status, reason, message, stalled, waits }
}

fn shown(sizing: Sizing, nodes: u32) -> String {
    match sizing {
        Sizing::Fixed(count) if count > nodes => {
            format!("; it has {count}, and gives up one at a time while every node votes")
        }
        Sizing::Fixed(_) => String::new(),
        Sizing::Autoscaled { min, max, .. } => format!("; the cluster autoscaler keeps {min} to {max}"),
        Sizing::Theirs => "; another field manager has its autoscaler".to_owned(),
    }
}
