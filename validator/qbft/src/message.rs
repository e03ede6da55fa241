//! The four messages of `istanbul/100`, before and after authentication.

use crate::{
    auth::{Signed, Verified},
    block::Proposal,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::{Address, B256};
use chain::{Seal, signature::SignatureError};

/// The phases of a round and of leaving it; the discriminant is the message code inside `istanbul/100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// PRE-PREPARE.
    Proposal = 0x12,
    /// PREPARE.
    Prepare = 0x13,
    /// COMMIT.
    Commit = 0x14,
    /// ROUND-CHANGE.
    RoundChange = 0x15,
}

impl Phase {
    /// The message code, 0x12 to 0x15; also what a journal stores.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The phase of a message code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x12 => Some(Self::Proposal),
            0x13 => Some(Self::Prepare),
            0x14 => Some(Self::Commit),
            0x15 => Some(Self::RoundChange),
            _ => None,
        }
    }

    /// Name for logs and metric labels.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Prepare => "prepare",
            Self::Commit => "commit",
            Self::RoundChange => "round_change",
        }
    }
}

/// Signed part of a PROPOSAL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalPayload<B> {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// The block; its `extraData` carries the round by the wire profile.
    pub block: B,
}

/// PREPARE: "this block of this round is valid".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepare {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// [`Proposal::digest`] of the block.
    pub digest: B256,
}

/// COMMIT: "a quorum has prepared this block, and here is my seal for its header".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// [`Proposal::digest`] of the block.
    pub digest: B256,
    /// Signature of [`Proposal::commit_hash`] for this round.
    pub seal: Seal,
}

/// What a ROUND-CHANGE says its author has prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The round in which a quorum prepared.
    pub round: u32,
    /// The digest they prepared.
    pub digest: B256,
}

/// Signed part of a ROUND-CHANGE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundChange {
    /// Height.
    pub height: u64,
    /// The round its author wants to enter, 1 or higher.
    pub round: u32,
    /// The author's newest prepared certificate of this height, if it has one.
    pub prepared: Option<Prepared>,
}

/// Proof that a block was prepared: it travels in ROUND-CHANGE and is the lock that a restart must keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<B> {
    /// Round and digest.
    pub prepared: Prepared,
    /// The block as proposed in that round.
    pub block: B,
    /// PREPAREs of a quorum of distinct validators for that round and digest.
    pub prepares: Arc<[Verified<Prepare>]>,
}

/// Why a proposal of round 1 or higher may be made; empty for round 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Justification {
    /// ROUND-CHANGEs of a quorum for exactly the proposal's round.
    pub round_changes: Vec<Verified<RoundChange>>,
    /// PREPAREs of a quorum for the highest prepared round among them; empty if none was prepared.
    pub prepares: Arc<[Verified<Prepare>]>,
}

/// PROPOSAL with its justification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalMessage<B> {
    /// The signed part.
    pub proposal: Verified<ProposalPayload<B>>,
    /// The unsigned part.
    pub justification: Justification,
}

/// ROUND-CHANGE with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundChangeMessage<B> {
    /// The signed part.
    pub round_change: Verified<RoundChange>,
    /// The prepared block, when the author claims one.
    pub block: Option<B>,
    /// The PREPAREs that prove it; without a claim they mean nothing.
    pub prepares: Arc<[Verified<Prepare>]>,
}

/// A message whose every signature, nested ones included, was checked. Made by [`Unverified::authenticate`] and, for
/// its own, by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<B> {
    /// PROPOSAL.
    Proposal(Arc<ProposalMessage<B>>),
    /// PREPARE.
    Prepare(Verified<Prepare>),
    /// COMMIT. The seal inside is checked by the core once the block is known.
    Commit(Verified<Commit>),
    /// ROUND-CHANGE.
    RoundChange(Arc<RoundChangeMessage<B>>),
}

impl<B> Message<B> {
    /// Who signed it. A driver notes here when each seat was last heard, whatever `step` then says of the message.
    pub fn author(&self) -> Address {
        match self {
            Self::Proposal(message) => message.proposal.author(),
            Self::Prepare(message) => message.author(),
            Self::Commit(message) => message.author(),
            Self::RoundChange(message) => message.round_change.author(),
        }
    }

    /// The height it speaks of.
    pub fn height(&self) -> u64 {
        match self {
            Self::Proposal(message) => message.proposal.payload().height,
            Self::Prepare(message) => message.payload().height,
            Self::Commit(message) => message.payload().height,
            Self::RoundChange(message) => message.round_change.payload().height,
        }
    }

