//! What a message says, whatever proves it.

use crate::symbolic::SimBlock;
use alloy_primitives::{Address, B256};
use qbft::{Message, Phase, Proposal, Unsigned, message::Prepared};

/// Author, place and content of a message. Two messages with one claim differ at most in which quorum proves it, and
/// the core takes the one exactly when it takes the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Who signed it.
    pub author: Address,
    /// Phase.
    pub phase: Phase,
    /// Round; the target of a ROUND-CHANGE.
    pub round: u32,
    /// Digest of the block; of the prepared one, or zero, in a ROUND-CHANGE.
    pub digest: B256,
    /// The prepared round of a ROUND-CHANGE.
    pub prepared: Option<u32>,
}

impl Claim {
    /// Of a message.
    #[must_use]
    pub fn of(message: &Message<SimBlock>) -> Self {
        let (digest, prepared) = match message {
            Message::Proposal(message) => (message.proposal.payload().block.digest(), None),
            Message::Prepare(message) => (message.payload().digest, None),
            Message::Commit(message) => (message.payload().digest, None),
            Message::RoundChange(message) => said(message.round_change.payload().prepared),
        };
        let (author, phase, round) = (message.author(), message.phase(), message.round());
        Self { author, phase, round, digest, prepared }
    }

    /// Of what `author` is asked to sign.
    #[must_use]
    pub fn unsigned(unsigned: &Unsigned<SimBlock>, author: Address) -> Self {
        let (phase, round, (digest, prepared)) = match unsigned {
            Unsigned::Proposal(payload) => (Phase::Proposal, payload.round, (payload.block.digest(), None)),
            Unsigned::Prepare(payload) => (Phase::Prepare, payload.round, (payload.digest, None)),
            Unsigned::Commit { round, digest, .. } => (Phase::Commit, *round, (*digest, None)),
            Unsigned::RoundChange(payload) => (Phase::RoundChange, payload.round, said(payload.prepared)),
        };
        Self { author, phase, round, digest, prepared }
    }

    /// For a key; the author is the key's own.
    #[must_use]
    pub fn words(&self, tag: u64) -> [u64; 3] {
        let place = u64::from(self.round) << 8 | u64::from(self.phase.code());
        [tag | place, self.prepared.map_or(u64::MAX, u64::from), word(&self.digest)]
    }
}

fn said(prepared: Option<Prepared>) -> (B256, Option<u32>) {
    prepared.map_or((B256::ZERO, None), |prepared| (prepared.digest, Some(prepared.round)))
}

/// 64 bits of a hash: a run knows a handful of contents.
#[must_use]
pub fn word(hash: &B256) -> u64 {
    hash.0.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}
