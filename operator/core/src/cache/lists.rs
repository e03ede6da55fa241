//! Lists of children: begun, complete, and what they say of an answer that was asked for before.

use super::{Cache, Kind, ObjectKind, Wakes};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Lists of one kind: how many have begun, and which of them was complete last.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    begun: u32,
    complete: u32,
}

/// By kind and by the namespace that is listed, if it is one.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<(Kind, Option<Arc<str>>), Count>);

/// The list that was complete when something was asked of the API server: the answer may tell of a state before a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub(super) u32);

impl Lists {
    /// Lists are of all namespaces or of each by itself, never both.
    fn count(&self, kind: Kind, namespace: &str) -> Count {
        let all = self.0.get(&(kind, None));
        let of_one = || self.0.get(&(kind, Some(Arc::from(namespace))));
        all.or_else(of_one).copied().unwrap_or_default()
    }

    /// The list that a watch tells from now.
    pub(super) fn begun(&self, kind: Kind, namespace: &str) -> u32 {
        self.count(kind, namespace).begun
    }

    pub(super) fn complete(&self, kind: Kind, namespace: &str) -> Mark {
        Mark(self.count(kind, namespace).complete)
    }
}

impl Cache {
    /// To be taken before a child is read or written.
    #[must_use]
    pub fn mark(&self, kind: Kind, namespace: &str) -> Mark {
        self.lists.complete(kind, namespace)
    }

    /// A list of one kind of children begins, in one namespace or in all.
    pub fn begin(&mut self, kind: Kind, scope: Option<&str>) {
        let scope = scope.map(|namespace| self.shared.name(namespace));
        self.lists.0.entry((kind, scope)).or_default().begun += 1;
    }

    /// It is complete: what was not in it is gone.
    pub fn complete(&mut self, kind: Kind, scope: Option<&str>, wakes: &mut Wakes) {
        let key = (kind, scope.map(|namespace| self.shared.name(namespace)));
        let count = self.lists.0.entry(key).or_default();
        count.complete = count.begun;
        let begun = count.begun;
        let mut gone = Vec::new();
        let listed = |namespace: &Arc<str>| scope.is_none_or(|scope| scope == &**namespace);
        for (namespace, space) in self.spaces.iter().filter(|(namespace, _)| listed(namespace)) {
            let old = space.of_kind(kind).filter(|(_, child)| child.list < begun);
            gone.extend(old.map(|(name, _)| (namespace.clone(), name.to_owned())));
        }
        for (namespace, name) in gone {
            self.remove_child(kind, &namespace, &name, u64::MAX, wakes);
        }
        self.shared.sweep();
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
        let within = self.spaces.iter().filter(|(space, _)| scope.is_none_or(|scope| scope == &***space));
        for (namespace, space) in within {
            let mut absent = |name: &Arc<str>| {
                let place = (namespace.to_string(), name.to_string());
                if !listed.contains(&place) {
                    gone.push(place);
                }
            };
            match kind {
                ObjectKind::Consortium => space.consortia.keys().for_each(&mut absent),
                ObjectKind::Validator => space.fleets.keys().for_each(&mut absent),
            }
        }
        for (namespace, name) in gone {
            match kind {
                ObjectKind::Consortium => self.remove_consortium(&namespace, &name, wakes),
                ObjectKind::Validator => self.remove_fleet(&namespace, &name, wakes),
            }
        }
    }
}
