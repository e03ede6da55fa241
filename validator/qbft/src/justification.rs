//! The proofs that a proposal above round 0, and a ROUND-CHANGE that claims a prepared block, must carry. As strict as
//! Besu (`qbft-facts` §3.7): distinct authors, all of them validators, nothing superfluous but PREPAREs beside a
//! ROUND-CHANGE that claims nothing.

use crate::{
    auth::Verified,
    block::Proposal,
    digest,
    message::{Justification, Prepare, Prepared, RoundChange, RoundChangeMessage},
    reject::{BadJustification, BadRoundChange},
};
use alloy_primitives::{Address, B256};
use chain::{hash::ProposalRound, quorum::quorum};

/// What a proof is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) height: u64,
    pub(crate) parent: B256,
    /// Ascending.
    pub(crate) validators: &'a [Address],
    pub(crate) proposal_round: ProposalRound,
    /// [`crate::Config::mixed_digests`].
    pub(crate) mixed_digests: bool,
    /// [`crate::NewHead::first_round`].
    pub(crate) first_round: u32,
}

impl Rules<'_> {
    /// The round that `extraData` of a block proposed in `round` carries.
    pub(crate) fn round_in_block(&self, round: u32) -> u32 {
        match self.proposal_round {
            ProposalRound::Real => round,
            ProposalRound::Zero => 0,
        }
    }

    /// The block as it was, or will be, proposed in `round`.
    pub(crate) fn as_proposed<B: Proposal>(&self, block: &B, round: u32) -> B {
        let round = self.round_in_block(round);
        if block.round() == round { block.clone() } else { block.with_round(round) }
    }

    /// Whether a block may carry `round` in its `extraData` when it is proposed in `proposed`.
    pub(crate) fn may_carry(&self, round: u32, proposed: u32) -> bool {
        round == self.round_in_block(proposed) || (self.mixed_digests && round <= proposed)
    }

    /// Whether votes of `round` that say `digest` are for the content of `block` (`digest.rs`).
    fn is_named<B: Proposal>(&self, block: &B, round: u32, digest: B256) -> bool {
        self.as_proposed(block, round).digest() == digest
            || (self.mixed_digests && digest::names(block, round, digest))
    }

    /// Spec: isProposalJustification. `Ok(Some(_))` names the prepared round that the block has to be taken from,
    /// `Ok(None)` lets the proposer make a fresh one.
    pub(crate) fn is_proposal_justification<B: Proposal>(
        &self,
        round: u32,
        block: &B,
        justification: &Justification,
    ) -> Result<Option<Prepared>, BadJustification> {
        let Justification { round_changes, prepares } = justification;
        if round == 0 {
            let empty = round_changes.is_empty() && prepares.is_empty();
            return if empty { Ok(None) } else { Err(BadJustification::Superfluous) };
        }
        self.distinct_validators(round_changes)?;
        let want = quorum(self.validators.len());
        if round_changes.len() < want {
            return Err(BadJustification::TooFewRoundChanges { got: round_changes.len(), want });
        }
        match self.highest_prepared(round, round_changes)? {
            None if prepares.is_empty() => Ok(None),
            None => Err(BadJustification::UnexpectedPrepares),
            Some(prepared) => {
                self.is_taken_from(block, prepared, round_changes)?;
                let prepared = self.as_certified(block, prepared, prepares);
                self.is_prepared(prepared, prepares)?;
                Ok(Some(prepared))
            }
        }
    }

    /// The block is the one that every claim to the highest prepared round is about.
    fn is_taken_from<B: Proposal>(
        &self,
        block: &B,
        highest: Prepared,
        round_changes: &[Verified<RoundChange>],
    ) -> Result<(), BadJustification> {
        let claims = round_changes.iter().filter_map(|part| part.payload().prepared);
        let mut rivals = claims
            .filter(|claim| claim.round == highest.round && !self.is_named(block, claim.round, claim.digest));
        match rivals.next() {
            None => Ok(()),
            Some(claim) => Err(BadJustification::NotHighestPrepared {
                got: self.as_proposed(block, claim.round).digest(),
                want: claim.digest,
            }),
        }
    }

    /// The claim under the digest that the certificate's PREPAREs name: all of them have to name this one.
    fn as_certified<B: Proposal>(
        &self,
        block: &B,
        claim: Prepared,
        prepares: &[Verified<Prepare>],
    ) -> Prepared {
        let certified = prepares.first().map(|part| part.payload().digest);
        let named = certified.filter(|digest| self.is_named(block, claim.round, *digest));
        Prepared { digest: named.unwrap_or(claim.digest), ..claim }
    }

    /// Spec: isHighestPrepared. The highest prepared claim among ROUND-CHANGEs for exactly this height and round.
    fn highest_prepared(
        &self,
        round: u32,
        round_changes: &[Verified<RoundChange>],
    ) -> Result<Option<Prepared>, BadJustification> {
        let mut highest: Option<Prepared> = None;
        for round_change in round_changes {
            let RoundChange { height, round: target, prepared } = *round_change.payload();
            if height != self.height || target != round {
                return Err(BadJustification::WrongRoundChange { height, round: target });
            }
            let Some(claim) = prepared else { continue };
            if claim.round >= round {
                return Err(BadJustification::PreparedRound { got: claim.round, below: round });
            }
            if claim.round < self.first_round {
                return Err(BadJustification::OtherSet { got: claim.round, least: self.first_round });
            }
            match highest {
                Some(best) if best.round > claim.round => {}
                // With two digests to a block this says nothing; `is_taken_from` looks at what both are about.
                Some(best)
                    if best.round == claim.round && best.digest != claim.digest && !self.mixed_digests =>
                {
                    return Err(BadJustification::Contradiction { round: claim.round });
                }
                _ => highest = Some(claim),
            }
        }
        Ok(highest)
    }

    /// A quorum of distinct validators prepared exactly this.
    fn is_prepared(
        &self,
        prepared: Prepared,
        prepares: &[Verified<Prepare>],
    ) -> Result<(), BadJustification> {
        self.distinct_validators(prepares)?;
        let want = quorum(self.validators.len());
        if prepares.len() < want {
            return Err(BadJustification::TooFewPrepares { got: prepares.len(), want });
        }
        let expected = Prepare { height: self.height, round: prepared.round, digest: prepared.digest };
        match prepares.iter().map(Verified::payload).find(|prepare| **prepare != expected) {
            None => Ok(()),
            Some(other) => Err(BadJustification::WrongPrepare { got: other.digest, want: prepared.digest }),
        }
    }

    /// What a ROUND-CHANGE claims is proven by what it carries.
    pub(crate) fn is_round_change<B: Proposal>(
        &self,
        message: &RoundChangeMessage<B>,
    ) -> Result<(), BadRoundChange> {
        let target = message.round_change.payload().round;
        let Some(claim) = message.round_change.payload().prepared else {
            // PREPAREs are baggage then (`Unverified::authenticate`): GoQuorum sends along those of the last height.
            return if message.block.is_none() { Ok(()) } else { Err(BadRoundChange::Superfluous) };
        };
        let Some(block) = &message.block else { return Err(BadRoundChange::NoBlock) };
        if claim.round >= target {
            return Err(BadRoundChange::PreparedRound { got: claim.round, below: target });
        }
        if claim.round < self.first_round {
            return Err(BadRoundChange::OtherSet { got: claim.round, least: self.first_round });
        }
        let follows = block.height() == self.height && block.parent() == self.parent;
        let got = block.digest();
        let named = self.is_named(block, claim.round, claim.digest);
        if !named || !follows || !self.may_carry(block.round(), claim.round) {
            return Err(BadRoundChange::Block { got, want: claim.digest });
        }
        self.is_prepared(claim, &message.prepares).map_err(BadRoundChange::Prepares)
    }

    fn distinct_validators<P>(&self, parts: &[Verified<P>]) -> Result<(), BadJustification> {
        for (index, part) in parts.iter().enumerate() {
            let author = part.author();
            let twice = parts.iter().take(index).any(|earlier| earlier.author() == author);
            if twice || self.validators.binary_search(&author).is_err() {
                return Err(BadJustification::Author { author });
            }
        }
        Ok(())
    }
}
