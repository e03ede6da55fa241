//! Where nodes are dialled: by the status of their fleet, by the network info of their member, by what they announce, and by the
//! connections that others have.

use super::{LONG, Member, NETWORK};
use crate::patience::{Progress, with_progress};
use anyhow::{Context, Result, ensure};
use chain::status::NodeStatus;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::{path::Path, process::Command, time::Duration};

impl Member {
    /// What one of its nodes says of itself. This machine has to be admitted to its pods.
    pub async fn node(&self, index: usize) -> Result<NodeStatus> {
        let pod = self.cluster.pods().get(&format!("{}-{index}-0", self.place)).await?;
        let ip = pod.status.and_then(|status| status.pod_ip).context("the pod has no address")?;
        let url = format!("http://{ip}:{}/status", chain::config::METRICS_PORT);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
        Ok(http.get(&url).send().await?.error_for_status()?.json().await?)
    }

    /// Waits until the status of its fleet names an endpoint for each of `count` nodes, all at `host` if one is given; the host.
    pub async fn endpoints(&self, count: usize, host: Option<&str>) -> Result<String> {
        with_progress(&format!("{}: where its nodes are dialled", self.place), LONG, || async {
            let fleet = self.validator().await?;
            let nodes = fleet["status"]["nodes"].as_array().cloned().unwrap_or_default();
            let told: Vec<String> =
                nodes.iter().filter_map(|node| node["endpoint"].as_str().map(str::to_owned)).collect();
            let at = told.first().and_then(|first| first.rsplit_once(':')).map(|(host, _)| host.to_owned());
            let at = at.filter(|at| host.is_none_or(|host| host == at));
            let want: Option<Vec<String>> =
                at.as_deref().map(|at| (0..count).map(|i| format!("{at}:{}", 30303 + i)).collect());
            Ok(match at {
                Some(at) if want.as_ref() == Some(&told) => Progress::Done(at),
                _ => Progress::Waiting(format!("{told:?}")),
            })
        })
        .await
    }

    /// Waits until the network info that it publishes names its nodes there.
    pub async fn publishes(&self, host: &str, count: usize) -> Result<()> {
        let infos: Api<ConfigMap> = self.cluster.core();
        with_progress(&format!("{}: its network info names {host}", self.place), LONG, || async {
            let info = infos.get(&format!("{NETWORK}-network-info")).await?;
            let text = info.data.and_then(|mut data| data.remove("network-info.json")).unwrap_or_default();
            let at = format!("@{host}:");
            let named = text.matches(&at).count();
            Ok(if named == count {
                Progress::Done(())
            } else {
                Progress::Waiting(format!("it names {named} of {count} nodes there"))
            })
        })
        .await
    }

    /// The cloud moves its load balancer for peers to another address.
    pub async fn moved_to(&self, host: &str) -> Result<()> {
        let services: Api<Service> = self.cluster.core();
        let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": host }] } } });
        let name = format!("{}-peers", self.place);
        services.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    /// Waits until `witness`, a node of another member, has dialled one of its nodes at that address, where that node says it is.
    pub async fn dialled_by(&self, index: usize, host: &str, witness: (&Self, usize)) -> Result<()> {
        let (other, at) = witness;
        let identity = self.node(index).await?.identity.context("a node without identity")?.address;
        let endpoint = format!("{host}:{}", 30303 + index);
        let what = format!("{}-{at} dials {}-{index} at {endpoint}", other.place, self.place);
        with_progress(&what, LONG, || async {
            let seen = other.node(at).await?;
            let carrier = seen.carriers.iter().find(|carrier| carrier.identity == identity);
            let Some(carrier) = carrier else { return Ok(Progress::Waiting("not announced".to_owned())) };
            let told = carrier.enode.as_ref().map(|enode| format!("{}:{}", enode.host, enode.port));
            let peer = seen.peers.iter().find(|peer| peer.node_id == carrier.node_id);
            let link = peer.map(|peer| (peer.inbound, peer.remote.as_str()));
            Ok(if told.as_ref() == Some(&endpoint) && link == Some((false, endpoint.as_str())) {
                Progress::Done(())
            } else {
                Progress::Waiting(format!("announced at {told:?}, connection (inbound, remote) {link:?}"))
            })
        })
        .await
    }
}

/// A node that can be dialled and cannot dial: a firewall on its host lets no new connection out to peers.
#[derive(Debug)]
pub struct Cut;

impl Cut {
    /// Until it is dropped.
    pub async fn off(member: &Member, index: usize) -> Result<Self> {
        let pod = member.cluster.pods().get(&format!("{}-{index}-0", member.place)).await?;
        let ip = pod.status.and_then(|status| status.pod_ip).context("the pod has no address")?;
        firewall(&format!(
            "table inet cut {{ chain out {{ type filter hook forward priority -10; \
             ip saddr {ip} tcp dport 30303-30366 ct state new drop; }} }}"
        ))?;
        Ok(Self)
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Err(error) = firewall("delete table inet cut") {
            eprintln!("the firewall stays: {error:#}");
        }
    }
}

/// The cluster has one host.
fn firewall(rules: &str) -> Result<()> {
    let enter = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/enter");
    let done = Command::new(enter).args(["node-1", "nft", rules]).output().context("e2e/cluster/enter")?;
    ensure!(done.status.success(), "nft: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
