//! One copy of what many children say: names, and to which node they belong.

use crate::names::{FLEET, NETWORK, NODE, NodeName};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{borrow::Borrow, collections::HashSet, hash::Hash, sync::Arc};

/// To whom a child belongs, by its labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) network: Option<Arc<str>>,
    pub(super) fleet: Option<Arc<str>>,
    pub(super) node: Option<u32>,
}

/// The copies.
#[derive(Debug, Default)]
pub(super) struct Shared {
    names: HashSet<Arc<str>>,
    places: HashSet<Arc<Place>>,
}

impl Shared {
    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        one(&mut self.names, name, |name| Arc::from(name))
    }

    pub(super) fn place(&mut self, metadata: &ObjectMeta) -> Arc<Place> {
        let label = |key: &str| metadata.labels.as_ref()?.get(key).map(String::as_str);
        let node = label(FLEET).zip(label(NODE)).and_then(|(fleet, node)| NodeName::parse(fleet, node));
        let place = Place {
            network: label(NETWORK).map(|name| self.name(name)),
            fleet: label(FLEET).map(|name| self.name(name)),
            node: node.map(|node| node.index),
        };
        one(&mut self.places, &place, |place| Arc::new(place.clone()))
    }

    /// Forgets what nobody has any more.
    pub(super) fn sweep(&mut self) {
        self.places.retain(|place| Arc::strong_count(place) > 1);
        self.names.retain(|name| Arc::strong_count(name) > 1);
        self.places.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}

fn one<T>(all: &mut HashSet<Arc<T>>, wanted: &T, make: impl FnOnce(&T) -> Arc<T>) -> Arc<T>
where
    T: Hash + Eq + ?Sized,
    Arc<T>: Borrow<T>,
{
    if let Some(known) = all.get(wanted) {
        return known.clone();
    }
    let made = make(wanted);
    all.insert(made.clone());
    made
}
