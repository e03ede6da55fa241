//! `debug_*`: running transactions again under a tracer, and what is stored, as bytes.

pub(super) mod trace;

use super::{dispatch::Method, raw};

/// Every table of the namespace.
pub(super) const METHODS: &[&[Method]] = &[trace::METHODS, raw::DEBUG];
