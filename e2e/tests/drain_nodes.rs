//! `make drain-nodes`: a consortium of four validators on a pool of three Kubernetes nodes, each of which is drained in
//! turn, twice, while transactions come in; as a surge upgrade of a node pool does. Fails when the chain pauses too long,
//! when two seats are down at once, or when an accepted transaction is lost.

use anyhow::{Context, Result, bail, ensure};
use e2e::{
    cluster::Cluster,
    drain::{
        eviction::{drain, uncordon},
        load::Load,
        report::{Figures, json, table},
        timeline::{Event, Timeline},
        watch::{now_ms, watch},
    },
    patience::{Progress, with_progress},
    rpc::Rpc,
};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, api::ListParams};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

const NAMESPACE: &str = "bank-a";
const FLEET: &str = "bank-a";
const SEATS: usize = 4;
const CHAIN_ID: u64 = 10101;
const PASSES: u32 = 2;
/// Block period and request timeout of the example's network, and half a second for messages and for looking.
const BAR_MS: u64 = 2_000 + 1_500 + 500;
const LONG: Duration = Duration::from_mins(3);
/// Blocks before the first drain and after the last, so that both are measured whole.
const QUIET_BLOCKS: u64 = 3;

/// What is seen, kept up to date by one task.
type Seen = Arc<Mutex<Timeline>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, without the stack that `main` would print.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: drain_nodes KUBECTL EXAMPLES RESULT.json (run by e2e/drain-nodes)";
    let mut argument = || arguments.next().map(PathBuf::from).context(usage);
    let (kubectl, examples, result) = (argument()?, argument()?, argument()?);
    let cluster = Cluster::connect(NAMESPACE).await?;
    for manifest in ["namespace.yaml", "consortium.yaml", "validator.yaml"] {
        cluster.apply_file(examples.join(manifest)).await?;
    }
    cluster.admit_this_machine().await?;
    let nodes = nodes(&cluster).await?;
    let (events, incoming) = mpsc::unbounded_channel();
    let seen = collect(incoming);
    let seats: Vec<_> = (0..SEATS).map(|index| format!("{FLEET}-{index}")).collect();
    let watching = watch(cluster.clone(), FLEET.to_owned(), &seats, &events);
    let rpc = live(&cluster, &seen).await?;
    let load = Load::start(&rpc, &format!("drain at {}", now_ms()), CHAIN_ID).await?;
    blocks(&seen).await?;
    for pass in 1..=PASSES {
        for node in &nodes {
            println!("  pass {pass}: draining {node}");
            drain(&kubectl, node, pass, &events).await?;
            // At once, as a pool's upgrade does: only the disruption budget holds the next drain back.
            uncordon(&kubectl, node).await?;
        }
    }
    with_progress("waiting for the last pod moved to vote again", LONG, || async {
        let down = read(&seen, |timeline| format!("{:?}", timeline.down()));
        Ok(if down == "{}" { Progress::Done(()) } else { Progress::Waiting(down) })
    })
    .await?;
    blocks(&seen).await?;
    let timeline = read(&seen, Timeline::clone);
    let end_ms = now_ms();
    let (sent, lost) = load.finish(Duration::from_secs(30)).await?;
    drop(watching);
    let figures = Figures::new(&timeline, end_ms, BAR_MS, lost);
    print!("\n{}", table(timeline.drains()));
    println!(
        "{} transactions accepted, {} requests sent again, the longest took {} ms; bar of the pause: {BAR_MS} ms",
        sent.accepted.len(),
        sent.refused,
        sent.longest.as_millis()
    );
    std::fs::write(&result, serde_json::to_string_pretty(&json(&figures, timeline.drains(), &sent))?)
        .with_context(|| result.display().to_string())?;
    println!("\n{}", figures.line());
    ensure!(figures.good(), "the bar is missed: {figures:?}");
    Ok(())
}

/// Names of the Kubernetes nodes, at least three.
async fn nodes(cluster: &Cluster) -> Result<Vec<String>> {
    let listed = Api::<Node>::all(cluster.client.clone()).list(&ListParams::default()).await?;
    let names: Vec<_> = listed.into_iter().filter_map(|node| node.metadata.name).collect();
    if names.len() < 3 {
        bail!("{} nodes, three are needed: QUORATE_CLUSTER_NODES=3 e2e/cluster/up", names.len());
    }
    Ok(names)
}

fn collect(mut incoming: mpsc::UnboundedReceiver<Event>) -> Seen {
    let seen = Seen::default();
    let into = seen.clone();
    tokio::spawn(async move {
        while let Some(event) = incoming.recv().await {
            into.lock().unwrap_or_else(PoisonError::into_inner).add(&event);
        }
    });
    seen
}

fn read<T>(seen: &Seen, what: impl FnOnce(&Timeline) -> T) -> T {
    what(&seen.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Waits until four seats vote, spread over all nodes as far as that goes.
async fn live(cluster: &Cluster, seen: &Seen) -> Result<Rpc> {
    let rpc = with_progress("waiting for four validating nodes", LONG, || async {
        let fleet = cluster.get("Validator", FLEET).await?.context("no Validator")?;
        let phases: Vec<_> =
            fleet["status"]["nodes"].as_array().into_iter().flatten().map(|n| n["phase"].clone()).collect();
        let http = fleet["status"]["rpc"]["http"].as_str();
        match http {
            Some(http) if phases.len() == SEATS && phases.iter().all(|phase| phase == "Validating") => {
                Ok(Progress::Done(Rpc::new(http)?))
            }
            _ => Ok(Progress::Waiting(format!("{phases:?}"))),
        }
    })
    .await?;
    let hosts = read(seen, |timeline| {
        timeline.hosts().into_iter().map(|(seat, host)| format!("{seat} on {host}")).collect::<Vec<_>>()
    });
    println!("  {}", hosts.join(", "));
    let distinct: BTreeSet<_> = hosts.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    ensure!(distinct.len() >= 2, "all pods are on one node: they are not spread");
    Ok(rpc)
}

/// Waits for a few more blocks.
async fn blocks(seen: &Seen) -> Result<()> {
    let height = || read(seen, |timeline| timeline.head().map_or(0, |(height, _)| height));
    let wanted = height() + QUIET_BLOCKS;
    with_progress(&format!("waiting for block {wanted}"), LONG, || async {
        let now = height();
        Ok(if now >= wanted { Progress::Done(()) } else { Progress::Waiting(format!("block {now}")) })
    })
    .await
}