    /// The round it speaks of; the target round of a ROUND-CHANGE.
    pub fn round(&self) -> u32 {
        match self {
            Self::Proposal(message) => message.proposal.payload().round,
            Self::Prepare(message) => message.payload().round,
            Self::Commit(message) => message.payload().round,
            Self::RoundChange(message) => message.round_change.payload().round,
        }
    }

    /// Its phase.
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Proposal(_) => Phase::Proposal,
            Self::Prepare(_) => Phase::Prepare,
            Self::Commit(_) => Phase::Commit,
            Self::RoundChange(_) => Phase::RoundChange,
        }
    }
}

/// A decoded message that nobody has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unverified<B> {
    /// PROPOSAL.
    Proposal {
        /// The signed part.
        proposal: Signed<ProposalPayload<B>>,
        /// Justification.
        round_changes: Vec<Signed<RoundChange>>,
        /// Justification.
        prepares: Vec<Signed<Prepare>>,
    },
    /// PREPARE.
    Prepare(Signed<Prepare>),
    /// COMMIT.
    Commit(Signed<Commit>),
    /// ROUND-CHANGE.
    RoundChange {
        /// The signed part.
        round_change: Signed<RoundChange>,
        /// The prepared block.
        block: Option<B>,
        /// Evidence.
        prepares: Vec<Signed<Prepare>>,
    },
}

impl<B: Proposal> Unverified<B> {
    /// Checks every signature, the outer one first. PREPAREs of a ROUND-CHANGE that claims nothing prove nothing: they are
    /// dropped unchecked. GoQuorum validators send along what they prepared at the last height, perhaps by another set.
    pub fn authenticate(self) -> Result<Message<B>, SignatureError> {
        Ok(match self {
            Self::Proposal { proposal, round_changes, prepares } => {
                let proposal = proposal.authenticate::<B::Auth>()?;
                let round_changes = round_changes
                    .into_iter()
                    .map(Signed::authenticate::<B::Auth>)
                    .collect::<Result<Vec<_>, _>>()?;
                let justification =
                    Justification { round_changes, prepares: authenticate_all::<B>(prepares)? };
                Message::Proposal(Arc::new(ProposalMessage { proposal, justification }))
            }
            Self::Prepare(prepare) => Message::Prepare(prepare.authenticate::<B::Auth>()?),
            Self::Commit(commit) => Message::Commit(commit.authenticate::<B::Auth>()?),
            Self::RoundChange { round_change, block, prepares } => {
                let round_change = round_change.authenticate::<B::Auth>()?;
                let is_claim = round_change.payload().prepared.is_some();
                let evidence = if is_claim { prepares } else { Vec::new() };
                let prepares = authenticate_all::<B>(evidence)?;
                Message::RoundChange(Arc::new(RoundChangeMessage { round_change, block, prepares }))
            }
        })
    }
}

impl<B> Unverified<B> {
    /// The same with every block in it put through `with`: what a decoder cannot know of a block, its owner adds.
    #[must_use]
    pub fn with_blocks(self, with: impl Fn(B) -> B) -> Self {
        match self {
            Self::Proposal { proposal, round_changes, prepares } => {
                let Signed { payload, signing_hash, signature } = proposal;
                let payload = ProposalPayload { block: with(payload.block), ..payload };
                Self::Proposal {
                    proposal: Signed { payload, signing_hash, signature },
                    round_changes,
                    prepares,
                }
            }
            Self::RoundChange { round_change, block, prepares } => {
                Self::RoundChange { round_change, block: block.map(with), prepares }
            }
            bare @ (Self::Prepare(_) | Self::Commit(_)) => bare,
        }
    }
}

pub(crate) fn authenticate_all<B: Proposal>(
    prepares: Vec<Signed<Prepare>>,
) -> Result<Arc<[Verified<Prepare>]>, SignatureError> {
    prepares.into_iter().map(Signed::authenticate::<B::Auth>).collect()
}

/// What [`crate::Output::Sign`] asks a signer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsigned<B> {
    /// One signature.
    Proposal(ProposalPayload<B>),
    /// One signature.
    Prepare(Prepare),
    /// Two signatures: `commit_hash` directly (the seal), then the COMMIT that contains the seal.
    Commit {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
        /// Digest.
        digest: B256,
        /// What the seal signs.
        commit_hash: B256,
    },
    /// One signature.
    RoundChange(RoundChange),
}

/// A signer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// Over the message.
    pub message: Seal,
    /// The commit seal; present exactly for [`Unsigned::Commit`].
    pub seal: Option<Seal>,
}
