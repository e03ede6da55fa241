//! The network under test: the two example manifests, four nodes, reached over pod addresses and the load balancer.

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, anyhow};
use chain::status::NodeStatus;
use e2e::{
    account::Account,
    cluster::{Cluster, condition},
    patience::{Progress, eventually},
    rpc::Rpc,
};
use serde_json::Value;
use std::{path::PathBuf, time::Duration};

pub(crate) const FLEET: &str = "bank-a";
pub(crate) const CONSORTIUM: &str = "trade-finance";
pub(crate) const CHAIN_ID: u64 = 10101;
/// Long enough for a pod to be replaced on a busy machine; a test that needs it all is broken, not slow.
pub(crate) const LONG: Duration = Duration::from_mins(3);

pub(crate) struct Network {
    pub(crate) cluster: Cluster,
    pub(crate) rpc: Rpc,
}

/// One node as its fleet's status shows it, and where it listens.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) phase: String,
}

impl Network {
    /// The network, live, with exactly four seated nodes and the load balancer answering.
    pub(crate) async fn live() -> Result<Self> {
        let cluster = Cluster::connect("bank-a").await?;
        let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
        for manifest in ["namespace.yaml", "consortium.yaml", "validator.yaml"] {
            cluster.apply_file(examples.join(manifest)).await?;
        }
        cluster.admit_this_machine().await?;
        let http = eventually("RPC address in status", LONG, || async {
            let fleet = cluster.get("Validator", FLEET).await?.context("no Validator")?;
            let http = fleet["status"]["rpc"]["http"].as_str().map(str::to_owned);
            Ok(http.map_or_else(|| Progress::Waiting(fleet["status"].to_string()), Progress::Done))
        })
        .await?;
        let network = Self { rpc: Rpc::new(http)?, cluster };
        network.wait_validating(4).await?;
        network.wait_blocks(1).await?;
        Ok(network)
    }

    pub(crate) async fn fleet(&self) -> Result<Value> {
        self.cluster.get("Validator", FLEET).await?.context("the Validator is gone")
    }

    pub(crate) async fn consortium(&self) -> Result<Value> {
        self.cluster.get("Consortium", CONSORTIUM).await?.context("the Consortium is gone")
    }

    /// Waits until the operator has heard a quorum of the seats.
    pub(crate) async fn wait_quorum_heard(&self) -> Result<Value> {
        eventually("QuorumHealthy", LONG, || async {
            let consortium = self.consortium().await?;
            Ok(match condition(&consortium, "QuorumHealthy") {
                Some((status, ..)) if status == "True" => Progress::Done(consortium),
                other => Progress::Waiting(format!("{other:?}")),
            })
        })
        .await
    }

    pub(crate) async fn nodes(&self) -> Result<Vec<Node>> {
        let fleet = self.fleet().await?;
        let listed = fleet["status"]["nodes"].as_array().cloned().unwrap_or_default();
        listed
            .iter()
            .map(|node| {
                let text = |key: &str| {
                    node[key].as_str().map(str::to_owned).with_context(|| format!("{key} in {node}"))
                };
                Ok(Node { name: text("name")?, address: text("address")?.parse()?, phase: text("phase")? })
            })
            .collect()
    }

    /// Waits until the fleet is exactly `count` nodes, all validating, all seated on chain.
    pub(crate) async fn wait_validating(&self, count: usize) -> Result<Vec<Node>> {
        eventually(&format!("{count} validating nodes"), LONG, || async {
            let nodes = self.nodes().await?;
            let seats = self.rpc.validators().await?.len();
            let all = nodes.len() == count && nodes.iter().all(|n| n.phase == "Validating");
            if all && seats == count {
                return Ok(Progress::Done(nodes));
            }
            Ok(Progress::Waiting(format!("{seats} seats, nodes {nodes:?}")))
        })
        .await
    }

    /// Waits for `count` more blocks at the load balancer.
    pub(crate) async fn wait_blocks(&self, count: u64) -> Result<u64> {
        let from = eventually("the load balancer to answer", LONG, || async {
            Ok(Progress::Done(self.rpc.block_number().await?))
        })
        .await?;
        self.wait_height(from + count).await
    }

    pub(crate) async fn wait_height(&self, height: u64) -> Result<u64> {
        eventually(&format!("height {height}"), LONG, || async {
            let now = self.rpc.block_number().await?;
            Ok(if now >= height { Progress::Done(now) } else { Progress::Waiting(format!("height {now}")) })
        })
        .await
    }

    /// Address of a node's pod, once it has one.
    pub(crate) async fn pod_ip(&self, node: &str) -> Result<String> {
        let pod = self.cluster.pods().get(&pod_of(node)).await?;
        pod.status.and_then(|s| s.pod_ip).ok_or_else(|| anyhow!("pod of {node} has no address yet"))
    }

    pub(crate) async fn pod_uid(&self, node: &str) -> Result<String> {
        self.cluster.pods().get(&pod_of(node)).await?.metadata.uid.context("uid")
    }

    /// RPC of one node, past the load balancer.
    pub(crate) async fn node_rpc(&self, node: &str) -> Result<Rpc> {
        Rpc::new(format!("http://{}:{}", self.pod_ip(node).await?, chain::config::RPC_PORT))
    }

    pub(crate) async fn node_status(&self, node: &str) -> Result<NodeStatus> {
        let url = format!("http://{}:{}/status", self.pod_ip(node).await?, chain::config::METRICS_PORT);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
        Ok(http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// Waits until a node has caught up and its votes count again.
    pub(crate) async fn wait_voting(&self, node: &str) -> Result<NodeStatus> {
        eventually(&format!("{node} votes"), LONG, || async {
            let status = self.node_status(node).await?;
            let voting = status.identity.as_ref().is_some_and(|i| i.voting && i.seated);
            Ok(if voting && status.ready {
                Progress::Done(status)
            } else {
                Progress::Waiting(format!("{status:?}"))
            })
        })
        .await
    }

    /// Every node has the same block at every height that all of them have.
    pub(crate) async fn assert_no_fork(&self, from: u64) -> Result<()> {
        let mut rpcs = Vec::new();
        for node in self.nodes().await? {
            rpcs.push((node.name.clone(), self.node_rpc(&node.name).await?));
        }
        let mut common = u64::MAX;
        for (_, rpc) in &rpcs {
            common = common.min(rpc.block_number().await?);
        }
        for height in from..=common {
            let mut hashes: Vec<(&str, Option<B256>)> = Vec::new();
            for (name, rpc) in &rpcs {
                hashes.push((name, rpc.block_hash(height).await?));
            }
            assert!(
                hashes.iter().all(|(_, h)| h.is_some() && *h == hashes[0].1),
                "fork at {height}: {hashes:?}"
            );
        }
        Ok(())
    }

    /// Waits until a transaction is mined and succeeded, as the load balancer tells.
    pub(crate) async fn wait_mined(&self, hash: B256) -> Result<Value> {
        eventually(&format!("receipt of {hash}"), LONG, || async {
            Ok(self
                .rpc
                .receipt(hash)
                .await?
                .map_or_else(|| Progress::Waiting("none".to_owned()), Progress::Done))
        })
        .await
    }

    /// A sender that nobody used before on this chain.
    pub(crate) async fn fresh_account(&self, tag: &str) -> Result<Account> {
        let height = self.rpc.block_number().await?;
        Account::from_seed(&format!("{tag} at {height}"), CHAIN_ID)
    }
}

/// The pod of a node: the one replica of its StatefulSet.
pub(crate) fn pod_of(node: &str) -> String {
    format!("{node}-0")
}
