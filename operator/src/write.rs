//! Writes that are not whole objects: status, finalizer, annotations of a Secret.

use crate::{
    calls::call,
    context::Context,
    error::Error,
    observe,
    watches::{self, Own},
};
use alloy_primitives::B256;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::NamespaceResourceScope,
};
use operator_core::{
    api::Consortium,
    cache::{Kind, ObjectKey},
    names::{FENCE, JOURNAL_ID, MANAGER, RECORDED},
    status,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

/// Field manager of the status: apart from that of the children.
const STATUS_MANAGER: &str = "quorate-status";

/// Writes a status in place of the one before.
pub(crate) async fn status<K, S>(context: &Context, object: &K, before: &S, after: &S) -> Result<(), Error>
where
    K: Own + Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    K::DynamicType: Default,
    S: Serialize,
{
    let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
    let name = object.name_any();
    let status = status::replacing(&serde_json::to_value(before)?, &serde_json::to_value(after)?);
    let patch = json!({ "status": status });
    let params = PatchParams { field_manager: Some(STATUS_MANAGER.to_owned()), ..PatchParams::default() };
    let _under_way = Writing::begin(context, observe::object_of(object), after);
    let written = call(
        "write status",
        context.api::<K>(&namespace).patch_status(&name, &params, &Patch::Merge(&patch)),
    )
    .await?;
    watches::answered(context, written);
    context.metrics.wrote("status");
    Ok(())
}

/// A status that is being written, until it is answered or given up: a watch that tells of it before wakes nobody.
struct Writing<'a> {
    context: &'a Context,
    key: ObjectKey,
}

impl<'a> Writing<'a> {
    fn begin<S: Serialize>(context: &'a Context, key: ObjectKey, status: &S) -> Self {
        context.cache().writing(key.clone(), status);
        Self { context, key }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.context.cache().written(&self.key);
    }
}

/// Asks the API server whether an object is still the one that was read: a conflict when it is not. Nothing is written.
pub(crate) async fn unchanged(context: &Context, object: &Consortium) -> Result<(), Error> {
    let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
    let patch = json!({ "metadata": { "uid": object.uid(), "resourceVersion": object.resource_version() } });
    let params = PatchParams {
        dry_run: true,
        field_manager: Some(STATUS_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let api = context.api::<Consortium>(&namespace);
    let (name, patch) = (object.name_any(), Patch::Merge(&patch));
    call("compare with what was read", api.patch_status(&name, &params, &patch)).await.map(drop)
}

/// Adds or removes the finalizer of the object's kind; fails when the object has changed since it was read.
pub(crate) async fn finalizer<K>(context: &Context, object: &K, wanted: bool) -> Result<(), Error>
where
    K: Own + Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    K::DynamicType: Default,
{
    if is_kept(object) == wanted {
        return Ok(());
    }
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != K::FINALIZER);
    if wanted {
        finalizers.push(K::FINALIZER.to_owned());
    }
    let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
    let patch =
        json!({ "metadata": { "finalizers": finalizers, "resourceVersion": object.resource_version() } });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = context.api::<K>(&namespace);
    let name = object.name_any();
    match call("write finalizer", api.patch(&name, &params, &Patch::Merge(&patch))).await {
        Ok(written) => {
            watches::answered(context, written);
            context.metrics.wrote("finalizer");
        }
        Err(error) if !wanted && error.status_code() == Some(404) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Whether our finalizer is on it.
pub(crate) fn is_kept<K: Own + ResourceExt>(object: &K) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == K::FINALIZER)
}

/// Records the journal of an identity beside its key.
pub(crate) async fn journal(context: &Context, namespace: &str, secret: &str, id: B256) -> Result<(), Error> {
    annotate(context, namespace, secret, ("record journal", JOURNAL_ID, id.to_string())).await
}

/// Remembers beside an identity's key that the fence has had a record of it. It never goes again.
pub(crate) async fn recorded(context: &Context, namespace: &str, secret: &str) -> Result<(), Error> {
    annotate(context, namespace, secret, ("remember record", FENCE, RECORDED.to_owned())).await
}

/// Writes one annotation of a Secret. A merge patch: it cannot make a Secret that is gone.
async fn annotate(
    context: &Context,
    namespace: &str,
    secret: &str,
    (what, name, value): (&'static str, &str, String),
) -> Result<(), Error> {
    let patch = json!({ "metadata": { "annotations": { name: value } } });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = context.api::<Secret>(namespace);
    let asked = context.mark(Kind::Secret, namespace);
    let written = call(what, api.patch_metadata(secret, &params, &Patch::Merge(&patch))).await?;
    context.learn_written(&written, asked);
    context.metrics.wrote("secret");
    Ok(())
}

/// Gives a Secret the labels and annotations by which it is found; its key is not touched.
pub(crate) async fn adopt(context: &Context, namespace: &str, secret: &Secret) -> Result<(), Error> {
    let patch = json!({ "metadata": { "labels": secret.labels(), "annotations": secret.annotations() } });
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = context.api::<Secret>(namespace);
    let asked = context.mark(Kind::Secret, namespace);
    let written =
        call("label Secret", api.patch_metadata(&secret.name_any(), &params, &Patch::Merge(&patch))).await?;
    context.learn_written(&written, asked);
    context.metrics.wrote("secret");
    Ok(())
}
