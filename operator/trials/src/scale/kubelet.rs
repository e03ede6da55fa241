//! The kubelet's and the StatefulSet controller's part: a ready pod for every StatefulSet, and a node that answers for it.

use super::{
    Failure,
    nodes::{Network, Node, Nodes, address},
};
use crate::players::{
    pod::running,
    statefulset::{plain, pod_of},
};
use alloy_primitives::Address;
use futures::TryStreamExt;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, Pod, Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::PartialObjectMeta,
    runtime::{WatchStreamExt, watcher},
};
use operator_core::names::{ADDRESS, FLEET, GENESIS_CHAIN_ID, GENESIS_HASH, NETWORK, ROLE};
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::sync::Mutex;

/// Pods made at the same time.
const AT_ONCE: usize = 4;

/// Makes pods as StatefulSets appear.
pub struct Kubelet {
    client: Client,
    nodes: Arc<Nodes>,
    networks: Mutex<HashMap<(String, String), Arc<Network>>>,
    made: AtomicU32,
}

impl Kubelet {
    /// One over the whole cluster.
    #[must_use]
    pub fn new(client: Client, nodes: Arc<Nodes>) -> Arc<Self> {
        Arc::new(Self { client, nodes, networks: Mutex::default(), made: AtomicU32::new(0) })
    }

    /// Pods made so far.
    #[must_use]
    pub fn made(&self) -> u32 {
        self.made.load(Ordering::Relaxed)
    }

    /// Makes pods for as long as the process runs.
    pub async fn run(self: Arc<Self>) -> Result<(), Failure> {
        let sets = Api::<PartialObjectMeta<StatefulSet>>::all(self.client.clone());
        let seen = Mutex::new(HashSet::new());
        let config = watcher::Config::default().labels(FLEET).page_size(100);
        watcher(sets, config)
            .default_backoff()
            .applied_objects()
            .map_err(Failure::from)
            .try_for_each_concurrent(AT_ONCE, |set| {
                let (this, seen) = (&self, &seen);
                async move {
                    let key = (set.namespace().unwrap_or_default(), set.name_any());
                    if seen.lock().await.insert(key) {
                        this.start(&set).await?;
                    }
                    Ok(())
                }
            })
            .await
    }

    async fn start(&self, set: &PartialObjectMeta<StatefulSet>) -> Result<(), Failure> {
        let (namespace, name) = (set.namespace().unwrap_or_default(), set.name_any());
        let network = set.labels().get(NETWORK).cloned().unwrap_or_default();
        let network = self.network(&namespace, &network).await?;
        let identity = match set.labels().get(ROLE).map(String::as_str) {
            Some("validator") => Some(self.identity(&namespace, &format!("{name}-identity")).await?),
            _ => None,
        };
        let ip = address(self.made.fetch_add(1, Ordering::Relaxed));
        self.nodes.start(ip, Node { network, identity });
        let pods = Api::<Pod>::namespaced(self.client.clone(), &namespace);
        let pod: Pod = serde_json::from_value(plain(&name, json!({ "labels": set.labels() }), "x", None))?;
        pods.create(&PostParams::default(), &pod).await?;
        let status = json!({ "status": running(&ip.to_string(), true) });
        pods.patch_status(&pod_of(&name), &PatchParams::default(), &Patch::Merge(&status)).await?;
        Ok(())
    }

    async fn identity(&self, namespace: &str, secret: &str) -> Result<Address, Failure> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let found = secrets.get_metadata(secret).await?;
        Ok(found.annotations().get(ADDRESS).ok_or("a key without an address")?.parse()?)
    }

    /// What the genesis says: by then it is there, and all first identities with it.
    async fn network(&self, namespace: &str, name: &str) -> Result<Arc<Network>, Failure> {
        let mut networks = self.networks.lock().await;
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(known) = networks.get(&key) {
            return Ok(known.clone());
        }
        let configs = Api::<ConfigMap>::namespaced(self.client.clone(), namespace);
        let genesis = configs.get(&format!("{name}-genesis")).await?.data.unwrap_or_default();
        let entry = |key: &str| genesis.get(key).ok_or_else(|| format!("a genesis without {key}"));
        let identities = ListParams::default().labels(&format!("{NETWORK}={name},{FLEET}")).limit(500);
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let listed = secrets.list_metadata(&identities).await?;
        let seats = listed.items.iter().filter_map(|secret| secret.annotations().get(ADDRESS)?.parse().ok());
        let network = Arc::new(Network {
            genesis_hash: entry(GENESIS_HASH)?.parse()?,
            chain_id: entry(GENESIS_CHAIN_ID)?.parse()?,
            admin: self.identity(namespace, &format!("{name}-admin")).await?,
            operator: self.identity(namespace, &format!("{name}-operator")).await?,
            seats: seats.collect(),
        });
        networks.insert(key, network.clone());
        Ok(network)
    }
}
