//! One pass over one object: observe → validate → plan → apply → status.

pub(crate) mod consortium;
pub(crate) mod fleet;
mod grow;
mod restart;

use crate::{context::Context, error::Error};
use kube::runtime::controller::Action;
use std::{future::Future, sync::Arc, time::Instant};

/// Counts and logs a pass.
async fn measured(
    context: &Context,
    kind: &'static str,
    name: String,
    pass: impl Future<Output = Result<Action, Error>>,
) -> Result<Action, Error> {
    let start = Instant::now();
    let outcome = pass.await;
    let class = outcome.as_ref().map_or_else(Error::class, |_| "ok");
    context.metrics.passed(kind, class, start.elapsed());
    if let Err(error) = &outcome {
        if error.is_conflict() {
            tracing::debug!(kind, name, %error, "again");
        } else {
            tracing::warn!(kind, name, %error, "pass failed");
        }
    }
    outcome
}

/// What the runtime does about a failed pass.
pub(crate) fn on_error<K>(_object: Arc<K>, error: &Error, _context: Arc<Context>) -> Action {
    crate::context::again(error.retry())
}
