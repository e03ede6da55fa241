//! The fleet's plan: keys to make, nodes to run, stop or restart, journals to record, and whether it may be let go.

use super::Wait;
use crate::{
    api::{
        conditions::reasons,
        validator::{NodeState, Phase, Role},
    },
    build::{ConfigInputs, FleetInputs, NodeInputs, adopted_secret, node_config},
    genesis::StoredGenesis,
    liveness::Hearing,
    names::{NodeName, SKIP_UNSEAT},
    node_pool::PoolState,
    observed::{FleetObserved, NodeObserved, SecretState},
    policy::{Restarting, may_restart},
    validate::ValidFleet,
};
use alloy_primitives::{Address, B256};
use k8s_openapi::api::core::v1::Secret;
use std::collections::BTreeSet;

/// What to do for a fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetPlan {
    /// Key Secrets to make.
    pub keys: Vec<KeyWanted>,
    /// Key Secrets that a person restored and that lack their labels.
    pub adopt: Vec<Secret>,
    /// Objects to apply; nothing while the fleet is being deleted.
    pub objects: Option<FleetInputs>,
    /// Journal ids to record: name of the identity's Secret, id.
    pub journals: Vec<(String, B256)>,
    /// Nodes to stop: their StatefulSet and ConfigMap go, key and disk stay.
    pub stop: Vec<NodeName>,
    /// The one pod to restart.
    pub restart: Option<NodeName>,
    /// The finalizer may go.
    pub release: Option<Release>,
    /// How the node pool stands that the operator makes for the fleet.
    pub node_pool: Option<PoolState>,
    /// Where every node stands.
    pub nodes: Vec<NodeState>,
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

/// Why a fleet is let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// One word.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

/// Plans one pass; `default_image` is used for fleets that have never had one.
#[must_use]
pub fn fleet(valid: &ValidFleet, observed: &FleetObserved, default_image: &str) -> FleetPlan {
    let mut planner = Planner { valid, observed, plan: FleetPlan::default(), hearing: hearing(observed) };
    planner.phases();
    if valid.deleting {
        planner.plan.release = planner.release();
    } else {
        planner.keys();
        planner.objects(default_image);
        planner.journals();
        planner.stop();
        planner.restart();
    }
    planner.plan
}

fn hearing(observed: &FleetObserved) -> Option<Hearing> {
    Hearing::from_nodes(&observed.network, observed.genesis.as_ref()?.block_period_s)
}

struct Planner<'a> {
    valid: &'a ValidFleet,
    observed: &'a FleetObserved,
    plan: FleetPlan,
    hearing: Option<Hearing>,
}

