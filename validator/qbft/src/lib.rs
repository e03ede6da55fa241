//! The QBFT core.
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

pub mod auth;
pub mod block;
pub mod config;
mod future;
pub mod input;
pub mod instance;
mod justification;
pub mod message;
mod on;
pub mod output;
pub mod proposer;
pub mod record;
pub mod reject;
mod round;
mod tally;
mod vote;
pub mod wire;

#[cfg(feature = "symbolic")]
pub use auth::Symbolic;
pub use auth::{Authenticator, Ecdsa, Signed, Verified};
pub use block::Proposal;
pub use config::Config;
pub use input::{Input, NewHead, Ticket, Timer, TimerKind, Verdict};
pub use instance::Instance;
pub use message::{Message, Phase, Signatures, Unsigned, Unverified};
pub use output::Output;
pub use proposer::ProposerRule;
pub use record::{Record, Recovered};
pub use reject::Rejected;
pub use wire::Encoding;
