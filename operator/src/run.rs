//! Starts everything, and ends it within a deadline.

use crate::{
    args::Args,
    context::Context,
    endpoints::{self, Listed},
    metrics::Metrics,
    node_pool::Served,
    nodes::Nodes,
    reconcile::{consortium, fleet, on_error},
};
use anyhow::Context as _;
use futures::StreamExt;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{NamespaceResourceScope, PartialObjectMeta},
    runtime::{
        Controller,
        controller::Config as ControllerConfig,
        events::{Recorder, Reporter},
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use operator_core::{
    api::{Consortium, Validator},
    names::{FLEET, MANAGED_BY, MANAGER, NETWORK},
};
use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// Passes under way may end; watches that hang may not hold the process longer.
const STOP_DEADLINE: Duration = Duration::from_secs(8);
/// Changes that arrive together make one pass.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = kube::Config::infer().await.context("no cluster: set KUBECONFIG or run in a pod")?;
    // A refused call is tried again by the next pass, which looks anew; retries inside one call would hide minutes.
    config.default_retry = false;
    let client = Client::try_from(config).context("API client")?;
    let reporter =
        Reporter { controller: "quorate.dev/operator".to_owned(), instance: std::env::var("HOSTNAME").ok() };
    let context = Arc::new(Context {
        recorder: Recorder::new(client.clone(), reporter),
        nodes: Nodes::new().context("HTTP client")?,
        node_image: args.node_image.clone(),
        access: args.network_access(),
        listed: Listed::awaited(args.namespaces.len().max(1)),
        agent_pools: Served::default(),
        metrics: Metrics::new(),
        client: client.clone(),
    });
    let served = tokio::spawn(endpoints::serve(args.listen, context.clone()));
    let watches = watches(&client, &args);
    tracing::info!(
        namespaces = if args.namespaces.is_empty() { "all".to_owned() } else { args.namespaces.join(",") },
        node_image = args.node_image,
        "started"
    );
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let controllers = tokio::spawn(async move {
        let both = |watch: Watch| watch.both(context.clone(), stopped.clone());
        futures::future::join_all(watches.into_iter().map(both)).await
    });
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM"),
        _ = interrupt.recv() => tracing::info!("SIGINT"),
        ended = served => ended??,
    }
    stop.send_replace(true);
    if tokio::time::timeout(STOP_DEADLINE, controllers).await.is_err() {
        tracing::warn!("passes cut off at the deadline");
    }
    Ok(())
}

