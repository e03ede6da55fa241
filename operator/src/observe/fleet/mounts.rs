//! Why a volume is not mounted: it stands only in events, which are asked for a pod that has waited long enough.

use super::NodePod;
use crate::{calls::call, context::Context};
use k8s_openapi::{api::events::v1::Event, jiff::Timestamp};
use kube::api::ListParams;
use operator_core::{
    names::{FleetName, NodeName},
    observed::FleetObserved,
    validate::ValidFleet,
};

/// Kubelets mount within seconds; a disk that moves with its pod takes longer, and says so.
const MOUNTED_WITHIN_S: i64 = 20;
/// Events of one pod in one answer.
const PAGE: u32 = 50;

/// The fleet's nodes whose pods have waited for their volumes for too long.
pub(super) fn overdue(pods: &[NodePod], fleet: &FleetName, now: Timestamp) -> Vec<NodeName> {
    let old = |since: Timestamp| now.as_second().saturating_sub(since.as_second()) >= MOUNTED_WITHIN_S;
    let waiting =
        pods.iter().filter(|pod| pod.name.fleet == fleet.0 && pod.awaits_volumes_since.is_some_and(old));
    waiting.map(|pod| pod.name.clone()).collect()
}

/// Says of each of them what its events say.
pub(super) async fn place_failures(
    context: &Context,
    valid: &ValidFleet,
    waiting: &[NodeName],
    observed: &mut FleetObserved,
) {
    for name in waiting {
        let Some(message) = failure(context, valid, &name.pod()).await else { continue };
        if let Some(node) = observed.nodes.get_mut(&name.index) {
            node.pod = node.pod.take().map(|pod| pod.with_mount_failure(&message));
        }
    }
}

/// The newest failure to attach or mount; the fleet's status does without it when events cannot be read.
async fn failure(context: &Context, valid: &ValidFleet, pod: &str) -> Option<String> {
    let about = ListParams::default().fields(&format!("regarding.name={pod},type=Warning")).limit(PAGE);
    let listed = call("list events", context.api::<Event>(&valid.namespace).list(&about)).await;
    let events = listed.inspect_err(|error| tracing::debug!(%error, pod, "events not read")).ok()?.items;
    let mounts = events.into_iter().filter(|event| {
        event.reason.as_deref().is_some_and(|reason| ["FailedMount", "FailedAttachVolume"].contains(&reason))
    });
    let version = |event: &Event| event.metadata.resource_version.as_deref()?.parse::<u64>().ok();
    mounts.max_by_key(version)?.note
}
