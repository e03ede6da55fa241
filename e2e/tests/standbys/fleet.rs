//! A network of one fleet, four seats and a spare; and what another cluster has of it.

use anyhow::{Context, Result, anyhow, ensure};
use e2e::{
    cluster::{Cluster, condition},
    patience::{Progress, with_progress},
    process::validator_of,
    rpc::Rpc,
};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Event};
use kube::api::ListParams;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

pub(crate) const NETWORK: &str = "trade-finance";
pub(crate) const SEATS: usize = 4;
/// Two networks begin on one machine, and a pod that is deleted comes again.
pub(crate) const LONG: Duration = Duration::from_mins(4);

pub(crate) struct Fleet {
    pub(crate) cluster: Cluster,
    pub(crate) name: &'static str,
    /// Nodes with a number, and spares.
    pub(crate) nodes: (usize, usize),
}

impl Fleet {
    /// Four nodes and a spare, in the namespace of the fleet's name.
    pub(crate) async fn connect(name: &'static str) -> Result<Self> {
        Ok(Self { cluster: Cluster::connect(name).await?, name, nodes: (SEATS, 1) })
    }

    /// Applies the network, as its only member, and the fleet, fenced so.
    pub(crate) async fn begin(&self, chain_id: u64, vault: &Value, fence: &Value) -> Result<()> {
        self.namespace().await?;
        let network = json!({
            "member": { "alias": self.name, "admin": { "secret": {} }, "operator": { "secret": {} } },
            "create": { "chainId": chain_id, "fleets": [self.name], "blockPeriod": "2s" },
        });
        self.apply(&network, fence, vault).await
    }

