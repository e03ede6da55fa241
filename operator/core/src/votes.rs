//! Declarative votes ([ADR 31](../../../docs/adr/0031-declarative-votes.md)): a line of `spec.governance` is a position; what the
//! chain says of it decides what is sent, and the chain alone remembers what was.

mod ballot;
mod decide;
mod history;
mod position;
#[cfg(test)]
mod tests;

pub use ballot::{AdminMove, Ballot};
pub use decide::{VotesPlan, Weighed, decide, outcome};
pub use history::{Act, Deed, History};
pub use position::{Aim, Content, Mark, Position, described, kind_name};
