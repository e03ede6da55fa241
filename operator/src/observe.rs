//! Reads everything a pass needs into plain values.

mod consortium;
mod fleet;
mod network;
mod sources;

pub(crate) use consortium::{Observation, consortium, named_by};
pub(crate) use fleet::fleet;
pub(crate) use network::{key, object_of, stays};
pub(crate) use sources::synced;
