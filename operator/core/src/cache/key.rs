//! Names of what is kept, and who hears of a change.

use crate::queue::Urgency;
use std::sync::Arc;

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

pub(super) fn consortium_key(network: &NetworkKey) -> ObjectKey {
    ObjectKey {
        kind: ObjectKind::Consortium,
        namespace: network.namespace.clone(),
        name: network.name.clone(),
    }
}

pub(super) fn fleet_key(namespace: &Arc<str>, name: Arc<str>) -> ObjectKey {
    ObjectKey { kind: ObjectKind::Validator, namespace: namespace.clone(), name }
}