async fn until(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // A dropped sender means the same as a stop.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

struct Watch {
    client: Client,
    namespace: Option<String>,
    concurrency: u16,
}

/// One over the whole cluster, or one in each namespace: a Role there is then enough.
fn watches(client: &Client, args: &Args) -> Vec<Watch> {
    let watch = |namespace| Watch { client: client.clone(), namespace, concurrency: args.concurrency };
    if args.namespaces.is_empty() {
        return vec![watch(None)];
    }
    args.namespaces.iter().cloned().map(Some).map(watch).collect()
}

impl Watch {
    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn config(&self) -> ControllerConfig {
        ControllerConfig::default().concurrency(self.concurrency).debounce(DEBOUNCE)
    }

    async fn both(self, context: Arc<Context>, stopped: tokio::sync::watch::Receiver<bool>) {
        let consortia = self.consortia(context.clone(), until(stopped.clone()));
        futures::future::join(consortia, self.fleets(context, until(stopped))).await;
    }

    async fn consortia(&self, context: Arc<Context>, stop: impl Future<Output = ()> + Send + Sync + 'static) {
        let controller = Controller::new(self.api::<Consortium>(), watcher::Config::default());
        let (store, shared) = (controller.store(), context.clone());
        let passes = controller
            .with_config(self.config())
            .watches(self.api::<Validator>(), watcher::Config::default(), |fleet| {
                let network = ObjectRef::new(&fleet.spec.consortium_ref.name);
                fleet.namespace().map(|namespace| network.within(&namespace))
            })
            .watches(self.metadata::<Secret>(), ours(), network_of)
            .watches(self.metadata::<ConfigMap>(), ours(), network_of)
            .watches(self.metadata::<PodDisruptionBudget>(), ours(), network_of)
            .graceful_shutdown_on(stop)
            .run(consortium::reconcile, on_error, context)
            .for_each(|_| futures::future::ready(()));
        futures::future::join(passes, once_listed(&store, &shared.listed.consortia)).await;
    }

    async fn fleets(&self, context: Arc<Context>, stop: impl Future<Output = ()> + Send + Sync + 'static) {
        let controller = Controller::new(self.api::<Validator>(), watcher::Config::default());
        let store = controller.store();
        let fleets =
            move |store: Store<Validator>| move |object: &dyn LabelledObject| fleets_of(&store, object);
        let (by_secret, by_config) = (fleets(store.clone()), fleets(store.clone()));
        let (listed, shared) = (store.clone(), context.clone());
        let passes = controller
            .with_config(self.config())
            .watches(self.api::<Consortium>(), watcher::Config::default(), move |consortium| {
                let network = consortium.name_any();
                of_network(&store, consortium.namespace().as_deref(), &network)
            })
            .watches(self.metadata::<Secret>(), ours(), move |object| by_secret(&object))
            .watches(self.metadata::<ConfigMap>(), ours(), move |object| by_config(&object))
            .watches(self.metadata::<StatefulSet>(), ours(), fleet_of)
            .watches(self.metadata::<Pod>(), ours(), fleet_of)
            .watches(self.metadata::<Service>(), ours(), fleet_of)
            .watches(self.metadata::<PersistentVolumeClaim>(), ours(), fleet_of)
            .watches(self.metadata::<ServiceAccount>(), ours(), fleet_of)
            .watches(self.metadata::<NetworkPolicy>(), ours(), fleet_of)
            .graceful_shutdown_on(stop)
            .run(fleet::reconcile, on_error, context)
            .for_each(|_| futures::future::ready(()));
        futures::future::join(passes, once_listed(&listed, &shared.listed.fleets)).await;
    }

    /// Children are watched by their metadata only: that they changed is enough to know.
    fn metadata<K>(&self) -> Api<PartialObjectMeta<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Debug,
    {
        self.api()
    }
}

/// A controller that ends before its first list stays awaited.
async fn once_listed<K>(store: &Store<K>, awaited: &AtomicUsize)
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    if store.wait_until_ready().await.is_ok() {
        awaited.fetch_sub(1, Ordering::Relaxed);
    }
}

fn ours() -> watcher::Config {
    watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"))
}

/// Namespace and labels, of whatever kind.
trait LabelledObject {
    fn place(&self) -> Option<String>;
    fn label(&self, key: &str) -> Option<String>;
}

impl<K: ResourceExt> LabelledObject for K {
    fn place(&self) -> Option<String> {
        self.namespace()
    }

    fn label(&self, key: &str) -> Option<String> {
        self.labels().get(key).cloned()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a watch hands its objects over")]
fn network_of<K: ResourceExt>(object: K) -> Option<ObjectRef<Consortium>> {
    Some(ObjectRef::new(&object.label(NETWORK)?).within(&object.place()?))
}

#[expect(clippy::needless_pass_by_value, reason = "a watch hands its objects over")]
fn fleet_of<K: ResourceExt>(object: K) -> Option<ObjectRef<Validator>> {
    Some(ObjectRef::new(&object.label(FLEET)?).within(&object.place()?))
}

/// Keys and genesis concern every fleet of the network: as peers, and as what they wait for.
fn fleets_of(store: &Store<Validator>, object: &dyn LabelledObject) -> Vec<ObjectRef<Validator>> {
    let Some(network) = object.label(NETWORK) else { return Vec::new() };
    of_network(store, object.place().as_deref(), &network)
}

fn of_network(store: &Store<Validator>, namespace: Option<&str>, network: &str) -> Vec<ObjectRef<Validator>> {
    let refers = |fleet: &Arc<Validator>| {
        fleet.namespace().as_deref() == namespace && fleet.spec.consortium_ref.name == network
    };
    store.state().iter().filter(|fleet| refers(fleet)).map(|fleet| ObjectRef::from_obj(&**fleet)).collect()
}
