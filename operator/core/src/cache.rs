//! Everything the operator knows of the cluster, streamed from watches: our two kinds whole, of their children owner, hash of
//! the intent applied, and who wrote since. A pass over an object that is as wanted reads nothing and writes nothing.
//!
//! Stale it always may be: what is made is made under its name (a second creation is refused by the API server), and what
//! cannot be undone is decided again from a fresh read.

mod child;
mod children;
mod fleet;
mod key;
mod lists;
mod network;
mod read;
mod shared;
mod under_way;
mod writers;

pub use child::{Body, Child, Kind, LoadBalancer, PodKept, uid_hash};
pub use children::Source;
pub use fleet::{Fleet, KeptError, Shape};
pub use key::{NetworkKey, ObjectKey, ObjectKind, Wakes};
pub use lists::Mark;
pub use network::{Answer, Genesis, KeptVotes, Learnt};

use crate::{api::Consortium, in_flight::Waiting, names::NodeName, observed::PeerNode, queue::Urgency};
use alloy_primitives::{Address, B256};
use children::Siblings;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use key::{consortium_key, fleet_key};
use lists::Lists;
use network::Network;
use shared::Shared;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use under_way::{UnderWay, status_hash};

/// Whether a child is as an intent wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// The intent was applied, and nobody has changed what we apply.
    AsApplied,
    /// The intent was applied; somebody has written since, so the whole object has to be compared.
    Unsure,
    /// Another intent was applied.
    Differs,
}

#[derive(Debug, Default)]
struct Space {
    consortia: BTreeMap<Arc<str>, Arc<Consortium>>,
    fleets: BTreeMap<Arc<str>, Fleet>,
    children: [Siblings; Kind::ALL.len()],
    networks: BTreeMap<Arc<str>, Network>,
}

/// The whole.
#[derive(Debug, Default)]
pub struct Cache {
    spaces: HashMap<Arc<str>, Space>,
    shared: Shared,
    known: usize,
    lists: Lists,
    under_way: UnderWay,
}

/// Who told of an object of ours. A status that a watch tells is somebody else's, to be put right, unless it is the one we know, or
/// the one that we are writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Teller {
    Watch,
    Answer,
}

impl Cache {
    /// Keeps a `Consortium` that a watch or a list told.
    pub fn put_consortium(&mut self, object: Arc<Consortium>, wakes: &mut Wakes) {
        self.keep_consortium(object, Teller::Watch, wakes);
    }

    fn keep_consortium(&mut self, object: Arc<Consortium>, teller: Teller, wakes: &mut Wakes) {
        let Some((namespace, name)) = self.place(&object.metadata) else { return };
        let space = self.spaces.entry(namespace.clone()).or_default();
        let before = space.consortia.get(&name);
        if before.is_some_and(|before| is_older(&object.metadata, &before.metadata)) {
            return;
        }
        let edited = before.is_none_or(|before| is_edited(&before.metadata, &object.metadata));
        let appeared = before.is_none();
        let key = consortium_key(&NetworkKey { namespace: namespace.clone(), name: name.clone() });
        let told = teller == Teller::Watch
            && before.is_some_and(|before| before.status != object.status)
            && !self.under_way.is(&key, status_hash(object.status.as_ref()));
        self.known += usize::from(appeared);
        space.consortia.insert(name.clone(), object);
        space.networks.entry(name.clone()).or_default();
        let network = NetworkKey { namespace, name };
        if edited || told {
            let urgency = if edited { Urgency::Edited } else { Urgency::Changed };
            wakes.objects.push((key, urgency));
        }
        // Fleets do what stands in its spec, as who may peer with their nodes.
        if edited {
            self.wake_fleets(&network, Urgency::Related, wakes);
        }
        if appeared {
            wakes.networks.push(network);
        }
    }

    /// Takes what a call of ours answered; whether it is of the object that is known. One that the watch has meanwhile told
    /// is gone stays gone.
    pub fn answered_consortium(&mut self, object: Arc<Consortium>, wakes: &mut Wakes) -> bool {
        let known =
            self.place(&object.metadata).and_then(|(namespace, name)| self.consortium(&namespace, &name));
        let same = known.is_some_and(|known| known.metadata.uid == object.metadata.uid);
        if same {
            self.keep_consortium(object, Teller::Answer, wakes);
        }
        same
    }

    /// Forgets a `Consortium`.
    pub fn remove_consortium(&mut self, namespace: &str, name: &str, wakes: &mut Wakes) {
        let (namespace, name) = (self.shared.name(namespace), self.shared.name(name));
        let gone = self.spaces.get_mut(&namespace).and_then(|space| space.consortia.remove(&name));
        self.known -= usize::from(gone.is_some());
        let network = NetworkKey { namespace, name };
        wakes.gone.push(consortium_key(&network));
        self.wake_fleets(&network, Urgency::Related, wakes);
        self.forget_network(&network);
    }

