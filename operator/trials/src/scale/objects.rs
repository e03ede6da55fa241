//! Which objects there are, and who applies them.

use super::Failure;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use operator_core::api::{Consortium, Validator};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Objects of one network: a Consortium and its fleets.
pub const PER_NETWORK: u32 = 100;
/// The most fleets that a genesis may name: these hold seats, the others observe.
pub const SEATED: u32 = 16;
/// Namespaces for each network: a fleet lives beside its Consortium, the others hold what is not ours.
pub const NAMESPACES_PER_NETWORK: u32 = 5;
/// Objects of others in each namespace without a network.
const BYSTANDERS: u32 = 4;
/// Requests at the same time.
const AT_ONCE: usize = 8;

/// Namespace of a network.
#[must_use]
pub fn namespace(network: u32) -> String {
    format!("member-{network:03}")
}

/// Name of a fleet.
#[must_use]
pub fn fleet(fleet: u32) -> String {
    format!("fleet-{fleet:02}")
}

/// All of the bench's objects, in the order in which they are made.
#[must_use]
pub fn all(objects: u32) -> Vec<Value> {
    let networks = objects.div_ceil(PER_NETWORK);
    let fleets = |network: u32| (1..PER_NETWORK).map(move |number| validator(network, number));
    let of = |network: u32| std::iter::once(consortium(network, objects)).chain(fleets(network));
    (0..networks).flat_map(of).take(objects as usize).collect()
}

fn consortium(network: u32, objects: u32) -> Value {
    let fleets = (PER_NETWORK - 1).min(objects - network * PER_NETWORK - 1).min(SEATED);
    let seated: Vec<_> = (1..=fleets).map(fleet).collect();
    json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium",
        "metadata": { "name": "network", "namespace": namespace(network) },
        "spec": {
            "member": { "alias": "bank-a", "admin": { "secret": {} }, "operator": { "secret": {} } },
            "create": { "chainId": 10_000 + network, "fleets": seated },
        },
    })
}

fn validator(network: u32, number: u32) -> Value {
    let role = if number <= SEATED { "Validator" } else { "Observer" };
    json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator",
        "metadata": { "name": fleet(number), "namespace": namespace(network) },
        "spec": {
            "consortiumRef": { "name": "network" },
            "replicas": 1,
            "role": role,
            "keys": { "secret": {} },
            "storage": { "size": "2Gi" },
            "resources": { "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "memory": "1Gi" } },
            "rpc": { "type": "ClusterIP" },
        },
    })
}

/// Makes the namespaces, and in those without a network what others keep there.
pub async fn namespaces(client: &Client, objects: u32) -> Result<u32, Failure> {
    let networks = objects.div_ceil(PER_NETWORK);
    let others = networks * (NAMESPACES_PER_NETWORK - 1);
    let names = (0..networks).map(namespace).chain((0..others).map(|number| format!("other-{number:03}")));
    stream::iter(names.map(Ok))
        .try_for_each_concurrent(AT_ONCE, |name| async move {
            let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
            let namespace = Namespace { metadata, ..Namespace::default() };
            Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
            if name.starts_with("other") {
                bystanders(client, &name).await?;
            }
            Ok::<_, Failure>(())
        })
        .await?;
    Ok(networks + others)
}

async fn bystanders(client: &Client, namespace: &str) -> Result<(), Failure> {
    for number in 0..BYSTANDERS {
        let metadata = ObjectMeta { name: Some(format!("theirs-{number}")), ..ObjectMeta::default() };
        let theirs = ConfigMap { metadata, ..ConfigMap::default() };
        Api::namespaced(client.clone(), namespace).create(&PostParams::default(), &theirs).await?;
    }
    Ok(())
}

/// Applies manifests as `kubectl apply --server-side` does; `told` hears how many are done.
pub async fn apply(client: &Client, manifests: &[Value], told: impl Fn(usize)) -> Result<(), Failure> {
    let mut done = 0;
    let mut applied =
        stream::iter(manifests).map(|manifest| apply_one(client, manifest)).buffer_unordered(AT_ONCE);
    while let Some(outcome) = applied.next().await {
        outcome?;
        done += 1;
        told(done);
    }
    Ok(())
}

async fn apply_one(client: &Client, manifest: &Value) -> Result<(), Failure> {
    let text =
        |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let (params, patch) = (PatchParams::apply("user"), Patch::Apply(manifest));
    if text("/kind") == "Consortium" {
        Api::<Consortium>::namespaced(client.clone(), &namespace).patch(&name, &params, &patch).await?;
    } else {
        Api::<Validator>::namespaced(client.clone(), &namespace).patch(&name, &params, &patch).await?;
    }
    Ok(())
}

/// Changes the memory that a fleet's node is given; returns when the API server has taken it.
pub async fn edit(client: &Client, network: u32, number: u32, memory: &str) -> Result<Instant, Failure> {
    let patch = json!({ "spec": { "resources": { "limits": { "memory": memory } } } });
    let api = Api::<Validator>::namespaced(client.clone(), &namespace(network));
    api.patch(&fleet(number), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(Instant::now())
}

/// Waits until `done` says so; asks every `every`.
pub async fn until<F>(
    what: &str,
    patience: Duration,
    every: Duration,
    mut done: impl FnMut() -> F,
) -> Result<Duration, Failure>
where
    F: Future<Output = bool>,
{
    let began = Instant::now();
    while !done().await {
        if began.elapsed() > patience {
            return Err(format!("{what}: not within {} s", patience.as_secs()).into());
        }
        tokio::time::sleep(every).await;
    }
    Ok(began.elapsed())
}
