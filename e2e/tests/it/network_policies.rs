use crate::network::{FLEET, LONG, Network};
use anyhow::{Context, Result, bail};
use chain::config::{METRICS_PORT, P2P_PORT, RPC_PORT};
use e2e::{
    cluster::Cluster,
    patience::{Progress, eventually},
};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use serde_json::{Value, json};
use std::{fs, process::Command};

const STRANGERS: &str = "strangers";
const API_PORT: u16 = 443;
const DNS_PORT: u16 = 53;

#[tokio::test]
async fn policies_let_the_network_work_and_keep_strangers_out() -> Result<()> {
    let network = Network::live().await?;
    let target = network.pod_ip("bank-a-0").await?;
    let peer = network.pod_uid("bank-a-1").await?;
    let operator = operator_uid(&network).await?;

    // Every port that is closed to somebody below is open to somebody here: the checks below can fail.
    becomes(Reach::Open, (&peer, &target, P2P_PORT), "nodes reach each other's p2p port").await?;
    becomes(Reach::Open, (&operator, &target, METRICS_PORT), "the operator reads the status").await?;
    becomes(Reach::Open, (&operator, &target, RPC_PORT), "the operator sends transactions").await?;

    let stranger = stranger(&network, "stranger", json!({})).await?;
    assert_eq!(reach(&stranger, &target, P2P_PORT)?, Reach::Dropped, "a stranger at the p2p port");
    assert_eq!(reach(&stranger, &target, METRICS_PORT)?, Reach::Dropped, "a stranger at the status");
    becomes(Reach::Open, (&stranger, &target, RPC_PORT), "JSON-RPC is offered to everybody").await?;
    let forged = json!({ "app.kubernetes.io/name": "quorate", "app.kubernetes.io/component": "operator" });
    let forger = self::stranger(&network, "forger", forged).await?;
    assert_eq!(
        reach(&forger, &target, METRICS_PORT)?,
        Reach::Dropped,
        "the operator's labels elsewhere are not the operator"
    );

    let api = service_ip(&network, "default", "kubernetes").await?;
    let dns = service_ip(&network, "kube-system", "kube-dns").await?;
    becomes(Reach::Open, (&stranger, &api, API_PORT), "a pod without a policy reaches the API server")
        .await?;
    assert_eq!(reach(&peer, &api, API_PORT)?, Reach::Dropped, "a node has no business with the API server");
    becomes(Reach::Open, (&peer, &dns, DNS_PORT), "nodes look names up").await?;
    becomes(Reach::Open, (&operator, &api, API_PORT), "the operator reaches the API server").await?;

    network.wait_blocks(2).await?;
    for name in ["stranger", "forger"] {
        strangers(&network).delete(name, &DeleteParams::default().grace_period(0)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_fleet_without_rpc_closes_the_port_to_clients() -> Result<()> {
    let network = Network::live().await?;
    let stranger = stranger(&network, "client", json!({})).await?;
    let target = network.pod_ip("bank-a-0").await?;
    becomes(Reach::Open, (&stranger, &target, RPC_PORT), "JSON-RPC is offered to everybody").await?;
    network.cluster.edit("Validator", FLEET, json!({ "spec": { "rpc": { "type": "None" } } })).await?;
    becomes(Reach::Dropped, (&stranger, &target, RPC_PORT), "the port is closed").await?;
    network
        .cluster
        .edit("Validator", FLEET, json!({ "spec": { "rpc": { "type": "LoadBalancer" } } }))
        .await?;
    becomes(Reach::Open, (&stranger, &target, RPC_PORT), "the port is open again").await?;
    strangers(&network).delete("client", &DeleteParams::default().grace_period(0)).await?;
    Ok(())
}

/// What became of a TCP connection.
#[derive(Debug, PartialEq, Eq)]
enum Reach {
    Open,
    Refused,
    Dropped,
}

/// Waits until a connection ends so: policies are put into effect a while after they are written.
async fn becomes(wanted: Reach, (from, to, port): (&str, &str, u16), what: &str) -> Result<()> {
    eventually(what, LONG, || async {
        let got = reach(from, to, port)?;
        Ok(if got == wanted { Progress::Done(()) } else { Progress::Waiting(format!("{got:?}")) })
    })
    .await
}

/// Tries to connect from inside the pod's network namespace, whatever its image holds.
fn reach(from_pod_uid: &str, address: &str, port: u16) -> Result<Reach> {
    let pid = process_of(from_pod_uid)?;
    let connect = format!("exec 3<>/dev/tcp/{address}/{port}");
    let status = Command::new("timeout")
        .args(["3", "nsenter", "-t", &pid.to_string(), "-n", "bash", "-c", &connect])
        .stderr(std::process::Stdio::null())
        .status()
        .context("timeout nsenter")?;
    match status.code() {
        Some(0) => Ok(Reach::Open),
        Some(1) => Ok(Reach::Refused),
        Some(124) => Ok(Reach::Dropped),
        other => bail!("connecting from {from_pod_uid} to {address}:{port}: exit {other:?}"),
    }
}

/// Any process of the pod, by its cgroup: all of them share one network.
fn process_of(pod_uid: &str) -> Result<u32> {
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if cgroup.contains(pod_uid) {
            return Ok(pid);
        }
    }
    bail!("no process of pod {pod_uid} runs on this machine")
}

fn strangers(network: &Network) -> Api<Pod> {
    Api::namespaced(network.cluster.client.clone(), STRANGERS)
}

/// A pod in a namespace of its own that does nothing; its uid once it runs.
async fn stranger(network: &Network, name: &str, labels: Value) -> Result<String> {
    let elsewhere = Cluster { namespace: STRANGERS.to_owned(), ..network.cluster.clone() };
    elsewhere
        .apply(&json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": STRANGERS, "labels": { "pod-security.kubernetes.io/enforce": "restricted" } },
        }))
        .await?;
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": STRANGERS, "labels": labels },
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "pause",
                "image": "localhost/pause:3.10",
                "imagePullPolicy": "Never",
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    });
    eventually(&format!("pod {name} running"), LONG, || async {
        let pod: Pod = serde_json::from_value(serde_json::to_value(elsewhere.apply(&pod).await?)?)?;
        let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
        match (pod.metadata.uid, phase.as_str()) {
            (Some(uid), "Running") => Ok(Progress::Done(uid)),
            _ => Ok(Progress::Waiting(phase)),
        }
    })
    .await
}

async fn operator_uid(network: &Network) -> Result<String> {
    let pods = Api::<Pod>::namespaced(network.cluster.client.clone(), "quorate-system");
    let running = pods.list(&ListParams::default().fields("status.phase=Running")).await?;
    running.into_iter().find_map(|pod| pod.metadata.uid).context("no operator runs")
}

async fn service_ip(network: &Network, namespace: &str, name: &str) -> Result<String> {
    let service = Api::<Service>::namespaced(network.cluster.client.clone(), namespace).get(name).await?;
    service.spec.and_then(|spec| spec.cluster_ip).context("clusterIP")
}
