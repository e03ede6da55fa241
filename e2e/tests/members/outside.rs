//! A member whose nodes are dialled at a load balancer: only from where its manifest says, and wherever the cloud moves it.

use anyhow::{Context, Result, bail, ensure};
use e2e::{
    cluster::condition,
    members::{Cut, LONG, Member},
    patience::{Progress, with_progress},
};
use kube::api::DeleteParams;
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpStream;

/// Nodes of the member that is dialled.
const NODES: usize = 2;
/// A port that answers does so at once; one that a firewall drops never does.
const PATIENCE: Duration = Duration::from_secs(2);

/// First two numbers of the cluster's addresses.
fn network() -> Result<String> {
    std::env::var("QUORATE_CLUSTER_RANGE").context("QUORATE_CLUSTER_RANGE: run e2e/members")
}

/// Pods of every node.
fn pods() -> Result<String> {
    Ok(format!("{}.128.0/17", network()?))
}

/// Pods, and this machine.
pub(crate) fn ranges() -> Result<Vec<String>> {
    Ok(vec![pods()?, format!("{}.0.1/32", network()?)])
}

/// `c`, which came with a load balancer, is dialled there by the others, and where it moves to.
pub(crate) async fn dialled_at_a_load_balancer_that_moves(c: &Member, b: &Member) -> Result<()> {
    let given = c.endpoints(NODES, None).await?;
    let fleet = c.validator().await?;
    let ready = condition(&fleet, "PeeringReady");
    ensure!(ready.as_ref().is_some_and(|(status, ..)| status == "True"), "PeeringReady is {ready:?}");
    c.publishes(&given, NODES).await?;
    only_from_its_ranges(c, &given).await?;
    let moved = format!("{}.1.200", network()?);
    ensure!(given != moved, "the cluster gives out {moved}, which the test moves to");
    c.moved_to(&moved).await?;
    c.endpoints(NODES, Some(&moved)).await?;
    c.publishes(&moved, NODES).await?;
    c.cluster.admit_this_machine().await?;
    b.cluster.admit_this_machine().await?;
    restarted(c, 1).await?;
    // What cannot dial is reached only by being dialled.
    let cut = Cut::off(c, 1).await?;
    restarted(b, 0).await?;
    c.dialled_by(1, &moved, (b, 0)).await?;
    drop(cut);
    Ok(())
}

/// What the manifest does not name cannot connect.
async fn only_from_its_ranges(c: &Member, host: &str) -> Result<()> {
    connects(c, host, true).await?;
    let ranges = |ranges: Vec<String>| json!({ "spec": { "peering": { "sourceRanges": ranges } } });
    c.cluster.edit("Validator", c.place, ranges(vec![pods()?])).await?;
    connects(c, host, false).await?;
    c.cluster.edit("Validator", c.place, ranges(self::ranges()?)).await?;
    connects(c, host, true).await
}

async fn connects(c: &Member, host: &str, wanted: bool) -> Result<()> {
    let what = if wanted { "reaches" } else { "does not reach" };
    with_progress(&format!("this machine {what} the peering port of {}", c.place), LONG, || async {
        let opened = tokio::time::timeout(PATIENCE, TcpStream::connect((host, 30303))).await;
        let is_open = matches!(opened, Ok(Ok(_)));
        Ok(if is_open == wanted { Progress::Done(()) } else { Progress::Waiting(format!("{opened:?}")) })
    })
    .await
}

/// A node's pod is replaced, and the others hear it again.
async fn restarted(member: &Member, index: usize) -> Result<()> {
    let pod = format!("{}-{index}-0", member.place);
    let before = member.cluster.pods().get(&pod).await?.metadata.uid;
    member.cluster.pods().delete(&pod, &DeleteParams::default()).await?;
    with_progress(&format!("{pod} votes again"), LONG, || async {
        let now = member.cluster.pods().get(&pod).await?.metadata.uid;
        if now == before {
            bail!("the old pod is still there");
        }
        let status = member.node(index).await?;
        let votes = status.ready && status.identity.is_some_and(|identity| identity.voting);
        let why = status.not_ready_reason.unwrap_or_else(|| "it does not vote yet".to_owned());
        Ok(if votes { Progress::Done(()) } else { Progress::Waiting(why) })
    })
    .await
}
