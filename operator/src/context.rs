//! What every pass needs.

use crate::{
    azure::Azure, clock::steady_ms, endpoints::Listed, error::Error, leader::Leadership, metrics::Metrics,
    node_pool::Served, nodes::Nodes, publications::Publications, sources::Sources, traces, turns::Turns,
    vaults::Vaults, watches::Kept,
};
use kube::{Api, Client, Resource, core::NamespaceResourceScope};
use operator_core::{
    build::{NetworkAccess, OperatorImage},
    cache::{Cache, Kind, Mark, NetworkKey, ObjectKey, ObjectKind, Source, Wakes},
    queue::Urgency,
};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// When an object is looked at again, if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Action(pub(crate) Option<Duration>);

impl Action {
    /// After so long.
    pub(crate) const fn requeue(after: Duration) -> Self {
        Self(Some(after))
    }

    /// When something changes.
    pub(crate) const fn await_change() -> Self {
        Self(None)
    }
}

/// Shared by all passes.
pub(crate) struct Context {
    /// The API server; writes only while this process leads.
    pub(crate) client: Client,
    /// The nodes' status and RPC.
    pub(crate) nodes: Nodes,
    /// What tells this process from its replicas, in events and in the lease.
    pub(crate) instance: String,
    /// Image of nodes whose spec names none.
    pub(crate) node_image: String,
    /// Image of the operator itself, for the web servers that publish network infos.
    pub(crate) operator_image: Option<OperatorImage>,
    /// Who reaches every node, when fleets get network policies.
    pub(crate) access: Option<NetworkAccess>,
    /// What has been listed, for `/readyz`.
    pub(crate) listed: Listed,
    /// Versions of Azure Service Operator's kind.
    pub(crate) agent_pools: Served,
    /// Counters.
    pub(crate) metrics: Metrics,
    /// Whether this process may write.
    pub(crate) leadership: Arc<Leadership>,
    /// What the watches have brought.
    pub(crate) cache: Mutex<Cache>,
    /// How many objects of ours there are.
    pub(crate) known: AtomicUsize,
    /// Consortia that wait for a pass.
    pub(crate) consortia: Arc<Turns<ObjectKey>>,
    /// Fleets that wait for a pass.
    pub(crate) fleets: Arc<Turns<ObjectKey>>,
    /// Objects without a pass since this process began to lead.
    pub(crate) unvisited: Mutex<HashSet<ObjectKey>>,
    /// Networks whose nodes wait to be asked.
    pub(crate) networks: Arc<Turns<NetworkKey>>,
    /// What other members publish of networks that are joined.
    pub(crate) sources: Sources,
    /// What this member publishes in containers.
    pub(crate) publications: Publications,
    /// Keys in vaults.
    pub(crate) vaults: Vaults,
    /// Azure's storage and vaults.
    pub(crate) azure: Azure,
}

impl Context {
    /// Objects of one kind in one namespace.
    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// What the watches have brought; held for moments, never over an await. A pass that panicked leaves it whole.
    pub(crate) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the cache, and wakes whom the change concerns.
    pub(crate) fn learn<T>(&self, change: impl FnOnce(&mut Cache, &mut Wakes) -> T) -> T {
        let mut wakes = Wakes::default();
        let result = {
            let mut cache = self.cache();
            let result = change(&mut cache, &mut wakes);
            self.known.store(cache.known(), Ordering::Relaxed);
            result
        };
        self.wake(&wakes);
        result
    }

    /// What we have just written, or read whole and found as wanted, is known before the watch tells it.
    pub(crate) fn learn_written<K: Kept>(&self, object: &K, asked: Mark) {
        self.learn(|cache, wakes| {
            cache.put_child(K::KIND, object.meta(), object.body(), Source::Verified(asked), wakes);
        });
    }

    /// To be taken before a child is read or written whose answer is then learned.
    pub(crate) fn mark(&self, kind: Kind, namespace: &str) -> Mark {
        self.cache().mark(kind, namespace)
    }

    /// Counts and traces a decision that was carried out.
    pub(crate) fn decided(&self, decision: &'static str) {
        self.metrics.decided(decision);
        traces::decided(decision);
    }

    /// The queue of a kind.
    pub(crate) const fn turns(&self, kind: ObjectKind) -> &Arc<Turns<ObjectKey>> {
        match kind {
            ObjectKind::Consortium => &self.consortia,
            ObjectKind::Validator => &self.fleets,
        }
    }

    fn wake(&self, wakes: &Wakes) {
        let now = steady_ms();
        let related = u64::try_from(self.busy().as_millis() / 2).unwrap_or(RELATED_MS).max(RELATED_MS);
        for (key, urgency) in &wakes.objects {
            let at = if *urgency == Urgency::Related { now + related } else { now };
            self.turns(key.kind).wake(key, at, *urgency);
        }
        for key in &wakes.gone {
            self.turns(key.kind).forget(key);
        }
        for network in &wakes.networks {
            self.networks.wake(network, now + MOVED_MS, Urgency::Changed);
        }
    }

    /// Asks the nodes of a network anew, now, and reads its pods and nodes from the API server: what cannot be undone is
    /// decided from this, never from what a watch may have kept back.
    pub(crate) async fn refresh(&self, network: &NetworkKey) -> Result<(), Error> {
        crate::watches::relist(self, network).await?;
        crate::poll::ask(self, network, Duration::ZERO).await;
        Ok(())
    }

    /// This process begins to lead: every network is asked, every object has a pass.
    pub(crate) fn begin(&self) {
        let (objects, networks): (HashSet<_>, Vec<_>) = {
            let mut cache = self.cache();
            cache.forget_answers();
            (cache.objects().collect(), cache.networks().collect())
        };
        *self.unvisited.lock().unwrap_or_else(PoisonError::into_inner) = objects;
        for network in networks {
            self.networks.wake(&network, steady_ms(), Urgency::Due);
        }
    }

    /// An object has had a pass.
    pub(crate) fn visited(&self, key: &ObjectKey) {
        let mut unvisited = self.unvisited.lock().unwrap_or_else(PoisonError::into_inner);
        if unvisited.remove(key) && unvisited.is_empty() {
            *unvisited = HashSet::new();
        }
    }

    /// Until an object that is not settled is looked at again, if nothing wakes it: however many there are, they cost
    /// the same.
    pub(crate) fn busy(&self) -> Duration {
        let known = u64::try_from(self.known.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        Duration::from_millis((BUSY_MS_PER_OBJECT * known).clamp(BUSY_MS, MOST_BUSY_MS))
    }
}

/// Waits of objects that are not settled.
const BUSY_MS: u64 = 1_000;
const MOST_BUSY_MS: u64 = 10_000;
const BUSY_MS_PER_OBJECT: u64 = 5;
/// Changes at other objects come in bursts: one pass for all of them.
const RELATED_MS: u64 = 500;
/// A pod has got its address: its node will soon answer.
const MOVED_MS: u64 = 100;
