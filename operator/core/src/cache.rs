//! Everything the operator knows of the cluster, streamed from watches: our two kinds whole, of their children owner, hash of
//! the intent applied, and who wrote since. A pass over an object that is as wanted reads nothing and writes nothing.
//!
//! Stale it always may be: what is made is made under its name (a second creation is refused by the API server), and what
//! cannot be undone is decided again from a fresh read.

mod child;
mod network;
mod read;
mod writers;

pub use child::{Body, Child, Kind, LoadBalancer, PodKept, Source, uid_hash};
pub use network::{Answer, Genesis};

use crate::{
    api::{Consortium, Validator},
    names::NodeName,
    queue::Urgency,
};
use alloy_primitives::B256;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use network::Network;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
    sync::Arc,
};

/// Our two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A network as its member sees it.
    Consortium,
    /// A fleet.
    Validator,
}

/// One object of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Which kind.
    pub kind: ObjectKind,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A network in one namespace: a `Consortium`'s name, whether or not there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// Who has to look again after a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wakes {
    /// Objects, and how soon.
    pub objects: Vec<(ObjectKey, Urgency)>,
    /// Objects that are no more.
    pub gone: Vec<ObjectKey>,
    /// Networks whose nodes are to be asked anew.
    pub networks: Vec<NetworkKey>,
}

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
    fleets: BTreeMap<Arc<str>, Arc<Validator>>,
    children: BTreeMap<(Kind, Box<str>), Child>,
    networks: BTreeMap<Arc<str>, Network>,
    /// Newest resource version of a deletion that the watch of a kind has told.
    gone: BTreeMap<Kind, u64>,
}

/// The whole.
#[derive(Debug, Default)]
pub struct Cache {
    spaces: HashMap<Arc<str>, Space>,
    names: HashSet<Arc<str>>,
    known: usize,
    /// Lists begun, by kind and by the namespace that is listed, if it is one.
    epochs: HashMap<(Kind, Option<Arc<str>>), u32>,
}

impl Cache {
    fn share(&mut self, name: &str) -> Arc<str> {
        share(&mut self.names, name)
    }

    /// Keeps a `Consortium`.
    pub fn put_consortium(&mut self, object: Arc<Consortium>, source: Source, wakes: &mut Wakes) {
        let Some((namespace, name)) = self.place(&object.metadata) else { return };
        let space = self.spaces.entry(namespace.clone()).or_default();
        let before = space.consortia.get(&name);
        if before.is_some_and(|before| is_older(&object.metadata, &before.metadata)) {
            return;
        }
        let edited = before.is_none_or(|before| is_edited(&before.metadata, &object.metadata));
        let told = is_told(source, before.map(|before| &before.status), &object.status);
        let appeared = before.is_none();
        self.known += usize::from(appeared);
        space.consortia.insert(name.clone(), object);
        space.networks.entry(name.clone()).or_default();
        let network = NetworkKey { namespace, name };
        if edited || told {
            let urgency = if edited { Urgency::Edited } else { Urgency::Changed };
            wakes.objects.push((consortium_key(&network), urgency));
        }
        if appeared {
            self.wake_fleets(&network, Urgency::Related, wakes);
            wakes.networks.push(network);
        }
    }

    /// Forgets a `Consortium`.
    pub fn remove_consortium(&mut self, metadata: &ObjectMeta, wakes: &mut Wakes) {
        let Some((namespace, name)) = self.place(metadata) else { return };
        let gone = self.spaces.get_mut(&namespace).and_then(|space| space.consortia.remove(&name));
        self.known -= usize::from(gone.is_some());
        let network = NetworkKey { namespace, name };
        wakes.gone.push(consortium_key(&network));
        self.wake_fleets(&network, Urgency::Related, wakes);
        self.forget_network(&network);
    }

