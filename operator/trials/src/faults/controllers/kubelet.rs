//! The parts of scheduler, kubelet and volume provisioner.

use super::{Controllers, entries, find, of_kind, text};
use crate::{
    faults::{
        history::{Kind, Objects},
        network::Mounts,
    },
    players::{
        claim::given,
        pod::{failing, is_ready, running},
    },
};
use kube::api::{Patch, PatchParams};
use operator_core::names::{FENCE_RECORD, GENESIS_FILE, IDENTITIES_DIR, NODE_FILE, SECRET_KEY};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The one machine.
const HOST: &str = "host-1";

impl Controllers {
    pub(super) async fn pods(&self, objects: &Objects) {
        for (name, pod) in of_kind(objects, "Pod") {
            let uid = text(pod, "/metadata/uid");
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                self.network.stop(uid);
                if let Some(kind) = Kind::named("Pod") {
                    self.delete(kind, name, uid, Some(0)).await;
                }
            } else if text(pod, "/spec/nodeName").is_empty() {
                self.bind(name, uid).await;
            } else {
                self.keep(name, uid, pod, objects).await;
            }
        }
        self.network.retain(|uid| of_kind(objects, "Pod").any(|(_, pod)| text(pod, "/metadata/uid") == uid));
    }

    /// Writes the records of the nodes that run into their Leases, as the nodes would: by the version that was read.
    pub(super) async fn leases(&self, objects: &Objects) {
        let there = of_kind(objects, "Lease").map(|(name, _)| name.to_owned()).collect();
        let Some(kind) = Kind::named("Lease") else { return };
        for (name, record) in self.network.records(there) {
            let Some(lease) = find(objects, "Lease", &name) else { continue };
            if lease["metadata"]["annotations"][FENCE_RECORD] == record.as_str() {
                continue;
            }
            let patch = json!({ "metadata": {
                "resourceVersion": lease["metadata"]["resourceVersion"],
                "annotations": { FENCE_RECORD: record },
            } });
            let _ = self.api(kind).patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        }
    }

    async fn bind(&self, name: &str, uid: &str) {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name, "uid": uid },
            "target": { "apiVersion": "v1", "kind": "Node", "name": HOST },
        });
        let path = format!("/api/v1/namespaces/{}/pods/{name}/binding", self.namespace);
        let request = axum::http::Request::post(path)
            .header("content-type", "application/json")
            .body(binding.to_string().into_bytes());
        if let Ok(request) = request {
            let _ = self.client.request_text(request).await;
        }
    }

    /// Starts the container, or tells how it is.
    async fn keep(&self, name: &str, uid: &str, pod: &Value, objects: &Objects) {
        let Some(ready) = self.network.is_ready(uid) else {
            let Some(mounts) = mounts(pod, objects) else { return };
            let ip = self.address();
            let node = name.strip_suffix("-0").unwrap_or(name);
            let status = match self.network.start(uid, node, &ip, mounts).await {
                Ok(()) => running(&ip, false),
                Err(error) => failing(&error.to_string()),
            };
            if pod["status"]["containerStatuses"] != status["containerStatuses"]
                || status["podIP"] != Value::Null
            {
                self.patch_status("Pod", name, status).await;
            }
            return;
        };
        if ready != is_ready(pod) {
            self.patch_status("Pod", name, running(text(pod, "/status/podIP"), ready)).await;
        }
    }

    pub(super) async fn claims(&self, objects: &Objects) {
        for (name, claim) in of_kind(objects, "PersistentVolumeClaim") {
            let Some(status) = given(claim) else { continue };
            let Some(kind) = Kind::named("PersistentVolumeClaim") else { return };
            let patch = json!({ "spec": { "volumeName": format!("pv-{}", text(claim, "/metadata/uid")) } });
            if text(claim, "/spec/volumeName").is_empty() {
                let _ = self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
            }
            self.patch_status("PersistentVolumeClaim", name, status).await;
        }
    }
}

/// What the pod's volumes hold; `None` while one of them is missing, as a kubelet then waits.
fn mounts(pod: &Value, objects: &Objects) -> Option<Mounts> {
    let (mut config, mut genesis, mut identity, mut p2p, mut disk) = (None, None, None, None, None);
    let mut identities = BTreeMap::new();
    for volume in pod["spec"]["volumes"].as_array()? {
        if let Some(name) = volume["configMap"]["name"].as_str() {
            let mut files = entries(find(objects, "ConfigMap", name)?, false);
            config = files.remove(NODE_FILE).or(config);
            genesis = files.remove(GENESIS_FILE).or(genesis);
        } else if let Some(name) = volume["secret"]["secretName"].as_str() {
            let key = entries(find(objects, "Secret", name)?, true).remove(SECRET_KEY)?;
            match volume["name"].as_str() {
                Some("identity") => identity = Some(key),
                _ => p2p = Some(key),
            }
        } else if let ("identities", Some(sources)) =
            (text(volume, "/name"), volume["projected"]["sources"].as_array())
        {
            for source in sources {
                let name = source["secret"]["name"].as_str()?;
                let key = entries(find(objects, "Secret", name)?, true).remove(SECRET_KEY)?;
                let path = format!("{IDENTITIES_DIR}/{}", text(source, "/secret/items/0/path"));
                identities.insert(path, key);
            }
        } else if let Some(name) = volume["persistentVolumeClaim"]["claimName"].as_str() {
            disk = Some(text(find(objects, "PersistentVolumeClaim", name)?, "/metadata/uid").to_owned());
        }
    }
    Some(Mounts { config: config?, genesis: genesis?, identity, identities, p2p: p2p?, disk: disk? })
}
