//! Keeps nftables of one Kubernetes node equal to the cluster's NetworkPolicy objects. Runs in the node's namespaces,
//! started by `e2e/cluster/up`.

use anyhow::{Context, Result, bail};
use e2e::policies::{
    nft,
    rules::{Objects, pod_rules},
};
use futures::StreamExt as _;
use k8s_openapi::api::{
    core::v1::{Namespace, Pod},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Client, Config, Resource,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, pin::pin, process::Stdio, sync::Arc, time::Duration};
use tokio::{io::AsyncWriteExt as _, process::Command, sync::Notify};

/// After `nft` refused a table.
const RETRY: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(kubeconfig), Some(node)) = (arguments.next(), arguments.next()) else {
        bail!("usage: enforce-policies KUBECONFIG NODE");
    };
    let kubeconfig = Kubeconfig::read_from(&kubeconfig).with_context(|| kubeconfig.clone())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let changed = Arc::new(Notify::new());
    let policies = keep::<NetworkPolicy>(Api::all(client.clone()), &changed);
    let pods = keep::<Pod>(Api::all(client.clone()), &changed);
    let namespaces = keep::<Namespace>(Api::all(client), &changed);
    policies.wait_until_ready().await?;
    pods.wait_until_ready().await?;
    namespaces.wait_until_ready().await?;
    let mut applied = String::new();
    loop {
        let (policies, pods, namespaces) = (all(&policies), all(&pods), all(&namespaces));
        let objects = Objects { policies: &policies, pods: &pods, namespaces: &namespaces };
        let rules = pod_rules(&objects, &node);
        let script = nft::script(&rules);
        if script != applied {
            match apply(&script).await {
                Ok(()) => {
                    println!("rules of {} pods are in force", rules.len());
                    applied = script;
                }
                Err(error) => {
                    println!("nft refused the rules, they are tried again: {error:#}\n{script}");
                    tokio::time::sleep(RETRY).await;
                    continue;
                }
            }
        }
        changed.notified().await;
    }
}

/// A copy of all objects of a kind, kept up to date; every change is told.
fn keep<K>(api: Api<K>, changed: &Arc<Notify>) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let changed = changed.clone();
    tokio::spawn(async move {
        let stream = watcher(api, watcher::Config::default()).default_backoff().reflect(writer);
        let mut stream = pin!(stream);
        while stream.next().await.is_some() {
            changed.notify_one();
        }
    });
    store
}

fn all<K>(store: &Store<K>) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.state().iter().map(|object| K::clone(object)).collect()
}

async fn apply(script: &str) -> Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("run nft")?;
    nft.stdin.take().context("standard input of nft")?.write_all(script.as_bytes()).await?;
    let output = nft.wait_with_output().await?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
