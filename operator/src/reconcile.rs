//! One pass over one object: observe → validate → plan → apply → status.

pub(crate) mod consortium;
pub(crate) mod fleet;
mod grow;
mod restart;
mod steps;

use crate::{
    context::{Action, Context},
    error::Error,
};
use operator_core::{
    cache::{NetworkKey, ObjectKey, ObjectKind},
    queue::Outcome,
};
use std::{future::Future, sync::Arc, time::Duration};
pub(crate) use steps::Steps;

/// Longer than any pass of a large fleet that writes everything.
const DEADLINE: Duration = Duration::from_mins(2);

/// Gives the objects of one kind their passes until `stop` is over.
pub(crate) async fn run(
    kind: ObjectKind,
    context: Arc<Context>,
    at_once: usize,
    stop: impl Future<Output = ()>,
) {
    let turns = context.turns(kind).clone();
    turns.run(at_once, DEADLINE, stop, move |key| turn(context.clone(), key)).await;
}

async fn turn(context: Arc<Context>, key: ObjectKey) -> Outcome {
    let name = format!("{}/{}", key.namespace, key.name);
    let outcome = match key.kind {
        ObjectKind::Consortium => {
            let object = context.cache().consortium(&key.namespace, &key.name).cloned();
            let Some(object) = object else { return Outcome::Await };
            let network = NetworkKey { namespace: key.namespace.clone(), name: key.name.clone() };
            if context.cache().heard(&network).is_none() {
                return Outcome::Await;
            }
            let steps = Steps::new(&context, "Consortium");
            let pass = consortium::pass(&object, &context, &steps);
            measured(&context, "Consortium", name, Box::pin(pass)).await
        }
        ObjectKind::Validator => {
            let object = {
                let cache = context.cache();
                let Some(fleet) = cache.fleet(&key.namespace, &key.name) else { return Outcome::Await };
                let network = NetworkKey { namespace: key.namespace.clone(), name: fleet.network.clone() };
                // Its nodes have not been asked yet; when they have, it is woken.
                if cache.heard(&network).is_none() {
                    return Outcome::Await;
                }
                fleet.object()
            };
            let steps = Steps::new(&context, "Validator");
            let pass = async { fleet::pass(&object?, &context, &steps).await };
            measured(&context, "Validator", name, Box::pin(pass)).await
        }
    };
    context.visited(&key);
    match outcome {
        Ok(Action(Some(after))) => Outcome::Again(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        Ok(Action(None)) => Outcome::Await,
        Err(_) => Outcome::Failed,
    }
}

/// Counts and logs a pass.
async fn measured(
    context: &Context,
    kind: &'static str,
    name: String,
    pass: impl Future<Output = Result<Action, Error>>,
) -> Result<Action, Error> {
    let start = std::time::Instant::now();
    let outcome = pass.await;
    let class = outcome.as_ref().map_or_else(Error::class, |_| "ok");
    context.metrics.passed(kind, class, start.elapsed());
    if let Err(error) = &outcome {
        if error.is_conflict() || error.is_not_leading() {
            tracing::debug!(kind, name, %error, "again");
        } else {
            tracing::warn!(kind, name, %error, "pass failed");
        }
    }
    outcome
}
