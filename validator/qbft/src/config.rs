//! What an instance is told once.

use crate::proposer::ProposerRule;
use alloy_primitives::Address;
use chain::{client::TIMEOUT_CAP_MS, hash::ProposalRound};

/// Re-sending of own messages from round 1 on, milliseconds.
pub const RESEND_MS: u64 = 1_000;
/// Longest round timeout of new networks, milliseconds.
pub const MAX_TIMEOUT_MS: u64 = TIMEOUT_CAP_MS;
/// How far a proposal's timestamp may lie ahead of the local clock, milliseconds; Besu's allowance.
pub const MAX_CLOCK_AHEAD_MS: u64 = 1_000;
/// Highest round accepted. A round costs its author a minute once timeouts are capped, so no honest network comes near
/// it; below it no arithmetic on rounds can wrap. The bound is absolute, not relative to the own round, because a node
/// that returns at round 0 must be able to follow its peers wherever they are.
pub const MAX_ROUND: u32 = 1_000_000;
/// Rounds ahead of the own one for which PREPARE and COMMIT are kept.
pub const FUTURE_ROUNDS: u32 = 10;
/// Rounds behind the own one for which COMMITs still finalise.
pub const PAST_ROUNDS: u32 = 8;
/// Heights ahead of the own one for which messages are kept.
pub const FUTURE_HEIGHTS: u64 = 10;
/// Messages kept per author and phase for future heights.
pub const FUTURE_MESSAGES: usize = 4;

/// How rounds above 0 are timed, and which one comes next. Local policy: safety rests on none of it (ADR 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// A round's timer runs once a quorum asks for the round or a later one, and is short while no proposal can be
    /// expected; timeouts start at the shortest again after a quorum was missed.
    Quorum {
        /// Whether turns of validators of whom nothing was heard are passed over; if not, every round is entered.
        passes_over: bool,
    },
    /// As Besu and GoQuorum do: every round is entered, and lasts `base · 2^round` from then on.
    Classic,
}

/// Fixed for an instance's life.
#[derive(Clone, Debug)]
pub struct Config {
    /// The identity to vote with; `None` only follows and finalises.
    pub identity: Option<Address>,
    /// Nothing is signed below this height: a node whose journal was lost sits out (`u64::MAX` while it is unknown for
    /// how long). [`crate::Input::VoteFrom`] changes it.
    pub votes_from: u64,
    /// Whose turn it is.
    pub proposer_rule: ProposerRule,
    /// Which round a proposed block carries.
    pub proposal_round: ProposalRound,
    /// Whether votes that name a block by its other digest count too (`digest.rs`).
    pub mixed_digests: bool,
    /// How rounds above 0 are timed, and which one comes next.
    pub pace: Pace,
    /// Longest round timeout, milliseconds; none doubles for ever.
    pub timeout_cap_ms: Option<u64>,
}

impl Config {
    /// A new network's rules, voting as `identity` from the first height on.
    #[must_use]
    pub fn new(identity: Option<Address>) -> Self {
        Self {
            identity,
            votes_from: 0,
            proposer_rule: ProposerRule::default(),
            proposal_round: ProposalRound::default(),
            mixed_digests: false,
            pace: Pace::Quorum { passes_over: true },
            timeout_cap_ms: Some(MAX_TIMEOUT_MS),
        }
    }
}

/// Timeout on new networks after so many failed rounds (the round, at a node that never missed a quorum): `base · 2^round`,
/// at most [`MAX_TIMEOUT_MS`] (or `base`, should that be longer).
#[must_use]
pub const fn round_timeout_ms(base_ms: u64, round: u32) -> u64 {
    capped_timeout_ms(base_ms, round, Some(MAX_TIMEOUT_MS))
}

/// Timeout after so many failed rounds: `base · 2^round`, at most the cap if there is one (or `base`, should that be longer).
#[must_use]
pub const fn capped_timeout_ms(base_ms: u64, round: u32, cap_ms: Option<u64>) -> u64 {
    let cap = match cap_ms {
        Some(cap_ms) if cap_ms > base_ms => cap_ms,
        Some(_) => base_ms,
        None => u64::MAX,
    };
    let factor = match 1u64.checked_shl(round) {
        Some(factor) => factor,
        None => u64::MAX,
    };
    let timeout = base_ms.saturating_mul(factor);
    if timeout > cap { cap } else { timeout }
}

/// How long a round above 0 may last in which nothing can be expected to happen: a third of `base`, and a sixth of the
/// timeout once that is longer. Long enough for the ROUND-CHANGE of a proposer who is a little later than a quorum.
#[must_use]
pub const fn grace_ms(base_ms: u64, round: u32, cap_ms: Option<u64>) -> u64 {
    let (least, grown) = (base_ms / 3, capped_timeout_ms(base_ms, round, cap_ms) / 6);
    if grown > least { grown } else { least }
}
