//! State that all tasks of the network share.

pub(crate) struct Shared {}
