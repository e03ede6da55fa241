//! Reads everything a pass needs into plain values.

mod consortium;
mod fleet;
mod network;

pub(crate) use consortium::{Observation, consortium};
pub(crate) use fleet::fleet;
pub(crate) use network::key;