impl Planner<'_> {
    fn name(&self, index: u32) -> NodeName {
        self.valid.name.node(index)
    }

    const fn wanted(&self, index: u32) -> bool {
        index < self.valid.replicas && !self.valid.deleting
    }

    fn seated(&self, address: Option<Address>) -> Option<bool> {
        let hearing = self.hearing.as_ref()?;
        Some(address.is_some_and(|address| hearing.seats.contains(&address)))
    }

    fn phases(&mut self) {
        for (index, node) in &self.observed.nodes {
            let (phase, reason) = self.phase(*index, node);
            self.plan.nodes.push(NodeState {
                name: self.name(*index).to_string(),
                address: node.address().map(|address| address.to_string()),
                phase,
                reason: reason.map(|reason| reason.chars().take(500).collect()),
            });
        }
    }

    fn phase(&self, index: u32, node: &NodeObserved) -> (Phase, Option<String>) {
        if !self.wanted(index) {
            return (Phase::Leaving, None);
        }
        for secret in [&node.identity, &node.p2p] {
            if let SecretState::Malformed(error) = secret {
                return (Phase::Failed, Some(error.to_string()));
            }
        }
        let Some(status) = &node.status else { return not_running(node) };
        if let Some(genesis) =
            self.observed.genesis.as_ref().filter(|genesis| genesis.hash != status.genesis_hash)
        {
            let message = format!("runs genesis {}, the network has {}", status.genesis_hash, genesis.hash);
            return (Phase::Failed, Some(message));
        }
        if let Some(fault) = status.faults.last() {
            return (Phase::Failed, Some(fault.clone()));
        }
        if !status.ready {
            return (Phase::Syncing, status.not_ready_reason.clone());
        }
        if self.valid.role == Role::Observer {
            return (Phase::Observing, None);
        }
        match &status.identity {
            Some(identity) if identity.seated => (Phase::Validating, identity.journal.sitting_out.clone()),
            _ => (
                Phase::AwaitingSeat,
                Some("the Consortium's Ready condition says what its seat waits for".to_owned()),
            ),
        }
    }

    fn keys(&mut self) {
        for index in 0..self.valid.replicas {
            let node = self.observed.nodes.get(&index).cloned().unwrap_or_default();
            let name = self.name(index);
            if self.valid.role == Role::Validator {
                self.identity_key(&name, &node);
            }
            if matches!(node.p2p, SecretState::Absent) {
                self.plan.keys.push(KeyWanted::P2p(name.clone()));
            }
            self.adopt(&name, &node);
            for secret in [&node.identity, &node.p2p] {
                if let SecretState::Malformed(error) = secret {
                    let message = format!("{error}; repair it, or restore it from a backup");
                    self.plan.waits.push(Wait::stalled(reasons::SECRET_MALFORMED, message));
                }
            }
        }
    }

    /// Only metadata is written: the key stays what it is.
    fn adopt(&mut self, name: &NodeName, node: &NodeObserved) {
        let (namespace, network) = (&self.valid.namespace, &self.valid.consortium);
        for (secret, identity) in [(&node.identity, true), (&node.p2p, false)] {
            if let Some(stored) = secret.key().filter(|stored| !stored.labelled) {
                self.plan.adopt.extend(adopted_secret(namespace, network, name, &stored.key, identity));
            }
        }
    }

    fn identity_key(&mut self, name: &NodeName, node: &NodeObserved) {
        if !matches!(node.identity, SecretState::Absent) {
            return;
        }
        let secret = name.identity();
        if node.volume {
            let message = format!(
                "Secret {secret} is gone, but the disk {} has belonged to it; restore it from a backup, or delete the disk to start {name} with a new identity",
                name.volume()
            );
            self.plan.waits.push(Wait::stalled(reasons::KEY_LOST, message));
        } else if self.valid.create_keys {
            self.plan.keys.push(KeyWanted::Identity(name.clone()));
        } else {
            let message = format!("spec.keys.secret.create is false: make Secret {secret} with data.key");
            self.plan.waits.push(Wait::passing(reasons::WAITING_FOR_IDENTITIES, message));
        }
    }

    fn objects(&mut self, default_image: &str) {
        let genesis = self.observed.genesis.as_ref();
        if genesis.is_none() {
            self.plan.waits.push(self.no_genesis());
        }
        let nodes = self
            .observed
            .nodes
            .iter()
            .filter(|(index, node)| self.wanted(**index) || node.statefulset.is_some());
        let complete: Vec<_> = nodes.filter(|(_, node)| self.has_keys(node)).collect();
        let inputs = FleetInputs {
            image: self.image(default_image),
            volumes: complete.iter().map(|(index, _)| **index).filter(|index| self.wanted(*index)).collect(),
            nodes: genesis.map_or_else(Vec::new, |genesis| {
                complete.iter().map(|(index, node)| self.node_inputs(**index, node, genesis)).collect()
            }),
        };
        self.plan.objects = Some(inputs);
    }

    fn no_genesis(&self) -> Wait {
        let network = &self.valid.consortium.0;
        if self.observed.consortium_exists {
            Wait::passing(
                reasons::WAITING_FOR_GENESIS,
                format!("Consortium {network} has no genesis yet; its conditions say why"),
            )
        } else {
            Wait::passing(
                reasons::CONSORTIUM_MISSING,
                format!(
                    "spec.consortiumRef names {network}: apply a Consortium of that name in this namespace"
                ),
            )
        }
    }

    const fn has_keys(&self, node: &NodeObserved) -> bool {
        let identity = matches!(self.valid.role, Role::Observer) || node.identity.key().is_some();
        identity && node.p2p.key().is_some()
    }

    fn node_inputs(&self, index: u32, node: &NodeObserved, genesis: &StoredGenesis) -> NodeInputs {
        let name = self.name(index);
        let inputs =
            ConfigInputs { name: &name, genesis, identity: node.identity.key(), peers: &self.observed.peers };
        NodeInputs { index, config: node_config(self.valid, &inputs) }
    }

    /// What the spec says, else what the fleet has had, else the default: a new operator restarts nobody.
    fn image(&self, default_image: &str) -> String {
        let running =
            || self.observed.nodes.values().find_map(|node| node.statefulset.as_ref()?.image.clone());
        let kept = || self.observed.recorded_image.clone().or_else(running);
        self.valid.image.clone().or_else(kept).unwrap_or_else(|| default_image.to_owned())
    }

    /// A node's first journal, or the one made in place of a lost one. That one is recorded while it sits out, before it
    /// can vote: the lost journal, should its disk come back, is foreign from then on and sits out too.
    fn journals(&mut self) {
        for (index, node) in &self.observed.nodes {
            let (Some(stored), Some(status)) = (node.identity.key(), &node.status) else { continue };
            let Some(identity) = status.identity.as_ref().filter(|id| id.address == stored.key.address)
            else {
                continue;
            };
            if stored.journal != Some(identity.journal.id) {
                self.plan.journals.push((self.name(*index).identity(), identity.journal.id));
            }
        }
    }

    /// A node above `replicas` stops once nobody counts on it: its identity is out of the set at head.
    fn stop(&mut self) {
        let above = self.observed.nodes.iter().filter(|(index, _)| **index >= self.valid.replicas);
        for (index, node) in above.filter(|(_, node)| node.statefulset.is_some()) {
            let name = self.name(*index);
            let never_ran = self.observed.genesis.is_none() || self.valid.role == Role::Observer;
            match self.seated(node.address()) {
                _ if never_ran || self.valid.skip_unseat => self.plan.stop.push(name),
                Some(false) => self.plan.stop.push(name),
                Some(true) => self.plan.waits.push(Wait::passing(
                    reasons::LEAVING,
                    format!("{name} gives its seat up before it stops"),
                )),
                None => self.plan.waits.push(Wait::passing(
                    reasons::NO_NODE_ANSWERS,
                    format!("{name} stops once a node of the network shows that it holds no seat; to stop it now set the annotation {SKIP_UNSEAT}=true"),
                )),
            }
        }
    }

    fn restart(&mut self) {
        let outdated = self.observed.nodes.iter().filter(|(_, node)| is_outdated(node));
        for (index, node) in outdated {
            let name = self.name(*index);
            let broken = node.pod.as_ref().is_some_and(|pod| !pod.ready);
            let other = self.observed.nodes.iter().find(|(other, node)| *other != index && !is_up(node));
            let other_down = other.map(|(other, _)| self.name(*other).to_string());
            let shown = name.to_string();
            let restarting = Restarting {
                node: &shown,
                identity: node.address(),
                other_down: other_down.as_deref(),
                hearing: self.hearing.as_ref(),
            };
            match may_restart(&restarting) {
                _ if broken && self.plan.restart.is_none() => self.plan.restart = Some(name),
                Ok(()) if self.plan.restart.is_none() => self.plan.restart = Some(name),
                Ok(()) => self.waits_to_restart(format!("{name} restarts after the one before it is up")),
                Err(refusal) => self.waits_to_restart(refusal.message),
            }
        }
    }

    fn waits_to_restart(&mut self, message: String) {
        self.plan.waits.push(Wait::passing(reasons::RESTARTING, message));
    }

    fn release(&mut self) -> Option<Release> {
        let release = |reason, message: String| Some(Release { reason, message });
        if self.valid.skip_unseat {
            return release(
                "SeatsKept",
                format!("annotation {SKIP_UNSEAT}=true: let go with whatever seats it holds"),
            );
        }
        if self.valid.role == Role::Observer
            || self.observed.genesis.is_none()
            || !self.observed.consortium_exists
        {
            return release(
                "NoSeats",
                "no seat can be given up: the fleet observes, or its network is gone".to_owned(),
            );
        }
        let own: BTreeSet<Address> = self.observed.nodes.values().filter_map(NodeObserved::address).collect();
        let Some(hearing) = &self.hearing else {
            let message = format!(
                "no node of the network answers, so seats cannot be given up; to let the fleet go with them set the annotation {SKIP_UNSEAT}=true"
            );
            self.plan.waits.push(Wait::passing(reasons::NO_NODE_ANSWERS, message));
            return None;
        };
        let held = hearing.seats.intersection(&own).count();
        if held == 0 {
            return release("SeatsGivenUp", "no identity of the fleet holds a seat".to_owned());
        }
        if held == hearing.total() {
            let message = format!(
                "the fleet holds all {held} seats of the network, which keeps at least one: let go with them; keys and disks stay"
            );
            return release("NetworkStops", message);
        }
        let message = format!(
            "{held} of {} seats are given up first; to let the fleet go with them set the annotation {SKIP_UNSEAT}=true",
            hearing.total()
        );
        self.plan.waits.push(Wait::passing(reasons::LEAVING, message));
        None
    }
}

fn not_running(node: &NodeObserved) -> (Phase, Option<String>) {
    let Some(pod) = &node.pod else {
        let reason = if node.statefulset.is_some() {
            "its pod is not there yet"
        } else {
            "its objects are being made"
        };
        return (Phase::Provisioning, Some(reason.to_owned()));
    };
    match &pod.waiting {
        Some(waiting) => {
            let phase = if waiting.needs_help() { Phase::Failed } else { Phase::Provisioning };
            (phase, Some(format!("{}: {}", waiting.reason, waiting.message)))
        }
        None => (Phase::Provisioning, Some("its status is not readable yet".to_owned())),
    }
}

fn is_outdated(node: &NodeObserved) -> bool {
    let (Some(set), Some(pod)) = (&node.statefulset, &node.pod) else { return false };
    !pod.terminating && set.revision.is_some() && pod.revision.is_some() && set.revision != pod.revision
}

fn is_up(node: &NodeObserved) -> bool {
    node.pod.as_ref().is_some_and(|pod| pod.ready && !pod.terminating)
}
