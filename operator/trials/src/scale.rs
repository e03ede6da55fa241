//! The operator with thousands of objects: who makes them, who answers for their nodes, and what is measured.
//!
//! It runs in a network of its own (`unshare --net`): every node answers on an address of 127/8, all from one process.

pub mod applied;
pub mod exposition;
pub mod floor;
pub mod kubelet;
pub mod nodes;
pub mod objects;
pub mod operator;
pub mod phases;
pub mod report;

/// What ends a run; the text says what to do.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
