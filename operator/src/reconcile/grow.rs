//! Grows a disk. Whether its class allows it the API server knows: it is asked by asking for the size.

use crate::{calls::call, context::Context, error::Error};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Patch, PatchParams};
use operator_core::{
    api::conditions::reasons,
    cache::Kind,
    names::MANAGER,
    plan::{Grow, Wait},
};
use serde_json::json;

/// Asks for the size; what a person must do when it is refused.
pub(super) async fn grow(context: &Context, namespace: &str, grow: &Grow) -> Result<Option<Wait>, Error> {
    let patch = json!({ "spec": { "resources": { "requests": { "storage": grow.size } } } });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = context.api::<PersistentVolumeClaim>(namespace);
    let asked = context.mark(Kind::PersistentVolumeClaim, namespace);
    match call("grow disk", api.patch(&grow.volume, &params, &Patch::Merge(&patch))).await {
        Ok(claim) => {
            context.learn_written(&claim, asked);
            tracing::info!(namespace, volume = grow.volume, size = grow.size, "growing");
            context.metrics.wrote("volume");
            Ok(None)
        }
        Err(error) if [Some(403), Some(422)].contains(&error.status_code()) => {
            let message = format!(
                "spec.storage.size: disk {} does not grow to {}: {error}; set allowVolumeExpansion on its storage class if the driver can, else move to another class (docs/operator.md, Disks)",
                grow.volume, grow.size
            );
            Ok(Some(Wait::stalled(reasons::VOLUME_NOT_EXPANDABLE, message)))
        }
        Err(error) => Err(error),
    }
}
