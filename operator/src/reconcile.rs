//! One pass over one object: observe → validate → plan → apply → status.

mod consortium;
mod fleet;
mod grow;
mod pass;
mod publish;
mod restart;
mod steps;

use crate::{
    context::{Action, Context},
    error::Error,
    traces,
};
use operator_core::{
    api::{Consortium, Validator},
    cache::{ObjectKey, ObjectKind},
    queue::Outcome,
};
use pass::Passed;
use std::{future::Future, sync::Arc, time::Duration};
use steps::Steps;
use tracing::Instrument;

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
    let outcome = match key.kind {
        ObjectKind::Consortium => Box::pin(turn_of::<Consortium>(&context, &key)).await,
        ObjectKind::Validator => Box::pin(turn_of::<Validator>(&context, &key)).await,
    };
    let Some(outcome) = outcome else { return Outcome::Await };
    context.visited(&key);
    match outcome {
        Ok(Action(Some(after))) => Outcome::Again(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        Ok(Action(None)) => Outcome::Await,
        Err(_) => Outcome::Failed,
    }
}

/// `None` when there is nothing to look at yet: the object is gone, or its nodes have not been asked; when they have, it is woken.
async fn turn_of<K: Passed>(context: &Context, key: &ObjectKey) -> Option<Result<Action, Error>> {
    let object = {
        let cache = context.cache();
        cache.heard(&K::network_of(&cache, &key.namespace, &key.name)?)?;
        K::known(&cache, &key.namespace, &key.name)?
    };
    let steps = Steps::new(context, K::NAME);
    let pass = async { pass::pass(&*object?, context, &steps).await };
    Some(measured(context, K::NAME, key, Box::pin(pass)).await)
}

/// Counts, traces and logs a pass.
async fn measured(
    context: &Context,
    kind: &'static str,
    key: &ObjectKey,
    pass: impl Future<Output = Result<Action, Error>>,
) -> Result<Action, Error> {
    let (start, span) = (std::time::Instant::now(), traces::pass(kind, key));
    let outcome = pass.instrument(span.clone()).await;
    let class = outcome.as_ref().map_or_else(Error::class, |_| "ok");
    context.metrics.passed(kind, class, start.elapsed());
    traces::ended(&span, class, outcome.as_ref().err());
    if let Err(error) = &outcome {
        let name = format!("{}/{}", key.namespace, key.name);
        if error.is_conflict() || error.is_not_leading() {
            tracing::debug!(kind, name, %error, "again");
        } else {
            tracing::warn!(kind, name, %error, "pass failed");
        }
    }
    outcome
}
