//! What is known of one round.

use crate::{
    auth::{Authenticator, Verified},
    block::Proposal,
    message::{Commit, Prepare},
    tally::Tally,
};
use alloy_primitives::{Address, B256};

/// A proposal whose message, justification and header were checked.
#[derive(Clone, Debug)]
pub(crate) struct Accepted<B> {
    pub(crate) block: B,
    pub(crate) author: Address,
    pub(crate) digest: B256,
    /// What votes may name it by beside its digest.
    pub(crate) other: Option<B256>,
    pub(crate) commit_hash: B256,
    /// Executed and found valid. Nothing is voted for, and nothing finalised, before.
    pub(crate) valid: bool,
}

/// One round: its proposal and the votes heard, whichever came first.
#[derive(Clone, Debug)]
pub(crate) struct RoundState<B> {
    pub(crate) round: u32,
    pub(crate) accepted: Option<Accepted<B>>,
    pub(crate) prepares: Tally<Prepare>,
    pub(crate) commits: Tally<Commit>,
}

impl<B: Proposal> RoundState<B> {
    pub(crate) fn new(round: u32) -> Self {
        Self { round, accepted: None, prepares: Tally::default(), commits: Tally::default() }
    }

    /// Takes the proposal; votes heard earlier for anything else, and seals that do not seal it, are dropped.
    pub(crate) fn accept(&mut self, block: B, author: Address, other: Option<B256>) -> B256 {
        let accepted = Accepted {
            digest: block.digest(),
            other,
            commit_hash: block.commit_hash(self.round),
            block,
            author,
            valid: false,
        };
        let digest = accepted.digest;
        self.prepares.retain(|vote| accepted.is_named(vote.payload().digest));
        self.commits.retain(|vote| accepted.is_named(vote.payload().digest) && accepted.is_sealed_by(vote));
        self.accepted = Some(accepted);
        digest
    }
}

impl<B> Accepted<B> {
    /// Whether a vote with this digest is for this block.
    pub(crate) fn is_named(&self, digest: B256) -> bool {
        self.digest == digest || self.other == Some(digest)
    }
}

impl<B: Proposal> Accepted<B> {
    /// Whether a COMMIT's seal is its author's, over this block in this round.
    pub(crate) fn is_sealed_by(&self, commit: &Verified<Commit>) -> bool {
        B::Auth::recover(self.commit_hash, &commit.payload().seal) == Ok(commit.author())
    }
}
