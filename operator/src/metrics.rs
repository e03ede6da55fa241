//! The operator's own metrics.

#[cfg(test)]
mod shipped;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use std::time::Duration;

/// Labels of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Pass {
    kind: &'static str,
    outcome: &'static str,
}

/// Labels of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Kind {
    kind: &'static str,
}

/// Counters and their registry.
pub(crate) struct Metrics {
    registry: Registry,
    passes: Family<Pass, Counter>,
    seconds: Family<Kind, Histogram>,
    writes: Family<Kind, Counter>,
}

impl Metrics {
    /// All of them, at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("quorate_operator");
        let passes = Family::<Pass, Counter>::default();
        let seconds = Family::<Kind, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.005, 2.0, 12))
        });
        let writes = Family::<Kind, Counter>::default();
        registry.register("reconciles", "Passes over one object, by kind and outcome", passes.clone());
        registry.register("reconcile_seconds", "Duration of a pass", seconds.clone());
        registry.register("writes", "Objects written to the API server, by kind", writes.clone());
        Self { registry, passes, seconds, writes }
    }

    /// Counts a pass.
    pub(crate) fn passed(&self, kind: &'static str, outcome: &'static str, took: Duration) {
        self.passes.get_or_create(&Pass { kind, outcome }).inc();
        self.seconds.get_or_create(&Kind { kind }).observe(took.as_secs_f64());
    }

    /// Counts a write.
    pub(crate) fn wrote(&self, kind: &'static str) {
        self.writes.get_or_create(&Kind { kind }).inc();
    }

    /// OpenMetrics text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
