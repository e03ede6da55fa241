//! Roots of the state tries, worked out from what changed.

pub(crate) mod ahead;
pub(crate) mod resident;
pub(crate) mod root;
pub(crate) mod tries;
pub(crate) mod walk;
