//! `debug_*`: running transactions again under a tracer, and what is stored, as bytes.

mod trace;

use super::dispatch::Method;

/// Every table of the namespace.
pub(super) const METHODS: &[&[Method]] = &[trace::METHODS];
