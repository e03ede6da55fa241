//! What the cache answers.

use super::{Answer, Cache, Child, Genesis, Kind, Network, NetworkKey, ObjectKey, ObjectKind, Standing};
use crate::{
    api::{
        Condition, Consortium, Validator,
        conditions::{ConditionStatus, QUORUM_HEALTHY, READY, STALLED},
    },
    names::NodeName,
};
use alloy_primitives::B256;
use std::{collections::BTreeMap, sync::Arc};

impl Cache {
    /// A `Consortium`.
    #[must_use]
    pub fn consortium(&self, namespace: &str, name: &str) -> Option<&Arc<Consortium>> {
        self.spaces.get(namespace)?.consortia.get(name)
    }

    /// A `Validator`.
    #[must_use]
    pub fn fleet(&self, namespace: &str, name: &str) -> Option<&Arc<Validator>> {
        self.spaces.get(namespace)?.fleets.get(name)
    }

    /// The fleets that name a network.
    pub fn fleets_of<'a>(&'a self, network: &'a NetworkKey) -> impl Iterator<Item = &'a Arc<Validator>> + 'a {
        let fleets = self.spaces.get(&network.namespace).into_iter().flat_map(|space| space.fleets.values());
        fleets.filter(|fleet| fleet.spec.consortium_ref.name == *network.name)
    }

    /// A child.
    #[must_use]
    pub fn child(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Child> {
        self.spaces.get(namespace)?.children.get(&(kind, Box::from(name)))
    }

    /// Children of one kind that carry the network's label, by name.
    pub fn children_of<'a>(
        &'a self,
        kind: Kind,
        network: &'a NetworkKey,
    ) -> impl Iterator<Item = (&'a str, &'a Child)> {
        let space = self.spaces.get(&network.namespace);
        let children = space.into_iter().flat_map(move |space| space.of_kind(kind));
        children.filter(|(_, child)| child.network.as_ref() == Some(&network.name))
    }

    /// How a child stands to an intent with this hash.
    #[must_use]
    pub fn standing(&self, kind: Kind, namespace: &str, name: &str, intent: u64) -> Standing {
        match self.child(kind, namespace, name) {
            None => Standing::Absent,
            Some(child) if child.applied != intent => Standing::Differs,
            Some(child) if child.is_verified() => Standing::AsApplied,
            Some(_) => Standing::Unsure,
        }
    }

    /// What a network's nodes said last; `None` before they were asked.
    #[must_use]
    pub fn heard(&self, network: &NetworkKey) -> Option<&BTreeMap<NodeName, Answer>> {
        self.network(network)?.heard.as_ref()
    }

    /// The genesis, as long as the ConfigMap has not changed since.
    #[must_use]
    pub fn genesis(&self, network: &NetworkKey, version: u64) -> Option<&Genesis> {
        let (of, genesis) = self.network(network)?.genesis.as_ref()?;
        (*of == version).then_some(genesis)
    }

    /// The hash applied for the network info with this signing hash, if that is what was published last.
    #[must_use]
    pub fn published(&self, network: &NetworkKey, signed: B256) -> Option<u64> {
        let (of, applied) = self.network(network)?.published?;
        (of == signed).then_some(applied)
    }

    fn network(&self, network: &NetworkKey) -> Option<&Network> {
        self.spaces.get(&network.namespace)?.networks.get(&network.name)
    }

    /// Whether no object of the network waits for anything but its user.
    #[must_use]
    pub fn is_settled(&self, network: &NetworkKey) -> bool {
        let consortium = self.consortium(&network.namespace, &network.name);
        let conditions = consortium.map(|object| object.status.as_ref().map(|status| &status.conditions));
        let healthy = |all: &Vec<Condition>| {
            is_true(all, STALLED) || (is_true(all, READY) && is_true(all, QUORUM_HEALTHY))
        };
        conditions.is_none_or(|conditions| conditions.is_some_and(healthy))
            && self.fleets_of(network).all(|fleet| {
                let conditions = fleet.status.as_ref().map(|status| &status.conditions);
                conditions.is_some_and(|all| is_true(all, READY) || is_true(all, STALLED))
            })
    }

    /// All objects of ours.
    pub fn objects(&self) -> impl Iterator<Item = ObjectKey> {
        self.spaces.iter().flat_map(|(namespace, space)| {
            let consortia = space.consortia.keys().map(|name| (ObjectKind::Consortium, name));
            let fleets = space.fleets.keys().map(|name| (ObjectKind::Validator, name));
            consortia.chain(fleets).map(|(kind, name)| ObjectKey {
                kind,
                namespace: namespace.clone(),
                name: name.clone(),
            })
        })
    }

    /// All networks that an object names.
    pub fn networks(&self) -> impl Iterator<Item = NetworkKey> {
        self.spaces.iter().flat_map(|(namespace, space)| {
            space.networks.keys().map(|name| NetworkKey { namespace: namespace.clone(), name: name.clone() })
        })
    }

    /// How many objects of ours there are.
    #[must_use]
    pub const fn known(&self) -> usize {
        self.known
    }

    /// How many children of each kind are known.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in self.spaces.values().flat_map(|space| space.children.keys()) {
            *counts.entry(*kind).or_default() += 1;
        }
        counts
    }
}

fn is_true(conditions: &[Condition], kind: &str) -> bool {
    conditions.iter().any(|condition| condition.kind == kind && condition.status == ConditionStatus::True)
}
