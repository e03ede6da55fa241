//! Restarts a pod: by an eviction, which the disruption budget may refuse; by a deletion where that must not count.

use crate::{
    calls::call,
    context::Context,
    error::Error,
    events::{self, EventType},
    observe,
};
use k8s_openapi::{
    api::{
        core::v1::Pod,
        policy::v1::{Eviction, PodDisruptionBudget},
    },
    apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions as SamePod},
    jiff::Timestamp,
};
use kube::{
    Api, Resource,
    api::{DeleteParams, PostParams, Preconditions},
};
use operator_core::{
    api::{Validator, conditions::reasons},
    names::ConsortiumName,
    observed::BudgetObserved,
    plan::{Restart, Wait},
};

/// Restarts, and tells what is to be told of it; what keeps it otherwise, of which nothing is told: it is tried anew in each
/// pass. Both ways name the very pod that was looked at, so that two operators that mean the same restart it once.
pub(super) async fn restart(
    context: &Context,
    object: &Validator,
    namespace: &str,
    restart: &Restart,
) -> Result<Option<Wait>, Error> {
    let api = context.api::<Pod>(namespace);
    let outcome = if restart.forced { delete(&api, restart).await } else { evict(&api, restart).await };
    let outcome = match outcome {
        Err(error) if error.status_code() == Some(429) => {
            let budget = budget(context, object, namespace).await;
            if !budget.grants(&restart.node.pod(), Timestamp::now()) {
                return Ok(Some(refused(context, namespace, restart, &error, &budget)));
            }
            // Granted to one that was cut off before it could carry it out, perhaps to us: the pod goes within that grant.
            tracing::info!(namespace, node = %restart.node, "carrying out an eviction that was granted before");
            delete(&api, restart).await
        }
        outcome => outcome,
    };
    match outcome {
        Ok(()) => {
            tracing::info!(namespace, node = %restart.node, forced = restart.forced, "restarting");
            if let Some(note) = &restart.note {
                let about = object.object_ref(&());
                events::publish(context, &about, EventType::Warning, note.reason, &note.message).await;
            }
            let why = if restart.forced {
                "its pod, of an older template, does not work or was told to go"
            } else {
                "its template is newer than its pod"
            };
            let note = format!("{} restarts: {why}", restart.node);
            events::decided(context, object, "restart", "NodeRestarts", &note).await;
            Ok(None)
        }
        // It is gone, or another pod already.
        Err(error) if error.is_conflict() || error.status_code() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the budget keeps waiting, with what an eviction that came to nothing, as a drain's, has to do with it.
fn refused(
    context: &Context,
    namespace: &str,
    restart: &Restart,
    error: &Error,
    budget: &BudgetObserved,
) -> Wait {
    let stays = |pod: &str| observe::stays(&context.cache(), namespace, pod);
    let why = budget.idle_eviction(Timestamp::now(), stays).map(|why| format!("; {why}"));
    let message = format!("{} is not restarted yet: {error}{}", restart.node, why.unwrap_or_default());
    Wait::passing(reasons::DISRUPTION_BUDGET, message)
}

/// As it stands now, never as the watch told last; one that cannot be read grants nothing.
async fn budget(context: &Context, object: &Validator, namespace: &str) -> BudgetObserved {
    let name = ConsortiumName(object.spec.consortium_ref.name.clone()).disruption_budget();
    let api = context.api::<PodDisruptionBudget>(namespace);
    let found = call("read disruption budget", api.get_opt(&name)).await.ok().flatten();
    found.as_ref().map(BudgetObserved::read).unwrap_or_default()
}

async fn delete(api: &Api<Pod>, restart: &Restart) -> Result<(), Error> {
    let same = Preconditions { uid: restart.uid.clone(), ..Preconditions::default() };
    let params = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
    call("restart pod", api.delete(&restart.node.pod(), &params)).await.map(drop)
}

/// Not `Api::evict`: kube writes `delete_options`, which the API server does not know, so the precondition would be lost.
async fn evict(api: &Api<Pod>, restart: &Restart) -> Result<(), Error> {
    let name = restart.node.pod();
    let eviction = Eviction {
        metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
        delete_options: Some(DeleteOptions {
            preconditions: Some(SamePod { uid: restart.uid.clone(), resource_version: None }),
            ..DeleteOptions::default()
        }),
    };
    let params = PostParams::default();
    let created = api.create_subresource::<_, serde_json::Value>("eviction", &name, &params, &eviction);
    call("evict pod", created).await.map(drop)
}
