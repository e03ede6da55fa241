//! The Kubernetes side: apply manifests as `kubectl apply --server-side` does, read objects, wait for them.

use crate::patience::{Progress, eventually};
use anyhow::{Context, Result, anyhow};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
    core::GroupVersionKind,
    discovery,
};
use serde_json::{Value, json};
use std::{
    net::{IpAddr, UdpSocket},
    path::Path,
    time::Duration,
};

const FIELD_MANAGER: &str = "e2e";

/// A cluster and one namespace of it.
#[derive(Clone)]
pub struct Cluster {
    /// Client of the cluster that `KUBECONFIG` names.
    pub client: Client,
    /// Namespace of every namespaced object here.
    pub namespace: String,
}

impl Cluster {
    /// Connects to the cluster of `KUBECONFIG`.
    pub async fn connect(namespace: &str) -> Result<Self> {
        let client =
            Client::try_default().await.context("no cluster: run `make cluster-up` and set KUBECONFIG")?;
        Ok(Self { client, namespace: namespace.to_owned() })
    }

    /// Applies every document of a YAML file, as a user's `kubectl apply -f` would.
    pub async fn apply_file(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        for document in
            text.split("\n---").filter(|d| d.lines().any(|l| !l.trim().is_empty() && !l.starts_with('#')))
        {
            let object: Value =
                serde_saphyr::from_str(document).with_context(|| path.display().to_string())?;
            self.apply(&object).await?;
        }
        Ok(())
    }

    /// Applies one object with strict field validation; the server's refusal is the error.
    pub async fn apply(&self, object: &Value) -> Result<DynamicObject> {
        let api = self.api_of(object).await?;
        let name =
            object["metadata"]["name"].as_str().ok_or_else(|| anyhow!("object without metadata.name"))?;
        let params = PatchParams::apply(FIELD_MANAGER).force().validation_strict();
        Ok(api.patch(name, &params, &Patch::Apply(object)).await?)
    }

    /// A policy that lets this machine connect to every pod of the namespace, beside what the product's own policies allow.
    pub async fn admit_this_machine(&self) -> Result<()> {
        let address = self.own_address().await?;
        self.apply(&json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "e2e-tests", "namespace": self.namespace },
            "spec": {
                "podSelector": {},
                "policyTypes": ["Ingress"],
                "ingress": [{ "from": [{ "ipBlock": { "cidr": format!("{address}/32") } }] }],
            },
        }))
        .await?;
        Ok(())
    }

    /// The address of this machine that the cluster sees.
    async fn own_address(&self) -> Result<IpAddr> {
        let api = Config::infer().await?.cluster_url;
        let host = api.host().ok_or_else(|| anyhow!("{api} names no host"))?;
        // Connecting a datagram socket sends nothing; it chooses the route.
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect((host, api.port_u16().unwrap_or(443)))?;
        Ok(socket.local_addr()?.ip())
    }

    /// Merge-patches a field of an object, as `kubectl edit` would.
    pub async fn edit(&self, kind: &str, name: &str, change: Value) -> Result<DynamicObject> {
        Ok(self.api(kind).await?.patch(name, &PatchParams::default(), &Patch::Merge(change)).await?)
    }

    /// Sets `spec.replicas` through the scale subresource, as `kubectl scale` does.
    pub async fn scale(&self, name: &str, replicas: u32) -> Result<()> {
        let change = json!({ "spec": { "replicas": replicas } });
        self.api("Validator")
            .await?
            .patch_scale(name, &PatchParams::default(), &Patch::Merge(change))
            .await?;
        Ok(())
    }

    /// A `quorate.dev` object as JSON, `None` when there is none.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let object = self.api(kind).await?.get_opt(name).await?;
        object.map(|o| serde_json::to_value(o).context("object")).transpose()
    }

    /// Deletes a `quorate.dev` object and waits until it is gone.
    pub async fn delete(&self, kind: &str, name: &str, deadline: Duration) -> Result<()> {
        self.api(kind).await?.delete(name, &DeleteParams::default()).await?;
        eventually(&format!("{kind} {name} gone"), deadline, || async {
            Ok(match self.get(kind, name).await? {
                None => Progress::Done(()),
                Some(object) => Progress::Waiting(format!("finalizers {}", object["metadata"]["finalizers"])),
            })
        })
        .await
    }

    /// Deletes a pod without waiting.
    pub async fn delete_pod(&self, name: &str, grace_seconds: u32) -> Result<()> {
        let params = DeleteParams::default().grace_period(grace_seconds);
        self.pods().delete(name, &params).await?;
        Ok(())
    }

    /// The namespace's pods.
    #[must_use]
    pub fn pods(&self) -> Api<Pod> {
        self.core()
    }

    /// The namespace's objects of a built-in kind.
    #[must_use]
    pub fn core<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Names and uids of the pods of a fleet, in order of name.
    pub async fn fleet_pods(&self, fleet: &str) -> Result<Vec<(String, String)>> {
        let pods =
            self.pods().list(&ListParams::default().labels(&format!("quorate.dev/fleet={fleet}"))).await?;
        let mut names: Vec<_> =
            pods.into_iter().filter_map(|pod| Some((pod.metadata.name?, pod.metadata.uid?))).collect();
        names.sort();
        Ok(names)
    }

    async fn api(&self, kind: &str) -> Result<Api<DynamicObject>> {
        let gvk = GroupVersionKind::gvk("quorate.dev", "v1alpha1", kind);
        let (resource, _) = discovery::pinned_kind(&self.client, &gvk)
            .await
            .with_context(|| format!("kind {kind} is unknown to the cluster; is the chart installed?"))?;
        Ok(Api::namespaced_with(self.client.clone(), &self.namespace, &resource))
    }

    async fn api_of(&self, object: &Value) -> Result<Api<DynamicObject>> {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
        let gvk = GroupVersionKind::gvk(group, version, text("kind"));
        let (resource, capabilities) =
            discovery::pinned_kind(&self.client, &gvk).await.with_context(|| {
                format!("kind {} is unknown to the cluster; is the chart installed?", gvk.kind)
            })?;
        Ok(match capabilities.scope {
            discovery::Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            discovery::Scope::Namespaced => {
                Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
            }
        })
    }
}

/// Status of a condition of an object: (`True` | `False` | `Unknown`, reason, message).
#[must_use]
pub fn condition(object: &Value, kind: &str) -> Option<(String, String, String)> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|c| c["type"] == kind)?;
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}
