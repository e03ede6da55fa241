//! The bottom crate: what every part of Quorate must agree on, byte for byte.
//!
//! Quorum arithmetic, QBFT `extraData` and its hashes, signatures, genesis as a pure function, and the documents that
//! operator and node exchange: node configuration, node status, network info. No I/O, no clock, no randomness: the
//! operator renders the same structs that the node parses, so the two cannot drift apart.
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
#[cfg(test)]
extern crate std;

pub mod announcement;
pub mod client;
pub mod config;
pub mod enode;
pub mod extra;
pub mod genesis;
pub mod governance;
pub mod hash;
pub mod metrics;
pub mod network_info;
pub mod profile;
pub mod quorum;
pub mod reseat;
pub mod signature;
pub mod status;
pub mod voting;

pub use extra::{Extra, Vote};
pub use signature::Seal;
