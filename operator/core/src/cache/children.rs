//! Children come and go; who hears of it.

use super::{
    Body, Cache, Child, Kind, Mark, NetworkKey, Space, Wakes,
    key::{consortium_key, fleet_key},
};
use crate::queue::Urgency;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{collections::BTreeMap, sync::Arc};

/// Children of one kind in one namespace. Boxed: nodes of a B-tree that is filled in order stay half empty.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    pub(super) all: BTreeMap<Box<str>, Box<Child>>,
    /// Newest resource version of a deletion that the watch has told.
    gone: u64,
}

/// How an object came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From a watch: only the metadata may have been looked at.
    Watched,
    /// We have read it, and looked no closer.
    Read(Mark),
    /// We have just written it, or read it whole and found it as wanted.
    Verified(Mark),
}

impl Source {
    pub(super) const fn is_verified(self) -> bool {
        matches!(self, Self::Verified(_))
    }

    const fn mark(self) -> Option<Mark> {
        match self {
            Self::Watched => None,
            Self::Read(mark) | Self::Verified(mark) => Some(mark),
        }
    }
}

impl Space {
    pub(super) fn kind(&self, kind: Kind) -> &Siblings {
        &self.children[kind as usize]
    }

    fn kind_mut(&mut self, kind: Kind) -> &mut Siblings {
        &mut self.children[kind as usize]
    }

    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&str, &Child)> {
        self.kind(kind).all.iter().map(|(name, child)| (&**name, &**child))
    }
}

impl Cache {
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
        let namespace = self.shared.name(metadata.namespace.as_deref().unwrap_or_default());
        let mut child = Box::new(Child::read(metadata, body, source, self.shared.place(metadata)));
        // A list under way or to come removes what only an answer tells of, unless it tells of it too.
        child.list = source.mark().map_or_else(|| self.lists.begun(kind, &namespace), |mark| mark.0);
        let complete = self.lists.complete(kind, &namespace);
        let siblings = self.spaces.entry(namespace.clone()).or_default().kind_mut(kind);
        let Some(before) = siblings.all.get_mut(name) else {
            // A watch tells of a kind in order: what it has passed by, or what a list since did not have, is gone again.
            let passed = child.version != 0 && child.version <= siblings.gone;
            if source.mark().is_some_and(|mark| passed || mark < complete) {
                return;
            }
            let (public, moved) = (is_public(kind, None, &child), is_moved(None, &child));
            siblings.all.insert(Box::from(name), child);
            return self.wake_for(kind, &namespace, name, public, moved, wakes);
        };
        child.list = child.list.max(before.list);
        before.list = child.list;
        let known = child.version <= before.version && child.version != 0;
        if known && (!source.is_verified() || child.version < before.version) {
            return;
        }
        child.succeed(before, source);
        let (news, moved) = (!child.same_as(before), is_moved(Some(before), &child));
        let public = news && is_public(kind, Some(before), &child);
        *before = child;
        if news {
            self.wake_for(kind, &namespace, name, public, moved, wakes);
        }
    }

    /// Forgets a child, unless a newer one of its name is known.
    pub fn remove_child(&mut self, kind: Kind, namespace: &str, name: &str, version: u64, wakes: &mut Wakes) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        let siblings = space.kind_mut(kind);
        if version != u64::MAX {
            siblings.gone = version.max(siblings.gone);
        }
        if siblings.all.get(name).is_none_or(|child| child.version > version) {
            return;
        }
        let namespace = self.shared.name(namespace);
        self.wake_for(kind, &namespace, name, true, kind == Kind::Pod, wakes);
        if let Some(space) = self.spaces.get_mut(&namespace) {
            space.kind_mut(kind).all.remove(name);
        }
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
        let Some(child) = self.child(kind, namespace, name) else { return };
        let fleet = child.place.fleet.as_ref();
        if let Some(fleet) = fleet {
            wakes.objects.push((fleet_key(namespace, fleet.clone()), Urgency::Changed));
        }
        let Some(network) = child.place.network.clone() else { return };
        let network = NetworkKey { namespace: namespace.clone(), name: network };
        if moved {
            wakes.networks.push(network.clone());
        }
        if fleet.is_none() {
            wakes.objects.push((consortium_key(&network), Urgency::Changed));
        } else if public && matches!(kind, Kind::Secret | Kind::Service) {
            wakes.objects.push((consortium_key(&network), Urgency::Related));
        }
        if public {
            self.wake_fleets(&network, Urgency::Related, wakes);
        }
    }
}

/// Whether what all nodes of a network are told has changed: keys, genesis, which nodes run, where others dial them.
fn is_public(kind: Kind, before: Option<&Child>, after: &Child) -> bool {
    match kind {
        Kind::Secret => {
            let key =
                |child: &Child| child.secret().map(|state| state.key().map(|stored| stored.key.address));
            before.is_none_or(|before| key(before) != key(after))
        }
        Kind::ConfigMap => after.place.fleet.is_none(),
        Kind::StatefulSet => before.is_none(),
        // The network info names load balancers.
        Kind::Service => before.and_then(Child::load_balancer) != after.load_balancer(),
        _ => false,
    }
}

/// Whether a node has to be asked under another address.
fn is_moved(before: Option<&Child>, after: &Child) -> bool {
    let address = |child: &Child| child.pod().map(|pod| (pod.observed.ip.clone(), pod.observed.ready));
    address(after) != before.map_or_else(|| after.pod().map(|_| (None, false)), address)
}
