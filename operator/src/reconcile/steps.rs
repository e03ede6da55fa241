//! Measures the steps of a pass.

use crate::context::Context;
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Where the time of one pass goes.
pub(crate) struct Steps<'a> {
    context: &'a Context,
    kind: &'static str,
    since: Mutex<Instant>,
}

impl<'a> Steps<'a> {
    /// A pass begins.
    pub(crate) fn new(context: &'a Context, kind: &'static str) -> Self {
        Self { context, kind, since: Mutex::new(Instant::now()) }
    }

    /// A step is over; the next begins.
    pub(crate) fn done(&self, step: &'static str) {
        let now = Instant::now();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        self.context.metrics.stepped(self.kind, step, now - *since);
        *since = now;
    }
}
