//! Makes up proofs: justifications and prepared certificates of wrong heights, rounds and blocks, with too few authors, with
//! one author many times, with its own key in everybody's place.

use super::{Behaviour, Block, Stage};
use crate::flavour::Flavour;
use chain::quorum::quorum;
use qbft::{
    Message, Proposal, Verified,
    message::{Justification, Prepare, Prepared, ProposalPayload, RoundChange, RoundChangeMessage},
};
use std::sync::Arc;

/// Parts of others that it remembers, of each kind.
const MEMORY: usize = 128;

pub(super) struct Forger<F: Flavour> {
    prepares: Vec<Verified<Prepare>>,
    round_changes: Vec<Verified<RoundChange>>,
    block: Option<Block<F>>,
}

impl<F: Flavour> Default for Forger<F> {
    fn default() -> Self {
        Self { prepares: Vec::new(), round_changes: Vec::new(), block: None }
    }
}

impl<F: Flavour> Forger<F> {
    fn remember(&mut self, message: &Message<Block<F>>) {
        match message {
            Message::Proposal(message) => {
                self.block = Some(message.proposal.payload().block.clone());
                self.round_changes.extend(message.justification.round_changes.iter().cloned());
                self.prepares.extend(message.justification.prepares.iter().cloned());
            }
            Message::Prepare(prepare) => self.prepares.push(prepare.clone()),
            Message::RoundChange(message) => {
                self.round_changes.push(message.round_change.clone());
                self.prepares.extend(message.prepares.iter().cloned());
            }
            Message::Commit(_) => {}
        }
        forget(&mut self.prepares);
        forget(&mut self.round_changes);
    }

    /// PREPAREs for a claim, none of which proves it.
    fn proof(&self, stage: &mut Stage<'_, F>, height: u64, claim: Prepared) -> Arc<[Verified<Prepare>]> {
        let want = quorum(stage.validators.len());
        let Prepared { round, digest } = claim;
        let own = stage.prepare(height, round, digest);
        let of = |wanted: &dyn Fn(&Prepare) -> bool| -> Vec<_> {
            self.prepares.iter().filter(|part| wanted(part.payload())).take(want - 1).cloned().collect()
        };
        let mut parts = match stage.rng.below(4) {
            0 => vec![own.clone(); want - 1],
            1 => of(&|prepare| prepare.height == height),
            2 => of(&|prepare| prepare.digest == digest),
            // What others really said, short of one: with its own twice it looks like a quorum.
            _ => {
                let mut parts = of(&|prepare| *prepare == Prepare { height, round, digest });
                parts.retain(|part| part.author() != own.author());
                parts.dedup_by_key(|part| part.author());
                parts.truncate(want.saturating_sub(2));
                parts.push(own.clone());
                parts
            }
        };
        parts.push(own);
        parts.into()
    }

    /// A block that nobody has prepared.
    fn invention(&self, stage: &mut Stage<'_, F>) -> Option<Block<F>> {
        let block = self.block.as_ref()?;
        Some(match stage.rng.below(3) {
            0 => stage.flavour.corrupt(block),
            1 => stage.flavour.variant(block),
            _ => block.clone(),
        })
    }

    /// A ROUND-CHANGE with a certificate that is none.
    fn claim(&self, stage: &mut Stage<'_, F>) -> Option<Message<Block<F>>> {
        let block = self.invention(stage)?;
        let (height, target) = (stage.height, stage.round + 1);
        let claimed = u32::try_from(stage.rng.below(u64::from(target) + 2)).unwrap_or(0);
        let block = block.with_round(claimed);
        let prepared = Prepared { round: claimed, digest: block.digest() };
        let prepares = self.proof(stage, height, prepared);
        let payload = RoundChange { height, round: target, prepared: Some(prepared) };
        let round_change = stage.round_change(payload);
        let message = RoundChangeMessage { round_change, block: Some(block), prepares };
        Some(Message::RoundChange(Arc::new(message)))
    }

    /// A PROPOSAL of a later round with a justification that is none.
    fn proposal(&self, stage: &mut Stage<'_, F>) -> Option<Message<Block<F>>> {
        let round = stage.round + u32::try_from(stage.rng.below(3)).unwrap_or(0);
        let block = self.invention(stage)?.with_round(round);
        let (height, want) = (stage.height, quorum(stage.validators.len()));
        let own = stage.round_change(RoundChange { height, round, prepared: None });
        let of = |wanted: &dyn Fn(&RoundChange) -> bool| -> Vec<_> {
            self.round_changes.iter().filter(|part| wanted(part.payload())).take(want).cloned().collect()
        };
        let mut round_changes = match stage.rng.below(4) {
            0 => vec![own.clone(); want],
            1 => of(&|part| part.round == round),
            // Hides the locks that others told of.
            2 => of(&|part| part.height == height && part.prepared.is_none()),
            _ => of(&|_| true),
        };
        round_changes.push(own);
        let prepares: Arc<[_]> = if stage.rng.chance(500) {
            Arc::new([])
        } else {
            self.proof(stage, height, Prepared { round: round.saturating_sub(1), digest: block.digest() })
        };
        let payload = ProposalPayload { height, round, block };
        Some(stage.proposal(payload, Justification { round_changes, prepares }))
    }
}

fn forget<P>(parts: &mut Vec<P>) {
    let surplus = parts.len().saturating_sub(MEMORY);
    parts.drain(..surplus);
}

impl<F: Flavour> Behaviour<F> for Forger<F> {
    /// Its own proposals carry another justification, its ROUND-CHANGEs another certificate, every other time.
    fn speak(&mut self, stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        let forged = match message {
            Message::Proposal(_) if stage.rng.chance(500) => self.proposal(stage),
            Message::RoundChange(_) if stage.rng.chance(500) => self.claim(stage),
            _ => None,
        };
        stage.tell_all(&forged.unwrap_or_else(|| message.clone()));
    }

    fn hear(&mut self, _stage: &mut Stage<'_, F>, message: &Message<Block<F>>) {
        self.remember(message);
    }

    fn wake(&mut self, stage: &mut Stage<'_, F>) {
        if let Some(claim) = self.claim(stage) {
            stage.tell_all(&claim);
        }
        if let Some(proposal) = self.proposal(stage) {
            stage.tell_all(&proposal);
        }
    }
}