    /// Keeps a `Validator`.
    pub fn put_fleet(&mut self, object: Arc<Validator>, source: Source, wakes: &mut Wakes) {
        let Some((namespace, name)) = self.place(&object.metadata) else { return };
        let network = self.share(&object.spec.consortium_ref.name);
        let space = self.spaces.entry(namespace.clone()).or_default();
        let before = space.fleets.get(&name);
        if before.is_some_and(|before| is_older(&object.metadata, &before.metadata)) {
            return;
        }
        let edited = before.is_none_or(|before| is_edited(&before.metadata, &object.metadata));
        let told = is_told(source, before.map(|before| &before.status), &object.status);
        self.known += usize::from(before.is_none());
        space.fleets.insert(name.clone(), object);
        let network = NetworkKey { namespace: namespace.clone(), name: network };
        if !space.networks.contains_key(&network.name) {
            space.networks.insert(network.name.clone(), Network::default());
            wakes.networks.push(network.clone());
        }
        if edited {
            wakes.objects.push((fleet_key(&namespace, name), Urgency::Edited));
            wakes.objects.push((consortium_key(&network), Urgency::Related));
        } else if told {
            wakes.objects.push((fleet_key(&namespace, name), Urgency::Changed));
        }
    }

    /// Takes what a write of ours answered. An object that the watch has meanwhile told is gone stays gone.
    pub fn written_consortium(&mut self, object: Arc<Consortium>, wakes: &mut Wakes) {
        let known =
            self.place(&object.metadata).and_then(|(namespace, name)| self.consortium(&namespace, &name));
        if known.is_some_and(|known| known.metadata.uid == object.metadata.uid) {
            self.put_consortium(object, Source::Verified, wakes);
        }
    }

    /// The same for a `Validator`.
    pub fn written_fleet(&mut self, object: Arc<Validator>, wakes: &mut Wakes) {
        let known = self.place(&object.metadata).and_then(|(namespace, name)| self.fleet(&namespace, &name));
        if known.is_some_and(|known| known.metadata.uid == object.metadata.uid) {
            self.put_fleet(object, Source::Verified, wakes);
        }
    }

    /// Forgets a `Validator`.
    pub fn remove_fleet(&mut self, metadata: &ObjectMeta, wakes: &mut Wakes) {
        let Some((namespace, name)) = self.place(metadata) else { return };
        let gone = self.spaces.get_mut(&namespace).and_then(|space| space.fleets.remove(&name));
        self.known -= usize::from(gone.is_some());
        wakes.gone.push(fleet_key(&namespace, name));
        if let Some(fleet) = gone {
            let network = NetworkKey { namespace, name: self.share(&fleet.spec.consortium_ref.name) };
            wakes.objects.push((consortium_key(&network), Urgency::Related));
            self.forget_network(&network);
        }
    }

    /// A list of one kind of children begins, in one namespace or in all.
    pub fn begin(&mut self, kind: Kind, scope: Option<&str>) {
        let scope = scope.map(|namespace| self.share(namespace));
        *self.epochs.entry((kind, scope)).or_default() += 1;
    }

    /// It is complete: what was not in it is gone.
    pub fn complete(&mut self, kind: Kind, scope: Option<&str>, wakes: &mut Wakes) {
        let mut gone = Vec::new();
        let listed = |namespace: &Arc<str>| scope.is_none_or(|scope| scope == &**namespace);
        for (namespace, space) in self.spaces.iter().filter(|(namespace, _)| listed(namespace)) {
            let epoch = self.epoch(kind, namespace);
            let old = space.of_kind(kind).filter(|(_, child)| child.epoch < epoch);
            gone.extend(old.map(|(name, _)| (namespace.clone(), name.to_owned())));
        }
        for (namespace, name) in gone {
            self.remove_child(kind, &namespace, &name, u64::MAX, wakes);
        }
        self.names.retain(|name| Arc::strong_count(name) > 1);
    }

