//! The vote journal: nothing of ours is sent before it stands here, durable, and nothing stands here twice.
//!
//! One append-only file per identity. A record names a slot (height, round, phase) and the digest voted for in it;
//! [`Journal::insert`] checks and inserts in one call, so a second digest for a slot cannot get in. The journal knows
//! nothing of the protocol: what a phase or a payload means is the caller's business.
//!
//! A journal has a random id. The operator records it beside the identity, so a disk that comes back empty, or with
//! an older copy under another id, is told apart from a first start ([`decide()`]). A journal made in place of a lost
//! one starts *inactive*: it accepts nothing until [`Journal::activate`].

mod decide;
mod file;
mod record;
mod thread;

pub use decide::{Decision, decide};
pub use file::{Journal, JournalError, Opened, Start, look};
pub use record::{Inserted, Record, Refusal};
pub use thread::{JournalHandle, spawn};

#[cfg(test)]
mod tests;
