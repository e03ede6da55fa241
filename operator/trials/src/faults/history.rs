//! Everything that happens to the objects of a namespace, in the order of the API server's resource versions: one watch per
//! kind over the whole cluster, kept apart by namespace.

use anyhow::Context as _;
use futures::TryStreamExt;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, WatchParams},
    core::WatchEvent,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// A kind that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// As in manifests.
    pub kind: &'static str,
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// As in paths.
    pub plural: &'static str,
}

const fn kind(kind: &'static str, group: &'static str, version: &'static str, plural: &'static str) -> Kind {
    Kind { kind, group, version, plural }
}

/// Every kind that the operator, the user or the players of controllers write, but events.
pub const KINDS: &[Kind] = &[
    kind("Consortium", "quorate.dev", "v1alpha1", "consortia"),
    kind("Validator", "quorate.dev", "v1alpha1", "validators"),
    kind("Secret", "", "v1", "secrets"),
    kind("ConfigMap", "", "v1", "configmaps"),
    kind("Service", "", "v1", "services"),
    kind("ServiceAccount", "", "v1", "serviceaccounts"),
    kind("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims"),
    kind("Pod", "", "v1", "pods"),
    kind("StatefulSet", "apps", "v1", "statefulsets"),
    kind("Deployment", "apps", "v1", "deployments"),
    kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
    kind("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies"),
    kind("Lease", "coordination.k8s.io", "v1", "leases"),
    kind("Role", "rbac.authorization.k8s.io", "v1", "roles"),
    kind("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings"),
];

impl Kind {
    /// The kind of a path's plural.
    #[must_use]
    pub fn of_plural(plural: &str) -> Option<Self> {
        KINDS.iter().find(|kind| kind.plural == plural).copied()
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|kind| kind.kind == name).copied()
    }

    /// For dynamic clients.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(self.group, self.version, self.kind);
        ApiResource::from_gvk_with_plural(&gvk, self.plural)
    }

    /// `group/version`, or the version of the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its resource version.
    pub version: u64,
    /// Of which kind.
    pub kind: Kind,
    /// The object's name.
    pub name: String,
    /// It went.
    pub deleted: bool,
    /// As it is, or as it last was.
    pub object: Arc<Value>,
}

/// Objects by kind and name.
pub type Objects = BTreeMap<(Kind, String), Arc<Value>>;

/// One namespace.
pub struct Log {
    state: Mutex<(Vec<Change>, Objects)>,
    changed: watch::Sender<u64>,
}

impl Log {
    fn new() -> Self {
        Self { state: Mutex::default(), changed: watch::channel(0).0 }
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Change>, Objects)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, change: Change) {
        let mut state = self.lock();
        let key = (change.kind, change.name.clone());
        if change.deleted {
            state.1.remove(&key);
        } else {
            state.1.insert(key, change.object.clone());
        }
        state.0.push(change);
        drop(state);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Tells of every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// All objects now.
    #[must_use]
    pub fn now(&self) -> Objects {
        self.lock().1.clone()
    }

    /// One object now.
    #[must_use]
    pub fn get(&self, kind: &str, name: &str) -> Option<Arc<Value>> {
        self.lock().1.get(&(Kind::named(kind)?, name.to_owned())).cloned()
    }

    /// Everything that happened.
    #[must_use]
    pub fn all(&self) -> Vec<Change> {
        self.lock().0.clone()
    }

    /// The newest resource version that is known.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.lock().0.iter().map(|change| change.version).max().unwrap_or_default()
    }

    /// The newest resource version of one object; 0 when it is not there.
    #[must_use]
    pub fn version_of(&self, kind: &str, name: &str) -> u64 {
        let found = self.get(kind, name);
        found
            .and_then(|found| found["metadata"]["resourceVersion"].as_str()?.parse().ok())
            .unwrap_or_default()
    }

    /// All objects as they were at a resource version.
    #[must_use]
    pub fn as_of(&self, version: u64) -> Objects {
        let mut objects = Objects::new();
        let mut changes: Vec<Change> =
            self.all().into_iter().filter(|change| change.version <= version).collect();
        changes.sort_by_key(|change| change.version);
        for change in changes {
            let key = (change.kind, change.name);
            if change.deleted {
                objects.remove(&key);
            } else {
                objects.insert(key, change.object);
            }
        }
        objects
    }
}

/// All namespaces that somebody asked for.
#[derive(Default)]
pub struct History {
    namespaces: Mutex<HashMap<String, Arc<Log>>>,
}

impl History {
    /// Watches every kind until the process ends. What comes before a namespace is asked for is not kept.
    pub async fn start(client: &Client) -> anyhow::Result<Arc<Self>> {
        let history = Arc::new(Self::default());
        for kind in KINDS {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource());
            let listed = api.list_metadata(&ListParams::default().limit(1)).await;
            let listed = listed.with_context(|| format!("{} cannot be listed", kind.plural))?;
            let from = listed.metadata.resource_version.context("a list without a resource version")?;
            tokio::spawn(follow(history.clone(), *kind, api, from));
        }
        Ok(history)
    }

    /// The record of a namespace, from now on.
    pub fn of(&self, namespace: &str) -> Arc<Log> {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        namespaces.entry(namespace.to_owned()).or_insert_with(|| Arc::new(Log::new())).clone()
    }

    /// Forgets a namespace.
    pub fn forget(&self, namespace: &str) {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
    }

    fn record(&self, kind: Kind, object: DynamicObject, deleted: bool) {
        let (Some(namespace), Some(name)) = (object.metadata.namespace.clone(), object.metadata.name.clone())
        else {
            return;
        };
        let log = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).get(&namespace).cloned();
        let Some(log) = log else { return };
        let version =
            object.metadata.resource_version.as_ref().and_then(|text| text.parse().ok()).unwrap_or_default();
        let Ok(object) = serde_json::to_value(object) else { return };
        log.push(Change { version, kind, name, deleted, object: Arc::new(object) });
    }
}

/// A record with a gap proves nothing, so a watch that cannot be resumed ends the process.
async fn follow(history: Arc<History>, kind: Kind, api: Api<DynamicObject>, mut from: String) {
    loop {
        let watched = async {
            let mut events = Box::pin(api.watch(&WatchParams::default(), &from).await?);
            while let Some(event) = events.try_next().await? {
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                        from = object.metadata.resource_version.clone().unwrap_or(from.clone());
                        history.record(kind, object, false);
                    }
                    WatchEvent::Deleted(object) => {
                        from = object.metadata.resource_version.clone().unwrap_or(from.clone());
                        history.record(kind, object, true);
                    }
                    WatchEvent::Bookmark(bookmark) => from.clone_from(&bookmark.metadata.resource_version),
                    WatchEvent::Error(status) => {
                        eprintln!("the record of {} has a gap: {}", kind.plural, status.message);
                        std::process::exit(3);
                    }
                }
            }
            Ok::<(), kube::Error>(())
        };
        if let Err(error) = watched.await {
            eprintln!("watch of {} begins again: {error}", kind.plural);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