    /// What of our two kinds was not in a complete list is gone.
    pub fn retain(
        &mut self,
        kind: ObjectKind,
        scope: Option<&str>,
        listed: &HashSet<(String, String)>,
        wakes: &mut Wakes,
    ) {
        let mut gone = Vec::new();
        let absent = |metadata: &ObjectMeta| {
            let place =
                (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
            (!listed.contains(&place)).then(|| metadata.clone())
        };
        let within =
            self.spaces.iter().filter(|(namespace, _)| scope.is_none_or(|scope| scope == &***namespace));
        for (_, space) in within {
            match kind {
                ObjectKind::Consortium => {
                    gone.extend(space.consortia.values().filter_map(|o| absent(&o.metadata)));
                }
                ObjectKind::Validator => {
                    gone.extend(space.fleets.values().filter_map(|o| absent(&o.metadata)));
                }
            }
        }
        for metadata in gone {
            match kind {
                ObjectKind::Consortium => self.remove_consortium(&metadata, wakes),
                ObjectKind::Validator => self.remove_fleet(&metadata, wakes),
            }
        }
    }

    /// Keeps a child; nothing wakes when it says what is known already, as after a write of our own.
    pub fn put_child(
        &mut self,
        kind: Kind,
        metadata: &ObjectMeta,
        body: Body,
        source: Source,
        wakes: &mut Wakes,
    ) {
        let Some(name) = metadata.name.as_deref() else { return };
        let namespace = share(&mut self.names, metadata.namespace.as_deref().unwrap_or_default());
        let mut child = Child::read(metadata, body, source, |text| share(&mut self.names, text));
        child.epoch = self.epoch(kind, &namespace);
        let space = self.spaces.entry(namespace.clone()).or_default();
        let key = (kind, Box::from(name));
        let before = space.children.get_mut(&key);
        if let Some(before) = before {
            before.epoch = child.epoch;
            let known = child.version <= before.version && child.version != 0;
            if known && (source == Source::Watched || child.version < before.version) {
                return;
            }
            child.succeed(before, source);
            let (news, moved) = (!child.same_as(before), is_moved(Some(before), &child));
            let public = news && is_public(kind, Some(before), &child);
            *before = child;
            if news {
                self.wake_for(kind, &namespace, name, public, moved, wakes);
            }
            return;
        }
        // A watch tells of a kind in order: what it has passed by and is not known here is gone again.
        let passed = space.gone.get(&kind).is_some_and(|gone| child.version != 0 && child.version <= *gone);
        if source == Source::Verified && passed {
            return;
        }
        let (public, moved) = (is_public(kind, None, &child), is_moved(None, &child));
        space.children.insert(key, child);
        self.wake_for(kind, &namespace, name, public, moved, wakes);
    }

    /// Forgets a child, unless a newer one of its name is known.
    pub fn remove_child(&mut self, kind: Kind, namespace: &str, name: &str, version: u64, wakes: &mut Wakes) {
        let key = (kind, Box::from(name));
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if version != u64::MAX {
            let gone = space.gone.entry(kind).or_default();
            *gone = version.max(*gone);
        }
        if space.children.get(&key).is_none_or(|child| child.version > version) {
            return;
        }
        let namespace = share(&mut self.names, namespace);
        self.wake_for(kind, &namespace, name, true, kind == Kind::Pod, wakes);
        if let Some(space) = self.spaces.get_mut(&namespace) {
            space.children.remove(&key);
        }
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
            let fleet = self.share(&node.fleet);
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

    /// Remembers which network info was published: its signing hash, and the hash that was applied for it.
    pub fn remember_published(&mut self, network: &NetworkKey, signed: B256, applied: u64) {
        if let Some(known) = self.network_mut(network) {
            known.published = Some((signed, applied));
        }
    }

    fn network_mut(&mut self, network: &NetworkKey) -> Option<&mut Network> {
        self.spaces.get_mut(&network.namespace)?.networks.get_mut(&network.name)
    }

    fn epoch(&self, kind: Kind, namespace: &Arc<str>) -> u32 {
        let of = |scope| self.epochs.get(&(kind, scope)).copied().unwrap_or(0);
        of(None).wrapping_add(of(Some(namespace.clone())))
    }

    fn place(&mut self, metadata: &ObjectMeta) -> Option<(Arc<str>, Arc<str>)> {
        let namespace = self.share(metadata.namespace.as_deref().unwrap_or_default());
        Some((namespace, self.share(metadata.name.as_deref()?)))
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
        let fleets = self.fleets_of(network).filter_map(|fleet| fleet.metadata.name.as_deref());
        let keys = fleets.filter_map(|name| self.names.get(name).cloned());
        wakes.objects.extend(keys.map(|name| (fleet_key(&network.namespace, name), urgency)));
    }

    /// Its fleet looks at once; its network's other objects when it shows something to all of them.
    fn wake_for(
        &self,
        kind: Kind,
        namespace: &Arc<str>,
        name: &str,
        public: bool,
        moved: bool,
        wakes: &mut Wakes,
    ) {
        let Some(space) = self.spaces.get(namespace) else { return };
        let Some(child) = space.children.get(&(kind, Box::from(name))) else { return };
        if let Some(fleet) = &child.fleet {
            wakes.objects.push((fleet_key(namespace, fleet.clone()), Urgency::Changed));
        }
        let Some(network) = child.network.clone() else { return };
        let network = NetworkKey { namespace: namespace.clone(), name: network };
        if moved {
            wakes.networks.push(network.clone());
        }
        if child.fleet.is_none() {
            wakes.objects.push((consortium_key(&network), Urgency::Changed));
        } else if public && kind == Kind::Secret {
            wakes.objects.push((consortium_key(&network), Urgency::Related));
        }
        if public {
            self.wake_fleets(&network, Urgency::Related, wakes);
        }
    }
}

impl Space {
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&str, &Child)> {
        let from = Bound::Included((kind, Box::from("")));
        let children = self.children.range((from, Bound::Unbounded));
        children.take_while(move |((of, _), _)| *of == kind).map(|((_, name), child)| (&**name, child))
    }
}

fn share(names: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return known.clone();
    }
    let shared: Arc<str> = Arc::from(name);
    names.insert(shared.clone());
    shared
}

