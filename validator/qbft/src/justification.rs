//! The proofs that a proposal above round 0, and a ROUND-CHANGE that claims a prepared block, must carry. As strict as
//! Besu (`qbft-facts` §3.7): distinct authors, all of them validators, nothing superfluous.

use crate::{
    auth::Verified,
    block::Proposal,
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
                let got = self.as_proposed(block, prepared.round).digest();
                if got != prepared.digest {
                    return Err(BadJustification::NotHighestPrepared { got, want: prepared.digest });
                }
                self.is_prepared(prepared, prepares)?;
                Ok(Some(prepared))
            }
        }
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
            match highest {
                Some(best) if best.round > claim.round => {}
                Some(best) if best.round == claim.round && best.digest != claim.digest => {
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
            let bare = message.block.is_none() && message.prepares.is_empty();
            return if bare { Ok(()) } else { Err(BadRoundChange::Superfluous) };
        };
        let Some(block) = &message.block else { return Err(BadRoundChange::NoBlock) };
        if claim.round >= target {
            return Err(BadRoundChange::PreparedRound { got: claim.round, below: target });
        }
        let follows = block.height() == self.height && block.parent() == self.parent;
        let got = block.digest();
        if got != claim.digest || !follows || block.round() != self.round_in_block(claim.round) {
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
