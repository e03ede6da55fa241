//! Restarts a pod: by an eviction, which the disruption budget may refuse; by a deletion where that must not count.

use crate::{
    calls::call,
    context::Context,
    error::Error,
    events::{self, EventType},
};
use k8s_openapi::{
    api::{
        core::v1::Pod,
        policy::v1::{Eviction, PodDisruptionBudget},
    },
    apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions as SamePod},
};
use kube::{
    Api, Resource,
    api::{DeleteParams, PostParams, Preconditions},
};
use operator_core::{
    api::{Validator, conditions::reasons},
    cache::{Child, Kind},
    names::ConsortiumName,
    plan::{Restart, Wait},
};

/// Tells what is to be told, then restarts; what keeps it otherwise. Both ways name the very pod that was looked at, so that
/// two operators that mean the same restart it once.
pub(super) async fn restart(
    context: &Context,
    object: &Validator,
    namespace: &str,
    restart: &Restart,
) -> Result<Option<Wait>, Error> {
    if let Some(note) = &restart.note {
        events::publish(context, &object.object_ref(&()), EventType::Warning, note.reason, &note.message)
            .await;
    }
    let api = context.api::<Pod>(namespace);
    let name = restart.node.pod();
    let outcome = if restart.forced {
        let same = Preconditions { uid: restart.uid.clone(), ..Preconditions::default() };
        let params = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
        call("restart pod", api.delete(&name, &params)).await.map(drop)
    } else {
        evict(&api, &name, restart.uid.clone()).await
    };
    match outcome {
        Ok(()) => {
            tracing::info!(namespace, node = %restart.node, forced = restart.forced, "restarting");
            let why = if restart.forced {
                "its pod, of an older template, does not work or was told to go"
            } else {
                "its template is newer than its pod"
            };
            let note = format!("{} restarts: {why}", restart.node);
            events::decided(context, object, "restart", "NodeRestarts", &note).await;
            Ok(None)
        }
        Err(error) if error.status_code() == Some(429) => {
            let why = idle_eviction(context, object, namespace).await.map(|why| format!("; {why}"));
            let message =
                format!("{} is not restarted yet: {error}{}", restart.node, why.unwrap_or_default());
            Ok(Some(Wait::passing(reasons::DISRUPTION_BUDGET, message)))
        }
        // It is gone, or another pod already.
        Err(error) if error.is_conflict() || error.status_code() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an eviction that came to nothing, as a drain's, keeps in the budget.
async fn idle_eviction(context: &Context, object: &Validator, namespace: &str) -> Option<String> {
    let name = ConsortiumName(object.spec.consortium_ref.name.clone()).disruption_budget();
    let api = context.api::<PodDisruptionBudget>(namespace);
    let budget = call("read disruption budget", api.get_opt(&name)).await.ok()??;
    let cache = context.cache();
    let stays = |pod: &str| {
        let child = cache.child(Kind::Pod, namespace, pod).and_then(Child::pod);
        child.is_some_and(|pod| !pod.observed.terminating)
    };
    operator_core::observed::idle_eviction(&budget, stays)
}

/// Not `Api::evict`: kube writes `delete_options`, which the API server does not know, so the precondition would be lost.
async fn evict(api: &Api<Pod>, name: &str, uid: Option<String>) -> Result<(), Error> {
    let eviction = Eviction {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        delete_options: Some(DeleteOptions {
            preconditions: Some(SamePod { uid, resource_version: None }),
            ..DeleteOptions::default()
        }),
    };
    let params = PostParams::default();
    let created = api.create_subresource::<_, serde_json::Value>("eviction", name, &params, &eviction);
    call("evict pod", created).await.map(drop)
}
