//! Looks at the fleet's pods and at each node's status document, and sends what changed.

use super::timeline::{Event, PodSeen, Said, What};
use crate::cluster::Cluster;
use anyhow::Result;
use chain::{config::METRICS_PORT, status::NodeStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};

/// How often each thing is looked at: the error of every figure.
const INTERVAL: Duration = Duration::from_millis(100);
/// A node on its way out answers late or never.
const PATIENCE: Duration = Duration::from_millis(900);

/// Where a seat's pod answers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    uid: String,
    ip: String,
}

type Places = BTreeMap<String, Place>;

/// Unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Watches the pods of `fleet`, which are `seats`, until the receiver is dropped.
pub fn watch(
    cluster: Cluster,
    fleet: String,
    seats: &[String],
    events: &mpsc::UnboundedSender<Event>,
) -> JoinSet<()> {
    let (places, looked_up) = watch::channel(Places::new());
    let mut tasks = JoinSet::new();
    tasks.spawn(watch_pods(cluster, fleet, places, events.clone()));
    for seat in seats {
        tasks.spawn(watch_status(seat.clone(), looked_up.clone(), events.clone()));
    }
    tasks
}

async fn watch_pods(
    cluster: Cluster,
    fleet: String,
    places: watch::Sender<Places>,
    events: mpsc::UnboundedSender<Event>,
) {
    let mut known: BTreeMap<String, PodSeen> = BTreeMap::new();
    let mut ticks = ticks();
    while !events.is_closed() {
        ticks.tick().await;
        // A refused list is a look less, not an end: the API server is under load too.
        let Ok(pods) = pods(&cluster, &fleet).await else { continue };
        for (seen, place) in pods {
            if let Some(place) = place.filter(|_| !seen.deleting) {
                places.send_if_modified(|places| {
                    places.insert(seen.seat.clone(), place.clone()).as_ref() != Some(&place)
                });
            }
            if known.get(&seen.seat) != Some(&seen) {
                known.insert(seen.seat.clone(), seen.clone());
                let _ = events.send(Event { at_ms: now_ms(), what: What::Pod(seen) });
            }
        }
    }
}

async fn pods(cluster: &Cluster, fleet: &str) -> Result<Vec<(PodSeen, Option<Place>)>> {
    let labels = ListParams::default().labels(&format!("quorate.dev/fleet={fleet}"));
    Ok(cluster.pods().list(&labels).await?.into_iter().filter_map(seen).collect())
}

fn seen(pod: Pod) -> Option<(PodSeen, Option<Place>)> {
    let seat = pod.metadata.name?.strip_suffix("-0")?.to_owned();
    let uid = pod.metadata.uid?;
    let status = pod.status.unwrap_or_default();
    let ready = status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    let place = status.pod_ip.map(|ip| Place { uid: uid.clone(), ip });
    let host = pod.spec.and_then(|spec| spec.node_name);
    let deleting = pod.metadata.deletion_timestamp.is_some();
    Some((PodSeen { seat, uid, host, deleting, ready }, place))
}

async fn watch_status(seat: String, places: watch::Receiver<Places>, events: mpsc::UnboundedSender<Event>) {
    // No pool: an address may be another pod's by the next look.
    let Ok(http) = reqwest::Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build() else {
        return;
    };
    let mut ticks = ticks();
    while !events.is_closed() {
        ticks.tick().await;
        let Some(place) = places.borrow().get(&seat).cloned() else { continue };
        let Ok(status) = status(&http, &place.ip).await else { continue };
        let Some(identity) = status.identity else { continue };
        let said = Said {
            seat: seat.clone(),
            address: identity.address,
            uid: place.uid,
            started_ms: status.started_ms,
            head: status.head.number,
            heard: status.seats.iter().map(|seat| (seat.address, seat.at_ms)).collect(),
        };
        let _ = events.send(Event { at_ms: now_ms(), what: What::Said(said) });
    }
}

async fn status(http: &reqwest::Client, ip: &str) -> Result<NodeStatus> {
    let url = format!("http://{ip}:{METRICS_PORT}/status");
    Ok(http.get(url).send().await?.error_for_status()?.json().await?)
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
