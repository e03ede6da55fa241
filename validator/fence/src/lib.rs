//! The fence: for an identity that can move, the right to each vote is granted by a compare-and-swap of one record.
//!
//! Several processes hold the key of one identity. A lease says which of them should vote; it cannot stop one that was
//! paused, woke up and still believes in it. So nothing here rests on a clock: a vote is granted when the record in a store
//! with compare-and-swap says that it is, and another process becomes the holder by changing that same record, which
//! makes every later swap of the one before it fail. The record carries what the holder has promised, so the next one
//! starts from there (ADR 37).
//!
//! [`Fence::step`] takes what happened and the time of a monotonic clock, and says what to do ([`Output`]). At most one
//! request to the store is under way at a time. What a place, a digest or evidence means is the caller's business: it
//! brings slots in the order in which it casts them. A process that stands by for several identities has a fence for each, in
//! [`Holdings`].
//!
//! ```text
//!   standby ──released to us, or silent for a lease──► swap: epoch + 1 ──won──► holder ──wish──► swap: vote ──won──► granted
//!      ▲                                                                          │
//!      └───────── the record shows another's write: this epoch is over ◄──────────┘
//! ```
//!
//! What must hold, and does whatever the store's delays, stale reads and lost answers are, as long as its
//! compare-and-swap is one: of one slot (height, round, phase) at most one digest is ever granted, to whichever process;
//! and whoever is granted anything has been told of everything granted before, with its evidence.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]
#![deny(missing_docs)]

extern crate alloc;

mod answer;
mod config;
mod event;
mod holdings;
mod machine;
mod reason;
mod record;
mod votes;
mod wire;

pub use config::{Config, Journaled, Lease};
pub use event::{Input, Output, ReadAnswer, SwapAnswer, Ticket, Version, Vote};
pub use holdings::Holdings;
pub use machine::{Fence, Role};
pub use reason::{Loss, Refusal, Stop};
pub use record::{Block, Evidence, Holder, HolderId, Name, NameError, Place, Record, Successor};
pub use wire::{MAX_RECORD, RecordError};
