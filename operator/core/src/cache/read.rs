//! What the cache answers.

use super::{
    Answer, Cache, Child, Fleet, Genesis, Kind, Learnt, Network, NetworkKey, ObjectKey, ObjectKind, Standing,
};
use crate::{
    api::{
        Condition, Consortium,
        conditions::{QUORUM_HEALTHY, READY},
    },
    names::NodeName,
    observed::PeerNode,
    status::is_settled,
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
    pub fn fleet(&self, namespace: &str, name: &str) -> Option<&Fleet> {
        self.spaces.get(namespace)?.fleets.get(name)
    }

    /// The fleets that name a network, by name.
    pub fn fleets_of<'a>(
        &'a self,
        network: &'a NetworkKey,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Fleet)> + 'a {
        let fleets = self.fleets_in(&network.namespace);
        fleets.filter(|(_, fleet)| fleet.network == network.name)
    }

    /// The fleets of a namespace, by name.
    pub fn fleets_in(&self, namespace: &str) -> impl Iterator<Item = (&Arc<str>, &Fleet)> {
        self.spaces.get(namespace).into_iter().flat_map(|space| &space.fleets)
    }

    /// A child.
    #[must_use]
    pub fn child(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Child> {
        self.spaces.get(namespace)?.kind(kind).all.get(name).map(|child| &**child)
    }

    /// Children of one kind that carry the network's label, by name.
    pub fn children_of<'a>(
        &'a self,
        kind: Kind,
        network: &'a NetworkKey,
    ) -> impl Iterator<Item = (&'a str, &'a Child)> {
        let space = self.spaces.get(&network.namespace);
        let children = space.into_iter().flat_map(move |space| space.of_kind(kind));
        children.filter(|(_, child)| child.place.network.as_ref() == Some(&network.name))
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

    /// Whether a transaction that moves a seat may be on its way; `None` before the chain was asked.
    #[must_use]
    pub fn moving(&self, network: &NetworkKey) -> Option<bool> {
        self.network(network)?.moving
    }

    /// Whether the contract has been seen to have these nodes on its list, and not those any more.
    #[must_use]
    pub fn is_peering(&self, network: &NetworkKey, wanted: &(Vec<PeerNode>, Vec<PeerNode>)) -> bool {
        self.network(network).is_some_and(|known| known.peering.as_ref() == Some(wanted))
    }

    /// The genesis, as long as the ConfigMap has not changed since.
    #[must_use]
    pub fn genesis(&self, network: &NetworkKey, version: u64) -> Option<&Genesis> {
        let (of, genesis) = self.network(network)?.genesis.as_ref()?;
        (*of == version).then_some(genesis)
    }

    /// What is kept of other members' network infos, as long as the ConfigMap has not changed since.
    #[must_use]
    pub fn learned(&self, network: &NetworkKey, version: u64) -> Option<&Learnt> {
        let (of, learned) = self.network(network)?.learned.as_ref()?;
        (*of == version).then_some(learned)
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
        let settled = |all: &Vec<Condition>| is_settled(all, &[READY, QUORUM_HEALTHY]);
        conditions.is_none_or(|conditions| conditions.is_some_and(settled))
            && self.fleets_of(network).all(|(_, fleet)| fleet.settled)
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

    /// How many objects of one of our kinds there are.
    #[must_use]
    pub fn count(&self, kind: ObjectKind) -> usize {
        let spaces = self.spaces.values();
        match kind {
            ObjectKind::Consortium => spaces.map(|space| space.consortia.len()).sum(),
            ObjectKind::Validator => spaces.map(|space| space.fleets.len()).sum(),
        }
    }

    /// How many children of one kind there are.
    #[must_use]
    pub fn children(&self, kind: Kind) -> usize {
        self.spaces.values().map(|space| space.kind(kind).all.len()).sum()
    }
}
