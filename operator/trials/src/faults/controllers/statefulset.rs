//! The StatefulSet controller's part.

use super::{Controllers, find, of_kind};
use crate::{
    faults::history::{Kind, Objects},
    players::statefulset,
};
use kube::api::PostParams;
use serde_json::Value;

impl Controllers {
    pub(super) async fn statefulsets(&self, objects: &Objects) {
        for (name, set) in of_kind(objects, "StatefulSet") {
            if !set["metadata"]["deletionTimestamp"].is_null() {
                continue;
            }
            let pod = find(objects, "Pod", &statefulset::pod_of(name));
            if pod.is_none() {
                self.make(set).await;
            }
            let status = statefulset::status(set, pod);
            if set["status"] != status {
                self.patch_status("StatefulSet", name, status).await;
            }
        }
    }

    async fn make(&self, set: &Value) {
        let made = serde_json::from_value(statefulset::made(set));
        let (Ok(pod), Some(kind)) = (made, Kind::named("Pod")) else { return };
        let _ = self.api(kind).create(&PostParams::default(), &pod).await;
    }
}