fn consortium_key(network: &NetworkKey) -> ObjectKey {
    ObjectKey {
        kind: ObjectKind::Consortium,
        namespace: network.namespace.clone(),
        name: network.name.clone(),
    }
}

fn fleet_key(namespace: &Arc<str>, name: Arc<str>) -> ObjectKey {
    ObjectKey { kind: ObjectKind::Validator, namespace: namespace.clone(), name }
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

/// Whether a status is not the one that we wrote last: somebody else's, to be put right. A watch that is faster than the answer
/// to our own write costs a pass that writes nothing.
fn is_told<S: PartialEq>(source: Source, before: Option<&S>, after: &S) -> bool {
    source == Source::Watched && before.is_some_and(|before| before != after)
}

/// Whether what all nodes of a network are told has changed: keys, genesis, which nodes run.
fn is_public(kind: Kind, before: Option<&Child>, after: &Child) -> bool {
    match kind {
        Kind::Secret => {
            let key =
                |child: &Child| child.secret().map(|state| state.key().map(|stored| stored.key.address));
            before.is_none_or(|before| key(before) != key(after))
        }
        Kind::ConfigMap => after.fleet.is_none(),
        Kind::StatefulSet => before.is_none(),
        _ => false,
    }
}

/// Whether a node has to be asked under another address.
fn is_moved(before: Option<&Child>, after: &Child) -> bool {
    let address = |child: &Child| child.pod().map(|pod| (pod.observed.ip.clone(), pod.observed.ready));
    address(after) != before.map_or_else(|| after.pod().map(|_| (None, false)), address)
}

#[cfg(test)]
mod tests;
