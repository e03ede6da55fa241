//! Why something was refused: values, not log lines.

use alloy_primitives::{Address, B256};

/// Why `step` refused an input. Each variant has a metric label and a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The height is decided already.
    #[error("message of height {got}, working at {want}")]
    OldHeight {
        /// In the message.
        got: u64,
        /// Ours.
        want: u64,
    },
    /// Too far ahead to keep.
    #[error("message of height {got}, at most {limit} is kept; the sync hint was taken from it")]
    FarHeight {
        /// In the message.
        got: u64,
        /// Highest kept.
        limit: u64,
    },
    /// The author's share of messages kept for later heights is full.
    #[error("{author} has too many messages waiting for later heights")]
    Backlog {
        /// Author.
        author: Address,
    },
    /// The round is over.
    #[error("message of round {got}, working at round {want}")]
    OldRound {
        /// In the message.
        got: u32,
        /// Ours.
        want: u32,
    },
    /// Too far ahead to keep, or no round at all.
    #[error("message of round {got}, at most {limit} is taken")]
    FarRound {
        /// In the message.
        got: u32,
        /// Highest taken.
        limit: u32,
    },
    /// This node has decided the height and waits for the block to be durable.
    #[error("height {height} is decided")]
    Decided {
        /// The height.
        height: u64,
    },
    /// The author has no seat.
    #[error("{author} is not a validator of height {height}")]
    NotValidator {
        /// Author.
        author: Address,
        /// Height.
        height: u64,
    },
    /// Not the author's turn.
    #[error("proposal of {got}, but it is the turn of {want}")]
    NotProposer {
        /// Author.
        got: Address,
        /// Whose turn it is.
        want: Address,
    },
    /// The very same vote was counted.
    #[error("{author} said this before")]
    Duplicate {
        /// Author.
        author: Address,
    },
    /// Another vote of the same author for the same height, round and phase was counted.
    #[error("{author} voted twice and differently")]
    Equivocation {
        /// Author.
        author: Address,
    },
    /// A vote for another block than the round's.
    #[error("vote for {got}, the round's proposal is {want}")]
    WrongDigest {
        /// In the vote.
        got: B256,
        /// The proposal's.
        want: B256,
    },
    /// The commit seal is not the author's, or not over this block and round.
    #[error("commit seal of {author} does not seal the round's block")]
    BadSeal {
        /// Author of the COMMIT.
        author: Address,
    },
    /// The proposed block contradicts the message or the chain.
    #[error("proposed block refused: {0}")]
    BadBlock(#[from] BadBlock),
    /// The proposal does not prove that it may be made.
    #[error("proposal not justified: {0}")]
    BadJustification(#[from] BadJustification),
    /// The ROUND-CHANGE does not prove what it claims.
    #[error("round change not proven: {0}")]
    BadRoundChange(#[from] BadRoundChange),
    /// Execution refused the proposed block.
    #[error("proposal {digest} of {author} is not a valid block")]
    InvalidBlock {
        /// Proposer.
        author: Address,
        /// Digest.
        digest: B256,
    },
    /// An answer or a timer that nothing waits for any more; no peer's fault.
    #[error("nothing waits for this {what} any more")]
    Stale {
        /// What came late.
        what: &'static str,
    },
    /// A signer answered with something else than was asked for.
    #[error("the signer's commit seal is missing or not of {identity}; check which key it holds")]
    WrongSigner {
        /// Our identity.
        identity: Address,
    },
}

/// Why a proposed block was refused before execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBlock {
    /// Number.
    #[error("number {got}, expected {want}")]
    Height {
        /// In the block.
        got: u64,
        /// In the message.
        want: u64,
    },
    /// Parent.
    #[error("parent {got}, the head is {want}")]
    Parent {
        /// In the block.
        got: B256,
        /// Head's hash.
        want: B256,
    },
    /// Round in `extraData`.
    #[error("round {got} in extraData, expected {want}")]
    Round {
        /// In the block.
        got: u32,
        /// By the wire profile.
        want: u32,
    },
    /// A fresh block must name its proposer; a re-proposed one a validator.
    #[error("beneficiary {got} is not the proposer, or has no seat")]
    Beneficiary {
        /// In the block.
        got: Address,
    },
    /// Earlier than parent and period allow.
    #[error("timestamp {got} s, earliest is {earliest_ms} ms")]
    Early {
        /// In the block, seconds.
        got: u64,
        /// Parent's timestamp and period, milliseconds.
        earliest_ms: u64,
    },
    /// From the future.
    #[error("timestamp {got} s, latest is {latest_ms} ms; compare the clocks")]
    Late {
        /// In the block, seconds.
        got: u64,
        /// Local clock and allowance, milliseconds.
        latest_ms: u64,
    },
}

/// Why a proposal's justification was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJustification {
    /// Round 0 needs none and may carry none.
    #[error("round 0 with a justification")]
    Superfluous,
    /// Too few ROUND-CHANGEs.
    #[error("{got} round changes, quorum is {want}")]
    TooFewRoundChanges {
        /// Distinct authors.
        got: usize,
        /// Quorum.
        want: usize,
    },
    /// A ROUND-CHANGE for another height or round.
    #[error("round change of height {height} round {round}")]
    WrongRoundChange {
        /// In the ROUND-CHANGE.
        height: u64,
        /// In the ROUND-CHANGE.
        round: u32,
    },
    /// Someone without a seat, or twice the same one.
    #[error("{author} has no seat or stands in it twice")]
    Author {
        /// Who.
        author: Address,
    },
    /// Prepared by a set before the present one, whose votes count no more.
    #[error("prepared in round {got}, the present set begins in round {least}")]
    OtherSet {
        /// Claimed.
        got: u32,
        /// First round of the set.
        least: u32,
    },
    /// A prepared round that is not below the round it wants.
    #[error("prepared round {got}, must be below {below}")]
    PreparedRound {
        /// Claimed.
        got: u32,
        /// The proposal's round.
        below: u32,
    },
    /// Two digests are claimed for one prepared round.
    #[error("two digests claimed for prepared round {round}")]
    Contradiction {
        /// The round.
        round: u32,
    },
    /// PREPAREs although nobody was prepared.
    #[error("prepares although nobody was prepared")]
    UnexpectedPrepares,
    /// The block is not the one prepared in the highest round.
    #[error("highest prepared is {want}, the block was {got} in that round")]
    NotHighestPrepared {
        /// The block's digest with the prepared round.
        got: B256,
        /// Claimed by the highest prepared ROUND-CHANGE.
        want: B256,
    },
    /// Too few PREPAREs.
    #[error("{got} prepares, quorum is {want}")]
    TooFewPrepares {
        /// Distinct authors.
        got: usize,
        /// Quorum.
        want: usize,
    },
    /// A PREPARE for something else.
    #[error("prepare for {got}, expected {want}")]
    WrongPrepare {
        /// In the PREPARE.
        got: B256,
        /// The prepared digest (the round may be what differs).
        want: B256,
    },
}

