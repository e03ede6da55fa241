//! A seeded network around the core: delay, loss, duplication, a partition, crashes at every persist, sign and send,
//! restarts with the journal, seats that die for good, and at most one kind
//! of Byzantine seat: twins (two nodes with one key) or a liar ([`byzantine`]). It sees only the core's
//! public surface. What must never happen is in [`oracle`]; one seed is one schedule, byte for byte.

pub mod block;
pub mod byzantine;
pub mod explore;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod rng;
pub mod world;

pub use world::{Outcome, run};
