//! Objects to apply.

use super::Planner;
use crate::{
    api::{conditions::reasons, validator::Role},
    build::{ConfigInputs, FleetInputs, NEWEST_TEMPLATE, NodeInputs, node_config},
    genesis::StoredGenesis,
    names::NodeName,
    observed::{NodeObserved, StoredKey},
    plan::Wait,
};

impl Planner<'_> {
    pub(super) fn objects(&mut self, default_image: &str) {
        let genesis = self.observed.genesis.as_ref();
        if genesis.is_none() {
            self.plan.waits.push(self.no_genesis());
        }
        let nodes = self
            .observed
            .nodes
            .iter()
            .filter(|(index, node)| self.wanted(**index) || node.statefulset.is_some());
        let complete: Vec<_> = nodes.filter(|(index, node)| self.is_complete(**index, node)).collect();
        let standby_for = self.standby_for();
        let leases = self.leases();
        let inputs = FleetInputs {
            image: self.image(default_image),
            template: self.template(),
            volumes: complete.iter().map(|(index, _)| **index).filter(|index| self.wanted(*index)).collect(),
            nodes: genesis.map_or_else(Vec::new, |genesis| {
                let inputs = complete.iter();
                inputs.map(|(index, node)| self.node_inputs(**index, node, genesis, &standby_for)).collect()
            }),
            bootnodes: self.observed.bootnodes.clone(),
            leases,
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

    /// Everything that its objects name is there.
    fn is_complete(&self, index: u32, node: &NodeObserved) -> bool {
        let ready = if self.name(index).is_spare() {
            self.spare_is_due(node)
        } else {
            let identity = matches!(self.valid.role, Role::Observer) || node.identity.key().is_some();
            identity && !self.is_unfenced(node)
        };
        ready && node.p2p.key().is_some()
    }

    fn node_inputs(
        &self,
        index: u32,
        node: &NodeObserved,
        genesis: &StoredGenesis,
        standby_for: &[(NodeName, StoredKey)],
    ) -> NodeInputs {
        let name = self.name(index);
        let known = |stored: &StoredKey| StoredKey { recorded: self.is_recorded(node), ..stored.clone() };
        let identity = node.identity.key().map(known);
        let standby_for = if name.is_spare() { standby_for } else { &[] };
        let inputs = ConfigInputs {
            name: &name,
            genesis,
            identity: identity.as_ref(),
            standby_for,
            peers: &self.observed.peers,
            bootnodes: &self.observed.bootnodes,
            admission: self.observed.admission,
        };
        let config = node_config(self.valid, &inputs);
        NodeInputs { index, config, standby_for: standby_for.iter().map(|(node, _)| node.clone()).collect() }
    }

    /// What the fleet was made by while its spec stands: a new operator makes byte for byte the same pods.
    fn template(&self) -> u32 {
        let mut sets = self.observed.nodes.values().filter_map(|node| node.statefulset.as_ref());
        let unchanged = |spec: &Option<String>| spec.as_ref().is_none_or(|spec| *spec == self.valid.pod_hash);
        sets.find(|set| unchanged(&set.spec)).map_or(NEWEST_TEMPLATE, |set| set.template)
    }

    /// What the spec says, else what the fleet has had, else the default: a new operator restarts nobody.
    fn image(&self, default_image: &str) -> String {
        let running =
            || self.observed.nodes.values().find_map(|node| node.statefulset.as_ref()?.image.clone());
        let kept = || self.observed.recorded_image.clone().or_else(running);
        self.valid.image.clone().or_else(kept).unwrap_or_else(|| default_image.to_owned())
    }
}
