//! Counts for metrics.

/// One counter: a fixed label and its value since start.
pub type CounterSnapshot = (&'static str, u64);
