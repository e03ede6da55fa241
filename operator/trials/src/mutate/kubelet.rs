//! Plays the part of StatefulSet controller, kubelet and nodes in every namespace that asks for it: one ready pod for every
//! StatefulSet, made anew after it was deleted, from the template as it stands, over one chain for the namespace.

use super::chain::Chain;
use crate::{
    fake_network::{Founder, Who},
    players::{pod::running, ports::Ports, statefulset},
};
use alloy_primitives::Address;
use futures::StreamExt;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Pod, Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher as watch},
    },
};
use operator_core::{
    api::Consortium,
    names::{OBSERVER_ROLE, ROLE, STANDBY},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// A pass over a StatefulSet that fails is tried again after so long.
const AGAIN: Duration = Duration::from_millis(300);
/// More passes than any StatefulSet needs; whoever waits for the pod says that it never came.
const TRIES: u32 = 300;

/// Namespace and name.
type Name = (String, String);

/// All nodes of an API server.
pub struct Kubelet {
    client: Client,
    /// Chains by namespace, with the number of nodes that have a seat from the start.
    chains: Mutex<BTreeMap<String, (Chain, usize)>>,
    addresses: Mutex<BTreeMap<Name, Ipv4Addr>>,
    /// Every StatefulSet that there was in namespaces that are played.
    sets: Mutex<BTreeSet<Name>>,
    next: AtomicU32,
    servers: Mutex<BTreeMap<String, Vec<Ports>>>,
}

impl Kubelet {
    /// Watches StatefulSets and pods until the process ends.
    #[must_use]
    pub fn start(client: Client) -> Arc<Self> {
        // A second octet of this process's own, so that trials that run side by side do not meet.
        let octet = 64 + std::process::id() % 128;
        let kubelet = Arc::new(Self {
            client: client.clone(),
            chains: Mutex::default(),
            addresses: Mutex::default(),
            sets: Mutex::default(),
            next: AtomicU32::new((127 << 24) | (octet << 16) | 1),
            servers: Mutex::default(),
        });
        let (sets, pods) = (kubelet.clone(), kubelet.clone());
        let all: Api<StatefulSet> = Api::all(client.clone());
        tokio::spawn(async move {
            let mut changes = watch(all, watcher::Config::default()).default_backoff().boxed();
            // A failed watch begins again by itself.
            while let Some(event) = changes.next().await {
                if let Ok(Event::Apply(set) | Event::InitApply(set) | Event::Delete(set)) = event {
                    let name = name_of(&set);
                    sets.sets.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
                    sets.look(name);
                }
            }
        });
        let all: Api<Pod> = Api::all(client);
        tokio::spawn(async move {
            let mut changes = watch(all, watcher::Config::default()).default_backoff().boxed();
            while let Some(event) = changes.next().await {
                match event {
                    Ok(Event::Delete(pod)) => {
                        let (namespace, name) = name_of(&pod);
                        if let Some(set) = name.strip_suffix("-0") {
                            pods.look((namespace, set.to_owned()));
                        }
                    }
                    // What was deleted while nobody watched is told by nobody.
                    Ok(Event::InitDone) => {
                        let known = pods.sets.lock().unwrap_or_else(PoisonError::into_inner).clone();
                        for set in known {
                            pods.look(set);
                        }
                    }
                    _ => {}
                }
            }
        });
        kubelet
    }

    /// From now on the namespace has nodes; the first `seats` of them are in the validator set from the start, none where a
    /// founder was before them.
    pub fn play(&self, namespace: &str, seats: usize, founder: Option<Founder>) {
        let (seats, chain) = (if founder.is_some() { 0 } else { seats }, Chain::new(founder));
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        chains.insert(namespace.to_owned(), (chain, seats));
    }

    /// The namespace's nodes are gone.
    pub fn stop(&self, namespace: &str) {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| of != namespace);
    }

    fn look(self: &Arc<Self>, name: Name) {
        let kubelet = self.clone();
        tokio::spawn(async move {
            for _ in 0..TRIES {
                match kubelet.pass(&name).await {
                    Ok(true) => return,
                    // Conflicts, and what is not there yet.
                    Ok(false) | Err(_) => tokio::time::sleep(AGAIN).await,
                }
            }
        });
    }

    /// Brings one StatefulSet's pod about; `false` when something it needs is not there yet.
    async fn pass(&self, (namespace, name): &Name) -> Result<bool, kube::Error> {
        let chain = self.chains.lock().unwrap_or_else(PoisonError::into_inner).get(namespace).cloned();
        let Some((chain, seats)) = chain else { return Ok(true) };
        let sets: Api<StatefulSet> = Api::namespaced(self.client.clone(), namespace);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let pod = statefulset::pod_of(name);
        let Some(set) = sets.get_opt(name).await? else {
            return Ok(pods.get_opt(&pod).await?.is_none()
                || pods.delete(&pod, &DeleteParams::default()).await.is_ok());
        };
        let played = serde_json::to_value(&set).unwrap_or_default();
        let revision = statefulset::revision(&played);
        if set.status.as_ref().and_then(|status| status.update_revision.as_ref()) != Some(&revision) {
            let status = json!({ "status": { "replicas": 1, "updateRevision": revision } });
            sets.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await?;
        }
        let there = pods.get_opt(&pod).await?;
        let is_up = |pod: &Pod| pod.status.as_ref().is_some_and(|status| status.pod_ip.is_some());
        if there.as_ref().is_some_and(is_up) {
            return Ok(true);
        }
        let Some(address) = self.node(namespace, &set, &chain, seats).await? else { return Ok(false) };
        // One that is there already got no address: the pass that made it failed after that.
        if there.is_none() {
            let made = serde_json::from_value(statefulset::made_plain(&played));
            pods.create(&PostParams::default(), &made.map_err(kube::Error::SerdeError)?).await?;
        }
        let status = json!({ "status": running(&address.to_string(), true) });
        pods.patch_status(&pod, &PatchParams::default(), &Patch::Merge(&status)).await?;
        Ok(true)
    }

    /// The node's address, served from its first start on.
    async fn node(
        &self,
        namespace: &str,
        set: &StatefulSet,
        chain: &Chain,
        seats: usize,
    ) -> Result<Option<Ipv4Addr>, kube::Error> {
        let name = set.name_any();
        let key = (namespace.to_owned(), name.clone());
        if let Some(address) = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(*address));
        }
        let networks: Api<Consortium> = Api::namespaced(self.client.clone(), namespace);
        let network = networks.list(&kube::api::ListParams::default()).await?.items.into_iter().next();
        let Some(status) = network.and_then(|network| network.status) else { return Ok(None) };
        if !chain.begin(&status) {
            return Ok(None);
        }
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let identity = secrets.get_opt(&format!("{name}-identity")).await?;
        let identity: Option<Address> = identity.and_then(|secret| {
            secret.annotations().get("quorate.dev/address").and_then(|text| text.parse().ok())
        });
        let observes = set.labels().get(ROLE).is_some_and(|role| role == OBSERVER_ROLE)
            || set.labels().contains_key(STANDBY);
        match identity {
            Some(identity) => chain.seat_first(identity, seats),
            None if observes => {}
            None => return Ok(None),
        }
        let address = Ipv4Addr::from(self.next.fetch_add(1, Ordering::Relaxed));
        let served = chain.serve(address, Who::of(set, identity)).await;
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.entry(namespace.to_owned()).or_default().push(served);
        drop(servers);
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).insert(key, address);
        Ok(Some(address))
    }
}

fn name_of(object: &impl ResourceExt) -> Name {
    (object.namespace().unwrap_or_default(), object.name_any())
}
