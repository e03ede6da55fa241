//! What a cluster's controllers and kubelets do with the operator's objects, played level by level from the record of a
//! namespace. Real API requests, and these parts of the real behaviour:
//!
//! - **StatefulSet controller** (`OnDelete`, one replica): a missing pod is made from the template, with the revision's
//!   label; status counts, revisions and observed generation follow. No ControllerRevision objects, no volume claim templates.
//! - **Scheduler and kubelet**: the pod is bound; its container starts once every volume it mounts is there, with what is in
//!   them at that moment; readiness follows the node; a pod that is deleted ends its container first and goes then.
//!   No images are pulled, no limits kept, every node has room.
//! - **Nodes and their fence**: the record of an identity is written into its Lease when it changes hands, not with every vote.
//! - **Volume provisioner**: a claim is bound with the size it asks for.
//! - **Disruption controller**: budgets with counts (no percentages) say how many evictions they allow now.
//! - **Garbage collector**: an object all of whose owners are gone is deleted, in the background.

pub(in crate::faults) mod disruption;
mod garbage;
mod kubelet;
mod statefulset;

use crate::faults::{
    history::{Kind, Log, Objects},
    network::Network,
};
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

/// The controllers of one namespace.
pub struct Controllers {
    client: Client,
    namespace: String,
    log: Arc<Log>,
    network: Arc<Network>,
    /// First three parts of the addresses that pods get.
    subnet: String,
    next_ip: AtomicU8,
}

impl Controllers {
    /// Pods get addresses in `subnet`, as `127.1.2`.
    #[must_use]
    pub fn new(client: Client, namespace: &str, log: Arc<Log>, network: Arc<Network>, subnet: &str) -> Self {
        let (namespace, subnet) = (namespace.to_owned(), subnet.to_owned());
        Self { client, namespace, log, network, subnet, next_ip: AtomicU8::new(1) }
    }

    /// Plays until dropped.
    pub async fn run(self) {
        let (mut changes, mut nodes) = (self.log.changes(), self.network.changes());
        loop {
            changes.mark_unchanged();
            nodes.mark_unchanged();
            let objects = self.log.now();
            self.statefulsets(&objects).await;
            self.pods(&objects).await;
            self.claims(&objects).await;
            self.leases(&objects).await;
            self.budgets(&objects).await;
            self.garbage(&objects).await;
            tokio::select! {
                _ = changes.changed() => {}
                _ = nodes.changed() => {}
                // An eviction that came to nothing lapses with time alone.
                () = tokio::time::sleep(disruption::LOOK), if disruption::is_waiting(&objects) => {}
            }
        }
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.resource())
    }

    fn address(&self) -> String {
        format!("{}.{}", self.subnet, self.next_ip.fetch_add(1, Ordering::Relaxed))
    }

    /// A write that fails is tried again when something changes; what another did first has changed something.
    async fn patch_status(&self, kind: &str, name: &str, status: Value) {
        let Some(kind) = Kind::named(kind) else { return };
        let patch = serde_json::json!({ "status": status });
        let _ = self.api(kind).patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    }

    async fn delete(&self, kind: Kind, name: &str, uid: &str, grace: Option<u32>) {
        let preconditions = Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        let params = DeleteParams { grace_period_seconds: grace, preconditions, ..DeleteParams::default() };
        let _ = self.api(kind).delete(name, &params).await;
    }
}

fn of_kind<'a>(objects: &'a Objects, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    objects
        .iter()
        .filter(move |((found, _), _)| found.kind == kind)
        .map(|((_, name), object)| (name.as_str(), &**object))
}

fn find<'a>(objects: &'a Objects, kind: &str, name: &str) -> Option<&'a Value> {
    objects.get(&(Kind::named(kind)?, name.to_owned())).map(|object| &**object)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A Secret's or ConfigMap's entries as text.
fn entries(object: &Value, encoded: bool) -> BTreeMap<String, String> {
    let data = object["data"].as_object().into_iter().flatten();
    let read = |value: &Value| {
        let text = value.as_str()?;
        if !encoded {
            return Some(text.to_owned());
        }
        let bytes: k8s_openapi::ByteString = serde_json::from_value(Value::String(text.to_owned())).ok()?;
        String::from_utf8(bytes.0).ok()
    };
    data.filter_map(|(key, value)| Some((key.clone(), read(value)?))).collect()
}