/// Why a ROUND-CHANGE was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRoundChange {
    /// A block without a claim.
    #[error("block without a prepared round")]
    Superfluous,
    /// A claim without a block.
    #[error("prepared round claimed without the block")]
    NoBlock,
    /// Prepared by a set before the present one, whose votes count no more.
    #[error("prepared in round {got}, the present set begins in round {least}")]
    OtherSet {
        /// Claimed.
        got: u32,
        /// First round of the set.
        least: u32,
    },
    /// A prepared round that is not below the target.
    #[error("prepared round {got}, must be below {below}")]
    PreparedRound {
        /// Claimed.
        got: u32,
        /// Target round.
        below: u32,
    },
    /// The block is not the one claimed, or not on our head.
    #[error("block {got}, claimed {want}, or it does not follow the head")]
    Block {
        /// The block's digest.
        got: B256,
        /// Claimed.
        want: B256,
    },
    /// The PREPAREs do not prove the claim.
    #[error("{0}")]
    Prepares(BadJustification),
}

impl Rejected {
    /// Metric label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::OldHeight { .. } => "old_height",
            Self::FarHeight { .. } => "far_height",
            Self::Backlog { .. } => "backlog",
            Self::OldRound { .. } => "old_round",
            Self::FarRound { .. } => "far_round",
            Self::Decided { .. } => "decided",
            Self::NotValidator { .. } => "not_validator",
            Self::NotProposer { .. } => "not_proposer",
            Self::Duplicate { .. } => "duplicate",
            Self::Equivocation { .. } => "equivocation",
            Self::WrongDigest { .. } => "wrong_digest",
            Self::BadSeal { .. } => "bad_seal",
            Self::BadBlock(_) => "bad_block",
            Self::BadJustification(_) => "bad_justification",
            Self::BadRoundChange(_) => "bad_round_change",
            Self::InvalidBlock { .. } => "invalid_block",
            Self::Stale { .. } => "stale",
            Self::WrongSigner { .. } => "wrong_signer",
        }
    }

    /// Whether an honest author, however late or fast its network, could not have caused it: peer scores count these.
    #[must_use]
    pub const fn is_misbehaviour(&self) -> bool {
        match self {
            Self::Equivocation { .. }
            | Self::NotProposer { .. }
            | Self::BadSeal { .. }
            | Self::BadJustification(_)
            | Self::BadRoundChange(_)
            | Self::InvalidBlock { .. } => true,
            Self::BadBlock(why) => !matches!(why, BadBlock::Late { .. }),
            Self::OldHeight { .. }
            | Self::FarHeight { .. }
            | Self::Backlog { .. }
            | Self::OldRound { .. }
            | Self::FarRound { .. }
            | Self::Decided { .. }
            | Self::NotValidator { .. }
            | Self::Duplicate { .. }
            | Self::WrongDigest { .. }
            | Self::Stale { .. }
            | Self::WrongSigner { .. } => false,
        }
    }
}
