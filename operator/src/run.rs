//! Starts everything, and ends it within a deadline: watches fill the cache, and while this process leads, nodes are asked and
//! objects have their passes.

use crate::{
    args::{Args, StreamingLists},
    azure::Azure,
    client,
    clock::steady_ms,
    context::Context,
    endpoints::{self, Listed},
    leader::{Election, Leadership},
    metrics::Metrics,
    node_pool::Served,
    nodes::Nodes,
    poll, publications, reconcile, sources, vaults,
    watches::{Watch, lists},
};
use anyhow::Context as _;
use kube::{Api, Client};
use operator_core::{cache::ObjectKind, lease::Candidate};
use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

/// Passes under way may end; watches that hang may not hold the process longer.
const STOP_DEADLINE: Duration = Duration::from_secs(8);
/// To give the lease up; it ends by itself otherwise.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);
/// From this minor version on API servers stream lists, unless told otherwise.
const STREAMS_SINCE: u32 = 34;

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    steady_ms();
    let mut config = kube::Config::infer().await.context("no cluster: set KUBECONFIG or run in a pod")?;
    // A refused call is tried again by the next pass, which looks anew; retries inside one call would hide minutes.
    config.default_retry = false;
    let instance = args.instance.clone().unwrap_or_else(instance);
    let metrics = Metrics::new();
    let leadership =
        Arc::new(if args.lease.is_some() { Leadership::candidate() } else { Leadership::alone() });
    let unheld = client::client(config.clone(), metrics.api.clone(), None).context("API client")?;
    let client =
        client::client(config, metrics.api.clone(), Some(leadership.clone())).context("API client")?;
    let context = Arc::new(context(&args, client.clone(), metrics, leadership.clone(), &instance)?);
    let served = tokio::spawn(endpoints::serve(args.listen, context.clone()));
    tracing::info!(
        namespaces = if args.namespaces.is_empty() { "all".to_owned() } else { args.namespaces.join(",") },
        node_image = args.node_image()?,
        instance,
        "started"
    );
    let mut background = JoinSet::new();
    background.spawn(watch_all(client, args.clone(), context.clone()));
    let (stop, stopped) = watch::channel(false);
    let acting = tokio::spawn(act(context, usize::from(args.concurrency), stopped));
    let election = args.lease.as_ref().map(|lease| {
        let election = Election {
            api: Api::namespaced(unheld, &lease.namespace),
            name: lease.name.clone(),
            terms: args.terms(),
            retry: Duration::from_millis(args.lease_retry_ms),
            candidate: Candidate::new(instance, args.terms()),
        };
        Contending::start(election, leadership)
    });
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM"),
        _ = interrupt.recv() => tracing::info!("SIGINT"),
        ended = served => ended??,
    }
    stop.send_replace(true);
    if tokio::time::timeout(STOP_DEADLINE, acting).await.is_err() {
        tracing::warn!("passes cut off at the deadline");
    }
    if let Some(contending) = election {
        contending.end().await;
    }
    Ok(())
}

/// Differs between all processes: two containers of one pod are two.
pub(crate) fn instance() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "operator".to_owned());
    format!("{host}_{:08x}", rand::random::<u32>())
}

fn context(
    args: &Args,
    client: Client,
    metrics: Metrics,
    leadership: Arc<Leadership>,
    instance: &str,
) -> anyhow::Result<Context> {
    Ok(Context {
        instance: instance.to_owned(),
        nodes: Nodes::new().context("HTTP client")?,
        node_image: args.node_image()?.to_owned(),
        operator_image: args.own_image(),
        access: args.network_access(),
        listed: Listed::awaited(lists(args.network_access().is_some()) * args.namespaces.len().max(1)),
        agent_pools: Served::default(),
        azure: Azure::new(&args.azure, metrics.vaults.clone())?,
        metrics,
        client,
        leadership,
        cache: std::sync::Mutex::default(),
        unvisited: std::sync::Mutex::default(),
        known: AtomicUsize::new(0),
        consortia: Arc::default(),
        fleets: Arc::default(),
        networks: Arc::default(),
        sources: sources::Sources::default(),
        publications: publications::Publications::default(),
        vaults: vaults::Vaults::default(),
    })
}

/// Whole-cluster watches, or some in each namespace: a Role there is then enough.
async fn watch_all(client: Client, args: Args, context: Arc<Context>) {
    let streaming = match args.streaming_lists {
        StreamingLists::Never => false,
        StreamingLists::Auto => streams(&client).await,
    };
    let namespaces: Vec<_> = match args.namespaces.as_slice() {
        [] => vec![None],
        named => named.iter().cloned().map(Some).collect(),
    };
    let watches = namespaces.into_iter().flat_map(|namespace| {
        let watch =
            Watch { client: client.clone(), namespace, streaming, policies: args.network_access().is_some() };
        watch.all(&context)
    });
    // Tasks of their own: what one decodes does not keep the others waiting.
    let mut tasks: JoinSet<()> = watches.collect();
    while tasks.join_next().await.is_some() {}
}

/// Whether the API server streams first lists. One that cannot be asked now is asked again.
async fn streams(client: &Client) -> bool {
    loop {
        match tokio::time::timeout(Duration::from_secs(5), client.apiserver_version()).await {
            Ok(Ok(version)) => {
                let digits: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
                return digits.parse::<u32>().is_ok_and(|minor| minor >= STREAMS_SINCE);
            }
            Ok(Err(error)) => tracing::warn!(%error, "API server's version"),
            Err(_) => tracing::warn!("API server's version: no answer in time"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Acts whenever this process leads, once everything has been listed.
async fn act(context: Arc<Context>, at_once: usize, stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = context.listed.all() => {}
        () = turned(stopped.clone(), true) => return,
    }
    loop {
        tokio::select! {
            () = turned(context.leadership.changes(), true) => {}
            () = turned(stopped.clone(), true) => return,
        }
        context.begin();
        let over = || {
            let (stopped, leads) = (stopped.clone(), context.leadership.changes());
            async move {
                tokio::select! {
                    () = turned(stopped, true) => {}
                    () = turned(leads, false) => {}
                }
            }
        };
        tokio::join!(
            poll::run(context.clone(), over()),
            sources::run(context.clone(), over()),
            publications::run(context.clone(), over()),
            vaults::run(context.clone(), over()),
            reconcile::run(ObjectKind::Consortium, context.clone(), at_once, over()),
            reconcile::run(ObjectKind::Validator, context.clone(), at_once, over()),
        );
        if *stopped.borrow() {
            return;
        }
    }
}

/// Until the flag is `wanted`; a dropped sender means the same as a stop.
async fn turned(mut flag: watch::Receiver<bool>, wanted: bool) {
    let _ = flag.wait_for(|now| *now == wanted).await;
}

/// An election under way.
struct Contending {
    leadership: Arc<Leadership>,
    end: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Election>,
}

impl Contending {
    fn start(mut election: Election, leadership: Arc<Leadership>) -> Self {
        let (end, ended) = watch::channel(false);
        let shared = leadership.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = election.run(&shared) => {}
                () = turned(ended, true) => {}
            }
            election
        });
        Self { leadership, end, task }
    }

    /// Nothing is written any more, then the lease is another's.
    async fn end(self) {
        self.end.send_replace(true);
        self.leadership.end();
        let release = async { Ok::<_, anyhow::Error>(self.task.await?.release().await?) };
        match tokio::time::timeout(RELEASE_DEADLINE, release).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "lease not released: it ends by itself"),
            Err(_) => tracing::warn!("lease not released in time: it ends by itself"),
        }
    }
}
