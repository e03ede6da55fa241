//! Asks the nodes for their status, a network at a time, apart from the passes: a silent node holds nobody up but itself.

use crate::context::Context;
use operator_core::{
    cache::{Answer, Kind, NetworkKey},
    names::NodeName,
    queue::Outcome,
};
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

/// Networks asked at the same time.
const AT_ONCE: usize = 8;
/// Longer than a round of the largest network takes, every node silent.
const DEADLINE: Duration = Duration::from_mins(2);
/// Between two rounds of a network where everything is as wanted.
const SETTLED_MS: u64 = 10_000;
/// Between two questions of such a round: all at once would hold up the pass that somebody waits for.
const PACE: Duration = Duration::from_millis(5);
/// Between two rounds of one where something is under way, for each of its nodes: however large, it costs the same.
const BUSY_MS_PER_NODE: u64 = 50;
/// But not more often.
const BUSY_MS: u64 = 1_000;

/// Asks until `stop` is over.
pub(crate) async fn run(context: Arc<Context>, stop: impl Future<Output = ()>) {
    let networks = context.networks.clone();
    networks.run(AT_ONCE, DEADLINE, stop, move |network| round(context.clone(), network)).await;
}

async fn round(context: Arc<Context>, network: NetworkKey) -> Outcome {
    if !context.cache().networks().any(|known| known == network) {
        return Outcome::Await;
    }
    let settled = || {
        let cache = context.cache();
        cache.heard(&network).is_some() && cache.is_settled(&network)
    };
    let pace = if settled() { PACE } else { Duration::ZERO };
    let nodes = ask(&context, &network, pace).await;
    if settled() {
        return Outcome::Again(SETTLED_MS);
    }
    Outcome::Again((BUSY_MS_PER_NODE * u64::try_from(nodes).unwrap_or(u64::MAX)).clamp(BUSY_MS, SETTLED_MS))
}

/// One round, a question every `pace`; how many nodes were asked.
pub(crate) async fn ask(context: &Context, network: &NetworkKey, pace: Duration) -> usize {
    let (names, ips): (Vec<NodeName>, Vec<String>) = {
        let cache = context.cache();
        let pods = cache.children_of(Kind::Pod, network);
        pods.filter_map(|(_, child)| Some((child.node_name()?, child.pod()?.observed.ip.clone()?))).unzip()
    };
    let asked = names.len();
    let statuses = context.nodes.statuses(&ips, pace).await;
    let answers = ips.into_iter().zip(statuses).map(|(ip, status)| {
        context.metrics.asked_node(status.is_some());
        Answer { ip, status: status.map(Arc::new) }
    });
    let round: BTreeMap<_, _> = names.into_iter().zip(answers).collect();
    context.learn(|cache, wakes| cache.hear(network, round, wakes));
    asked
}
