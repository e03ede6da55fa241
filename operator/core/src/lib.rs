//! What the operator decides, without the means to do it: no Kubernetes client, no runtime, no clock, no randomness.
//!
//! `validate` turns specs into values that need no further checks; `plan` compares them with what was observed and says
//! what to do this pass and why; `build` makes the objects; `policy` holds the ordered checks that protect the quorum;
//! `status` says it all to the user. Time is always an argument.
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod api;
pub mod build;
pub mod cache;
pub mod crds;
pub mod drift;
pub mod genesis;
pub mod in_flight;
pub mod keys;
pub mod lease;
pub mod liveness;
pub mod names;
pub mod network_info;
pub mod node_pool;
pub mod observed;
pub mod plan;
pub mod policy;
pub mod queue;
pub mod status;
#[cfg(test)]
mod test_support;
pub mod units;
pub mod validate;
pub mod vault;
pub mod votes;
