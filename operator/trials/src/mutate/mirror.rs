//! What the API server holds in the namespaces of the trials, as its watches tell it: whoever waits for a rest is woken by what
//! happens, and nobody lists everything to see whether something has.

use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    core::{ApiResource, DynamicObject},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher as watch},
    },
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Objects by kind and name.
pub type Snapshot = BTreeMap<(String, String), Arc<Value>>;

/// One namespace.
#[derive(Default)]
struct Space {
    objects: Snapshot,
    news: Arc<Notify>,
}

/// All namespaces that are open.
#[derive(Default)]
pub struct Mirror(Mutex<BTreeMap<String, Space>>);

impl Mirror {
    /// Watches these kinds in all namespaces until the process ends.
    #[must_use]
    pub fn start(client: &Client, kinds: Vec<ApiResource>) -> Arc<Self> {
        let mirror = Arc::new(Self::default());
        for kind in kinds {
            tokio::spawn(mirror.clone().follow(Api::all_with(client.clone(), &kind), kind.kind));
        }
        mirror
    }

    async fn follow(self: Arc<Self>, api: Api<DynamicObject>, kind: String) {
        let mut changes = watch(api, watcher::Config::default()).default_backoff().boxed();
        let mut listed = BTreeSet::new();
        // A failed watch begins again by itself.
        while let Some(event) = changes.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.insert((object.namespace().unwrap_or_default(), object.name_any()));
                    self.put(&kind, &object);
                }
                Ok(Event::InitDone) => self.retain(&kind, &listed),
                Ok(Event::Apply(object)) => self.put(&kind, &object),
                Ok(Event::Delete(object)) => self.remove(&kind, &object),
                Err(_) => {}
            }
        }
    }

    fn spaces(&self) -> MutexGuard<'_, BTreeMap<String, Space>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a namespace is kept.
    pub fn open(&self, namespace: &str) {
        self.spaces().entry(namespace.to_owned()).or_default();
    }

    /// Nobody looks at it any more.
    pub fn close(&self, namespace: &str) {
        self.spaces().remove(namespace);
    }

    /// Told of everything that changes in a namespace from the moment of the call on.
    #[must_use]
    pub fn news(&self, namespace: &str) -> Arc<Notify> {
        self.spaces().get(namespace).map(|space| space.news.clone()).unwrap_or_default()
    }

    /// One object as it is, if it is as new as a write that was answered with this version.
    #[must_use]
    pub fn object(&self, namespace: &str, kind: &str, name: &str, version: u64) -> Option<Arc<Value>> {
        let spaces = self.spaces();
        let object = spaces.get(namespace)?.objects.get(&(kind.to_owned(), name.to_owned()))?;
        (version_of(object) >= version).then(|| object.clone())
    }

    /// Everything of these kinds in a namespace, but not these.
    #[must_use]
    pub fn snapshot(&self, namespace: &str, but: &[&str]) -> Snapshot {
        let spaces = self.spaces();
        let objects = spaces.get(namespace).into_iter().flat_map(|space| &space.objects);
        objects
            .filter(|((kind, _), _)| !but.contains(&kind.as_str()))
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect()
    }

    fn put(&self, kind: &str, object: &DynamicObject) {
        let mut spaces = self.spaces();
        let Some(space) = spaces.get_mut(&object.namespace().unwrap_or_default()) else { return };
        let value = Arc::new(serde_json::to_value(object).unwrap_or_default());
        space.objects.insert((kind.to_owned(), object.name_any()), value);
        space.news.notify_waiters();
    }

    fn remove(&self, kind: &str, object: &DynamicObject) {
        let mut spaces = self.spaces();
        let Some(space) = spaces.get_mut(&object.namespace().unwrap_or_default()) else { return };
        space.objects.remove(&(kind.to_owned(), object.name_any()));
        space.news.notify_waiters();
    }

    fn retain(&self, kind: &str, listed: &BTreeSet<(String, String)>) {
        for (namespace, space) in self.spaces().iter_mut() {
            let there = |name: &String| listed.contains(&(namespace.clone(), name.clone()));
            space.objects.retain(|(of, name), _| of != kind || there(name));
            space.news.notify_waiters();
        }
    }
}

/// Versions of one API server grow.
#[must_use]
pub fn version_of(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Mirror;
    use kube::core::{DynamicObject, TypeMeta};
    use serde_json::json;
    use std::collections::BTreeSet;

    fn object(namespace: &str, name: &str, version: &str) -> DynamicObject {
        let metadata = json!({ "namespace": namespace, "name": name, "resourceVersion": version });
        let metadata = serde_json::from_value(metadata).expect("metadata");
        DynamicObject { types: Some(TypeMeta::default()), metadata, data: json!({}) }
    }

    #[test]
    fn only_open_namespaces_are_kept_and_what_a_new_list_lacks_is_gone() {
        let mirror = Mirror::default();
        mirror.open("a");
        for (namespace, name) in [("a", "x"), ("a", "y"), ("b", "z")] {
            mirror.put("ConfigMap", &object(namespace, name, "5"));
        }
        mirror.put("Secret", &object("a", "x", "6"));
        assert_eq!((mirror.snapshot("a", &[]).len(), mirror.snapshot("b", &[]).len()), (3, 0));
        mirror.retain("ConfigMap", &BTreeSet::from([("a".to_owned(), "y".to_owned())]));
        let left: Vec<_> = mirror.snapshot("a", &[]).into_keys().collect();
        let key = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        assert_eq!(left, [key("ConfigMap", "y"), key("Secret", "x")]);
        assert_eq!(mirror.snapshot("a", &["Secret"]).len(), 1);
        mirror.close("a");
        assert!(mirror.snapshot("a", &[]).is_empty());
    }

    #[test]
    fn an_object_older_than_the_write_that_is_waited_for_is_not_shown() {
        let mirror = Mirror::default();
        mirror.open("a");
        mirror.put("ConfigMap", &object("a", "x", "5"));
        assert!(mirror.object("a", "ConfigMap", "x", 6).is_none());
        mirror.put("ConfigMap", &object("a", "x", "10"));
        assert!(mirror.object("a", "ConfigMap", "x", 6).is_some(), "numbers, not texts");
    }
}
