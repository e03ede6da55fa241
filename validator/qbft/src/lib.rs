//! QBFT, the consensus protocol, as a state machine without I/O: inputs in, outputs out, the clock an argument.
//!
//! # The protocol
//!
//! `N` validators decide one block per height; up to `F = ⌊(N − 1) / 3⌋` of them may do anything. `Q = ⌈2N / 3⌉` is a
//! quorum: any two quorums share an honest validator. A height has rounds, each with one proposer.
//!
//! - **Upon the tick** (parent's timestamp plus the period) the proposer of round 0 sends PROPOSAL.
//! - **Upon a PROPOSAL** of the validator whose turn it is, justified, on our head, with a plausible timestamp: the block
//!   is executed; if valid, send PREPARE. The proposer does so too.
//! - **Upon `Q` PREPAREs** for the round's valid block: it is *prepared*. Keep the PREPAREs as a certificate, the
//!   *lock*, and send COMMIT, with a seal over the header.
//! - **Upon `Q` COMMITs** for a valid block: it is final, whether prepared here or not, and in a past round too.
//! - **Upon the round timer**: go to the next round and send ROUND-CHANGE for it with the lock, if there is one.
//! - **Upon `F + 1` ROUND-CHANGEs** for rounds above ours: go to the smallest of those rounds, and do the same.
//! - **Upon `Q` ROUND-CHANGEs** for the round whose proposer we are: propose at once, the block prepared in the highest
//!   round among them, its round rewritten, or a fresh one if nobody has prepared any.
//! - **Upon a justified PROPOSAL** of a later round: go to that round.
//! - **Upon a new block**, decided here or synced: the next height begins.
//!
//! ```text
//!              tick / Q ROUND-CHANGEs                 timer / F+1 ROUND-CHANGEs / later PROPOSAL
//!                       │                                        ▲            │
//!                       ▼                                        │            ▼
//!   new height ──► [ round r ] ── PROPOSAL ──► executed ── Q PREPAREs ──► [ round r' ] lock carried
//!        ▲                                        │             │
//!        │                                     PREPARE       COMMIT, lock
//!        │                                                      │
//!        └───────────────── NewBlock ◄── Finalise ◄─────── Q COMMITs
//! ```
//!
//! # Why it does not fork
//!
//! If `Q` COMMITs exist for a block in round `r`, then among any `Q` ROUND-CHANGEs for a later round at least one is of
//! an honest validator that locked that block before, so the highest prepared block among them is that block, by
//! induction over the rounds. A validator that forgot its lock in a crash would break this: hence every vote is durable,
//! lock included, before it is signed ([`Record`]), and [`Recovered`] gives it back. Votes are asked for in the order
//! [`Output::Persist`], [`Output::Sign`], [`Output::Broadcast`], each only after the one before it was answered; an own
//! vote counts once it is signed.
//!
//! # Deviations from the formal specification
//!
//! - From round 1 on the round timer runs only once ROUND-CHANGEs of `Q` validators for this round or higher are heard,
//!   or its justified proposal; until the height is decided own messages of the round are re-sent every second. A day
//!   without a quorum costs no rounds. Timeouts double, to a minute at most on networks of ours ([`Config::timeout_cap_ms`]),
//!   and start at the shortest again after a quorum was missed; a round without hope of a proposal lasts a third of the
//!   base (ADR 15).
//! - Who leaves a round by its timer passes over the turns of validators of whom nothing was heard (ADR 15).
//! - Who enters a round by its PROPOSAL sends ROUND-CHANGE for it too: so everybody in a round has one for it in the
//!   journal, and after a restart of all a quorum for the round can form again.
//! - Of each author only the highest ROUND-CHANGE is kept, and of each round only its first vote; votes are kept
//!   [`config::FUTURE_ROUNDS`] rounds and [`config::FUTURE_HEIGHTS`] heights ahead. Memory is bounded by `N`
//!   ([`Footprint::bound`]).
//! - COMMITs of up to [`config::PAST_ROUNDS`] rounds back still finalise.
//! - Where clients disagree on what PREPARE and COMMIT name, votes by either digest of a block count
//!   ([`Config::mixed_digests`]): PREPAREs towards a certificate of one digest, COMMITs towards seals of one preimage.
//! - There is no message for a decided block: who is behind is told so by [`Output::Behind`] and syncs.
//!
//! # Messages
//!
//! Only authenticated messages come in: [`Message`] consists of [`Verified`] parts, nested ones included, and those are
//! made by [`Unverified::authenticate`] alone. Who is asked is fixed by the block type ([`Proposal::Auth`]). Refusals are
//! values ([`Rejected`]) with a metric label.
//!
//! # One height at a sole validator
//!
//! ```
//! use alloy_primitives::{Address, B256};
//! use qbft::{Config, Ecdsa, Input, Instance, NewHead, Output, Proposal, Recovered};
//!
//! #[derive(Clone, PartialEq, Eq)]
//! struct Block { height: u64, proposer: Address, timestamp: u64, round: u32 }
//!
//! impl Proposal for Block {
//!     type Auth = Ecdsa;
//!     fn height(&self) -> u64 { self.height }
//!     fn parent(&self) -> B256 { B256::ZERO }
//!     fn proposer(&self) -> Address { self.proposer }
//!     fn timestamp(&self) -> u64 { self.timestamp }
//!     fn round(&self) -> u32 { self.round }
//!     fn digest(&self) -> B256 { self.commit_hash(self.round) }
//!     fn with_round(&self, round: u32) -> Self { Self { round, ..self.clone() } }
//!     fn commit_hash(&self, round: u32) -> B256 { B256::with_last_byte(round as u8) }
//! }
//!
//! let me = Address::with_last_byte(1);
//! let genesis = NewHead {
//!     number: 0,
//!     hash: B256::ZERO,
//!     timestamp: 100,
//!     proposer: Address::ZERO,
//!     validators: [me].into(),
//!     period_ms: 2_000,
//!     empty_period_ms: 0,
//!     request_timeout_ms: 1_000,
//!     first_round: 0,
//! };
//! let (mut core, outputs) = Instance::new(Config::new(Some(me)), genesis, Recovered::default(), 100_000);
//! let Some(Output::Build { timestamp: 102, due_ms: 102_000, .. }) = outputs.last() else { panic!() };
//!
//! let block = Block { height: 1, proposer: me, timestamp: 102, round: 0 };
//! // The proposal is to be made durable; then it is signed, then sent at the tick.
//! let built = core.step(Input::Built { height: 1, round: 0, block }, 101_990)?;
//! let [Output::Persist { ticket, .. }] = &built[..] else { panic!() };
//! let durable = core.step(Input::Persisted { ticket: *ticket }, 101_995)?;
//! assert!(matches!(durable[..], [Output::Sign { .. }]));
//! # Ok::<(), qbft::Rejected>(())
//! ```
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
mod digest;
pub mod footprint;
mod future;
pub mod input;
pub mod instance;
mod justification;
pub mod message;
mod on;
pub mod output;
mod pace;
mod presence;
pub mod proposer;
pub mod record;
pub mod reject;
mod round;
mod tally;
#[cfg(feature = "symbolic")]
pub mod view;
mod vote;
pub mod wire;

#[cfg(feature = "symbolic")]
pub use auth::Symbolic;
pub use auth::{Authenticator, Ecdsa, Signed, Verified};
pub use block::Proposal;
pub use config::{Config, Pace};
pub use footprint::Footprint;
pub use input::{Input, NewHead, Ticket, Timer, TimerKind, Verdict};
pub use instance::Instance;
pub use message::{Message, Phase, Signatures, Unsigned, Unverified};
pub use output::Output;
pub use proposer::ProposerRule;
pub use record::{Record, Recovered};
pub use reject::Rejected;
pub use wire::Encoding;
