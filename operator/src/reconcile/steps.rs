//! Measures and traces the steps of a pass.

use crate::{context::Context, traces};
use std::{future::Future, time::Instant};
use tracing::Instrument;

/// Where the time of one pass goes.
pub(crate) struct Steps<'a> {
    context: &'a Context,
    kind: &'static str,
}

impl<'a> Steps<'a> {
    /// A pass begins.
    pub(crate) const fn new(context: &'a Context, kind: &'static str) -> Self {
        Self { context, kind }
    }

    /// One step: however it ends, its time counts.
    pub(crate) async fn of<T>(&self, step: &'static str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.instrument(traces::step(step)).await;
        self.context.metrics.stepped(self.kind, step, began.elapsed());
        done
    }

    /// The same for what awaits nothing.
    pub(crate) fn thought<T>(&self, step: &'static str, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = traces::step(step).in_scope(work);
        self.context.metrics.stepped(self.kind, step, began.elapsed());
        done
    }
}
