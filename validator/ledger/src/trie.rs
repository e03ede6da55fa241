//! Roots of the state tries, worked out from what changed.

pub(crate) mod root;
pub(crate) mod walk;
