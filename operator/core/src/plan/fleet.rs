//! The fleet's plan: keys to make, nodes to run, stop or restart, journals to record, and whether it may be let go.

mod keys;
mod objects;
mod phase;
mod pool;
mod restart;
mod standby;
mod stop;
mod volumes;

pub use restart::{Note, Restart};
pub use volumes::Grow;

use super::Wait;
use crate::{
    api::validator::NodeState,
    build::FleetInputs,
    liveness::{Hearing, seats_for_sure, silent, unheard},
    names::NodeName,
    node_pool::PoolState,
    observed::{FleetObserved, NodeObserved},
    validate::ValidFleet,
    vault::{KeyState, Task},
};
use alloy_primitives::{Address, B256};
use chain::status::NodeStatus;
use k8s_openapi::api::core::v1::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// What to do for a fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetPlan {
    /// Key Secrets to make.
    pub keys: Vec<KeyWanted>,
    /// What is wanted of the vault.
    pub vault: Option<Task>,
    /// How the keys stand that are in a vault.
    pub key_states: Vec<KeyState>,
    /// Key Secrets that a person restored and that lack their labels.
    pub adopt: Vec<Secret>,
    /// Objects to apply; nothing while the fleet is being deleted.
    pub objects: Option<FleetInputs>,
    /// Journal ids to record: name of the identity's Secret, id.
    pub journals: Vec<(String, B256)>,
    /// Identities whose first record is to be remembered: names of their Secrets.
    pub records: Vec<String>,
    /// Leases to make: whose identity's, and the identity.
    pub leases: Vec<(NodeName, Address)>,
    /// Nodes to stop: their StatefulSet and ConfigMap go, key and disk stay.
    pub stop: Vec<NodeName>,
    /// Stopped nodes whose ConfigMap is there again: it goes.
    pub unconfigure: Vec<NodeName>,
    /// The one disk to grow.
    pub grow: Option<Grow>,
    /// The one pod to restart.
    pub restart: Option<Restart>,
    /// The finalizer may go.
    pub release: Option<Release>,
    /// How the node pool stands that the operator makes for the fleet.
    pub node_pool: Option<PoolState>,
    /// Where every node stands.
    pub nodes: Vec<NodeState>,
    /// Nodes that somebody must help.
    pub failures: Vec<Failure>,
    /// What is not as wanted.
    pub waits: Vec<Wait>,
}

/// A key Secret to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyWanted {
    /// Of an identity.
    Identity(NodeName),
    /// Of a node.
    P2p(NodeName),
}

/// A node that cannot go on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its name.
    pub node: String,
    /// One word.
    pub reason: &'static str,
    /// What is, and what to do.
    pub message: String,
}

/// Why a fleet is let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// One word.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
    /// By an annotation that disregards the seats.
    pub overridden: bool,
}

/// Plans one pass; `default_image` is used for fleets that have never had one.
#[must_use]
pub fn fleet(valid: &ValidFleet, observed: &FleetObserved, default_image: &str) -> FleetPlan {
    let mut planner = Planner::new(valid, observed);
    planner.phases();
    if valid.deleting {
        planner.plan.release = planner.release();
    } else {
        planner.keys();
        planner.unfenced();
        planner.objects(default_image);
        planner.journals();
        planner.records();
        planner.volumes();
        planner.stop();
        planner.unconfigure();
        planner.restart();
    }
    planner.plan
}

struct Planner<'a> {
    valid: &'a ValidFleet,
    observed: &'a FleetObserved,
    plan: FleetPlan,
    /// Who is heard.
    hearing: Option<Hearing>,
    /// Who holds a seat, by the word of a node that has caught up.
    seats: Option<BTreeSet<Address>>,
    /// The member's seats that do not vote now, those of its other fleets too.
    silent: BTreeSet<Address>,
    /// Those of them whose nodes are well for minutes.
    unheard: BTreeSet<Address>,
    /// Which node holds which identity, where identities can move.
    holders: BTreeMap<Address, String>,
    /// Who takes over from the spares that stop in this pass.
    claimed: BTreeSet<u32>,
}

impl<'a> Planner<'a> {
    fn new(valid: &'a ValidFleet, observed: &'a FleetObserved) -> Self {
        let period = observed.genesis.as_ref().map(|genesis| genesis.block_period_s);
        let hearing = period.and_then(|period| Hearing::from_nodes(&observed.network, period));
        let hash = observed.genesis.as_ref().map(|genesis| genesis.hash);
        let seats = hash.and_then(|hash| seats_for_sure(&observed.network, hash));
        let neighbours = observed.neighbours.iter().filter_map(|neighbour| neighbour.address);
        let holders = standby::holders(valid, observed);
        // What another cluster's nodes vote for is silent here, and heard.
        let ours = |identity: &Address| {
            let holder = || holders.get(identity).and_then(|holder| NodeName::parse(&valid.name.0, holder));
            !valid.stands_by() || holder().is_some()
        };
        let own = observed.nodes.values().filter_map(NodeObserved::address).filter(ours);
        let own = own.chain(neighbours).collect();
        let of = |seats: fn(&BTreeSet<Address>, &Hearing, &[NodeStatus]) -> BTreeSet<Address>| {
            hearing.as_ref().map_or_else(BTreeSet::new, |hearing| seats(&own, hearing, &observed.network))
        };
        let (silent, unheard) = (of(silent), of(unheard));
        let (plan, claimed) = (FleetPlan::default(), BTreeSet::new());
        Self { valid, observed, plan, hearing, seats, silent, unheard, holders, claimed }
    }

    /// Who votes now: what is heard, less the seats of ours that are known to be silent.
    fn steady(&self) -> Option<Hearing> {
        self.hearing.clone().map(|hearing| hearing.without(&self.silent))
    }

    fn name(&self, index: u32) -> NodeName {
        self.valid.name.node(index)
    }

    fn wanted(&self, index: u32) -> bool {
        self.valid.wants(index) && !self.valid.deleting
    }

    fn seated(&self, address: Option<Address>) -> Option<bool> {
        let seats = self.seats.as_ref()?;
        Some(address.is_some_and(|address| seats.contains(&address)))
    }
}