    /// Takes what a round of questions to a network's nodes brought.
    pub fn hear(&mut self, network: &NetworkKey, round: BTreeMap<NodeName, Answer>, wakes: &mut Wakes) {
        let Some(space) = self.spaces.get_mut(&network.namespace) else { return };
        let Some(known) = space.networks.get_mut(&network.name) else { return };
        let first = known.heard.is_none();
        let news = known.hear(round);
        wakes
            .objects
            .push((consortium_key(network), if news.is_empty() { Urgency::Due } else { Urgency::Changed }));
        if first {
            self.wake_fleets(network, Urgency::Due, wakes);
        }
        for node in news {
            let fleet = self.shared.name(&node.fleet);
            wakes.objects.push((fleet_key(&network.namespace, fleet), Urgency::Changed));
        }
    }

    /// What nodes said before this process began to lead is old: all are asked anew before anything is decided.
    pub fn forget_answers(&mut self) {
        for network in self.spaces.values_mut().flat_map(|space| space.networks.values_mut()) {
            network.heard = None;
        }
    }

    /// Remembers the genesis in the ConfigMap of this version.
    pub fn remember_genesis(&mut self, network: &NetworkKey, version: u64, genesis: Genesis) {
        if let Some(known) = self.network_mut(network) {
            known.genesis = Some((version, genesis));
        }
    }

    /// Remembers what the ConfigMap of this version keeps of other members' network infos.
    pub fn remember_learned(&mut self, network: &NetworkKey, version: u64, learned: Learnt) {
        if let Some(known) = self.network_mut(network) {
            known.learned = Some((version, learned));
        }
    }

    /// Remembers which network info was published: its signing hash, and the hash that was applied for it.
    pub fn remember_published(&mut self, network: &NetworkKey, signed: B256, applied: u64) {
        if let Some(known) = self.network_mut(network) {
            known.published = Some((signed, applied));
        }
    }

    /// Takes what is known of our votes in a network, to read on from there.
    pub fn take_votes(&mut self, network: &NetworkKey) -> Option<KeptVotes> {
        self.network_mut(network)?.votes.take()
    }

    /// Remembers our votes in a network.
    pub fn remember_votes(&mut self, network: &NetworkKey, votes: KeptVotes) {
        if let Some(known) = self.network_mut(network) {
            known.votes = Some(votes);
        }
    }

    /// Whether a transaction of one of our accounts is to be waited for; one that is stuck is not, until it is offered anew.
    pub fn is_waiting(
        &mut self,
        network: &NetworkKey,
        account: Address,
        (nonce, waits): (u64, bool),
        height: u64,
    ) -> bool {
        let Some(known) = self.network_mut(network) else { return waits };
        let before = known.waiting.remove(&account);
        let Some(waiting) = Waiting::seen(before, nonce, waits, height) else { return false };
        known.waiting.insert(account, waiting);
        !waiting.is_stuck(height)
    }

    /// A transaction of an account has been offered: from the next look on it is waited for anew.
    pub fn offered(&mut self, network: &NetworkKey, account: Address) {
        if let Some(known) = self.network_mut(network) {
            known.waiting.remove(&account);
        }
    }

    /// Remembers whether a transaction that moves a seat may be on its way: from before it is sent until the chain shows none.
    pub fn remember_moving(&mut self, network: &NetworkKey, moving: bool) {
        if let Some(known) = self.network_mut(network) {
            known.moving = Some(moving);
        }
    }

    /// Remembers that the contract has these nodes on its list, and not those any more.
    pub fn remember_peering(&mut self, network: &NetworkKey, seen: (Vec<PeerNode>, Vec<PeerNode>)) {
        if let Some(known) = self.network_mut(network) {
            known.peering = Some(seen);
        }
    }

    fn network_mut(&mut self, network: &NetworkKey) -> Option<&mut Network> {
        self.spaces.get_mut(&network.namespace)?.networks.get_mut(&network.name)
    }

    fn place(&mut self, metadata: &ObjectMeta) -> Option<(Arc<str>, Arc<str>)> {
        let namespace = self.shared.name(metadata.namespace.as_deref().unwrap_or_default());
        Some((namespace, self.shared.name(metadata.name.as_deref()?)))
    }

    /// A network is remembered as long as an object names it.
    fn forget_network(&mut self, network: &NetworkKey) {
        let named = self.consortium(&network.namespace, &network.name).is_some()
            || self.fleets_of(network).next().is_some();
        if let (false, Some(space)) = (named, self.spaces.get_mut(&network.namespace)) {
            space.networks.remove(&network.name);
        }
    }

    fn wake_fleets(&self, network: &NetworkKey, urgency: Urgency, wakes: &mut Wakes) {
        let fleets = self.fleets_of(network).map(|(name, _)| name.clone());
        wakes.objects.extend(fleets.map(|name| (fleet_key(&network.namespace, name), urgency)));
    }
}

/// An event that tells of a state before the one that is known.
fn is_older(metadata: &ObjectMeta, known: &ObjectMeta) -> bool {
    metadata.uid == known.uid && child::version(metadata) < child::version(known)
}

/// Whether somebody has changed more than the status.
fn is_edited(before: &ObjectMeta, after: &ObjectMeta) -> bool {
    (&before.uid, before.generation, &before.annotations, &before.labels)
        != (&after.uid, after.generation, &after.annotations, &after.labels)
        || (&before.deletion_timestamp, &before.finalizers) != (&after.deletion_timestamp, &after.finalizers)
}

#[cfg(test)]
mod tests;