    /// Makes the namespace.
    pub(crate) async fn namespace(&self) -> Result<()> {
        let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
        let metadata = json!({ "name": self.cluster.namespace, "labels": labels });
        self.cluster.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })).await?;
        self.cluster.admit_this_machine().await
    }

    /// Applies `Consortium` and `Validator`: in this network, fenced so, with keys in the vault.
    pub(crate) async fn apply(&self, network: &Value, fence: &Value, vault: &Value) -> Result<()> {
        let namespace = &self.cluster.namespace;
        let fleet = json!({
            "consortiumRef": { "name": NETWORK },
            "replicas": self.nodes.0, "standbys": self.nodes.1,
            "fence": fence, "keys": { "azureKeyVault": vault },
            "storage": { "size": "1Gi" },
            "resources": {
                "requests": { "cpu": "50m", "memory": "96Mi" }, "limits": { "cpu": "2", "memory": "1Gi" },
            },
            "rpc": { "type": "LoadBalancer" },
        });
        for (kind, name, spec) in [("Consortium", NETWORK, network), ("Validator", self.name, &fleet)] {
            let metadata = json!({ "name": name, "namespace": namespace });
            let object = json!({ "apiVersion": "quorate.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec });
            self.cluster.apply(&object).await.with_context(|| format!("{kind} of {namespace}"))?;
        }
        Ok(())
    }

    /// A node that has an identity of its own.
    pub(crate) fn node(&self, index: usize) -> String {
        format!("{}-{index}", self.name)
    }

    /// The one that has none.
    pub(crate) fn spare(&self) -> String {
        format!("{}-standby-0", self.name)
    }

    /// All of them.
    fn all(&self) -> Vec<String> {
        let (nodes, spares) = self.nodes;
        let spares = (0..spares).map(|index| format!("{}-standby-{index}", self.name));
        (0..nodes).map(|index| self.node(index)).chain(spares).collect()
    }

    /// What the operator says of it.
    pub(crate) async fn object(&self) -> Result<Value> {
        self.cluster.get("Validator", self.name).await?.context("the Validator is gone")
    }

    /// A node, as the operator shows it.
    pub(crate) async fn shown(&self, node: &str) -> Result<Value> {
        let object = self.object().await?;
        let nodes = object["status"]["nodes"].as_array().cloned().unwrap_or_default();
        Ok(nodes.into_iter().find(|one| one["name"] == node).unwrap_or_default())
    }

    /// Waits for an event of this reason about these nodes.
    pub(crate) async fn event(&self, reason: &str, words: &[&str]) -> Result<()> {
        let said = with_progress(&format!("{}: event {reason}", self.name), LONG, || async {
            let all = self.cluster.core::<Event>().list(&ListParams::default()).await?;
            let of = all.into_iter().filter(|event| event.reason.as_deref() == Some(reason));
            let notes: Vec<String> = of.filter_map(|event| event.message).collect();
            let found = notes.iter().find(|note| words.iter().all(|word| note.contains(word)));
            Ok(found
                .map_or_else(|| Progress::Waiting(format!("{notes:?}")), |note| Progress::Done(note.clone())))
        })
        .await?;
        println!("    {said}");
        Ok(())
    }

    /// Phases by node, as the operator says.
    pub(crate) async fn phases(&self) -> Result<BTreeMap<String, String>> {
        let object = self.object().await?;
        let nodes = object["status"]["nodes"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        Ok(nodes.iter().map(|node| (text(&node["name"]), text(&node["phase"]))).collect())
    }

    /// Waits until every seat votes by its own node, and the spare could take any of them over.
    pub(crate) async fn settled(&self) -> Result<()> {
        with_progress(
            &format!("{}: four seats vote, a spare stands by for them", self.name),
            LONG,
            || async {
                let phases = self.phases().await?;
                let is = |node: &String, phase: &str| phases.get(node).is_some_and(|is| is == phase);
                let voting = (0..SEATS).all(|index| is(&self.node(index), "Validating"));
                if !voting || !is(&self.spare(), "Standby") {
                    let ready = condition(&self.object().await?, "Ready");
                    return Ok(Progress::Waiting(format!("{phases:?}, Ready: {ready:?}")));
                }
                for index in 0..SEATS {
                    let identity = self.status(&self.node(index)).await?["identity"].clone();
                    if identity["fence"]["role"] != "holder" || identity["voting"] != true {
                        return Ok(Progress::Waiting(format!("{}: {identity}", self.node(index))));
                    }
                }
                let stands = self.status(&self.spare()).await?["standbyFor"].clone();
                let able = |one: &&Value| one["signerReady"] == true && one["fence"]["role"] == "standby";
                let count = stands.as_array().into_iter().flatten().filter(able).count();
                Ok(if count == SEATS {
                    Progress::Done(())
                } else {
                    Progress::Waiting(format!("the spare could take over {count}: {stands}"))
                })
            },
        )
        .await
    }

    /// Every condition, in a line each.
    pub(crate) async fn tell(&self) -> Result<()> {
        let object = self.object().await?;
        for one in object["status"]["conditions"].as_array().into_iter().flatten() {
            let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            println!("    {}={} {}: {}", text("type"), text("status"), text("reason"), text("message"));
        }
        println!("    {:?}", self.phases().await?);
        Ok(())
    }

    /// Waits until some condition says all these words; that message.
    pub(crate) async fn says(&self, what: &str, words: &[&str]) -> Result<String> {
        with_progress(&format!("{}: {what}", self.name), LONG, || async {
            let object = self.object().await?;
            let said: Vec<String> = object["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| {
                    format!("{}={} {}: {}", one["type"], one["status"], one["reason"], one["message"])
                        .replace('"', "")
                })
                .collect();
            let found = said.iter().find(|one| words.iter().all(|word| one.contains(word)));
            Ok(found.map_or_else(|| Progress::Waiting(said.join("; ")), |one| Progress::Done(one.clone())))
        })
        .await
    }

    /// The process of a node.
    pub(crate) async fn process(&self, node: &str) -> Result<u32> {
        let pod = self.cluster.pods().get(&format!("{node}-0")).await?;
        validator_of(&pod.metadata.uid.context("uid")?)
    }

    async fn pod_ip(&self, node: &str) -> Result<String> {
        let pod = self.cluster.pods().get(&format!("{node}-0")).await?;
        pod.status.and_then(|s| s.pod_ip).ok_or_else(|| anyhow!("pod of {node} has no address yet"))
    }

    async fn get(&self, node: &str, path: &str) -> Result<String> {
        let url = format!("http://{}:{}{path}", self.pod_ip(node).await?, chain::config::METRICS_PORT);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
        Ok(http.get(url).send().await?.error_for_status()?.text().await?)
    }

    /// `/status` of a node, as it is written: of whatever version.
    pub(crate) async fn status(&self, node: &str) -> Result<Value> {
        serde_json::from_str(&self.get(node, "/status").await?).context("status")
    }

    /// JSON-RPC of a node.
    pub(crate) async fn rpc(&self, node: &str) -> Result<Rpc> {
        Rpc::new(format!("http://{}:{}", self.pod_ip(node).await?, chain::config::RPC_PORT))
    }

    /// Waits for more blocks by the word of this node.
    pub(crate) async fn blocks(&self, node: &str, more: u64) -> Result<u64> {
        let rpc = self.rpc(node).await?;
        let from = rpc.block_number().await?;
        with_progress(&format!("{}: {more} more blocks than {from}", self.name), LONG, || async {
            let now = rpc.block_number().await?;
            let is_there = now >= from + more;
            Ok(if is_there { Progress::Done(now) } else { Progress::Waiting(format!("height {now}")) })
        })
        .await
    }

    /// Waits until a node hears this seat vote at a height that was not decided when this was asked.
    pub(crate) async fn heard(&self, witness: &str, seat: &str) -> Result<u64> {
        let from = self.rpc(witness).await?.block_number().await? + 2;
        with_progress(&format!("{witness} hears {seat} at {from} or later"), LONG, || async {
            let status = self.status(witness).await?;
            let seats = status["seats"].as_array().cloned().unwrap_or_default();
            let of = |one: &&Value| same(&one["address"], seat);
            let height = seats.iter().find(of).and_then(|one| one["height"].as_u64()).unwrap_or(0);
            Ok(if height >= from {
                Progress::Done(height)
            } else {
                Progress::Waiting(format!("heard at {height}"))
            })
        })
        .await
    }

    /// The holder's name in each Lease.
    pub(crate) async fn leases(&self) -> Result<BTreeMap<String, String>> {
        let all = self.cluster.core::<Lease>().list(&ListParams::default()).await?;
        let holder = |lease: Lease| {
            let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
            Some((lease.metadata.name?, holder))
        };
        Ok(all.into_iter().filter_map(holder).collect())
    }

    /// Every node has the same blocks, and none was sent two votes of one seat for one place. The number of those.
    pub(crate) async fn agrees(&self, from: u64) -> Result<u64> {
        let (mut rpcs, mut equivocations) = (Vec::new(), 0);
        for node in self.all() {
            rpcs.push((node.clone(), self.rpc(&node).await?));
            equivocations += equivocated(&self.get(&node, "/metrics").await?);
        }
        let mut common = u64::MAX;
        for (_, rpc) in &rpcs {
            common = common.min(rpc.block_number().await?);
        }
        ensure!(common > from, "all nodes together have no block above {from}");
        for height in from..=common {
            let mut hashes = Vec::new();
            for (node, rpc) in &rpcs {
                hashes.push((node, rpc.block_hash(height).await?));
            }
            ensure!(
                hashes.iter().all(|(_, hash)| hash.is_some() && *hash == hashes[0].1),
                "fork at {height}: {hashes:?}"
            );
        }
        ensure!(equivocations == 0, "{equivocations} votes were second ones in their place");
        println!(
            "  {}: blocks {from} to {common} are the same on {} nodes, no seat voted twice",
            self.cluster.namespace,
            rpcs.len()
        );
        Ok(equivocations)
    }
}

/// Messages that a node refused because their author had sent another one in that place.
fn equivocated(metrics: &str) -> u64 {
    let counted = "quorate_messages_rejected_total{reason=\"equivocation\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(counted)?.trim().parse().ok()).unwrap_or(0)
}

/// Addresses are written with and without capitals.
pub(crate) fn same(address: &Value, other: &str) -> bool {
    address.as_str().is_some_and(|address| address.eq_ignore_ascii_case(other))
}
