//! Spec: UponProposal.

use crate::{
    block::Proposal,
    config::MAX_CLOCK_AHEAD_MS,
    instance::Instance,
    message::{Justification, ProposalMessage, ProposalPayload},
    output::Output,
    record::Record,
    reject::{BadBlock, Rejected},
};
use alloy_primitives::Address;

impl<B: Proposal> Instance<B> {
    /// A proposal of the current round, or a justified one of a later round, which is then entered, goes to execution.
    pub(crate) fn on_proposal(&mut self, message: &ProposalMessage<B>) -> Result<(), Rejected> {
        let author = message.proposal.author();
        let ProposalPayload { height, round, ref block } = *message.proposal.payload();
        self.check_turn(author, round)?;
        if let Some(first) = self.known(round).and_then(|state| state.accepted.as_ref()) {
            let same = first.digest == block.digest();
            return Err(if same {
                Rejected::Duplicate { author }
            } else {
                Rejected::Equivocation { author }
            });
        }
        self.check_block(round, block)?;
        let prepared = self.rules().is_proposal_justification(round, block, &message.justification)?;
        let beneficiary = block.proposer();
        let is_fair = match prepared {
            None => beneficiary == author,
            Some(_) => self.head.validators.binary_search(&beneficiary).is_ok(),
        };
        if !is_fair {
            return Err(BadBlock::Beneficiary { got: beneficiary }.into());
        }
        if round > self.round {
            self.enter_round(round);
        }
        let digest = self.accept(round, block.clone(), author);
        self.time_votes();
        self.out.push(Output::Validate { height, round, digest, block: block.clone() });
        Ok(())
    }

    fn check_turn(&self, author: Address, round: u32) -> Result<(), Rejected> {
        if round < self.round {
            return Err(Rejected::OldRound { got: round, want: self.round });
        }
        match self.proposer(round) {
            Some(want) if want != author => Err(Rejected::NotProposer { got: author, want }),
            _ => Ok(()),
        }
    }

    fn check_block(&self, round: u32, block: &B) -> Result<(), BadBlock> {
        let (height, parent, rules) = (self.height(), self.head.hash, self.rules());
        if block.height() != height {
            return Err(BadBlock::Height { got: block.height(), want: height });
        }
        if block.parent() != parent {
            return Err(BadBlock::Parent { got: block.parent(), want: parent });
        }
        if !rules.may_carry(block.round(), round) {
            return Err(BadBlock::Round { got: block.round(), want: rules.round_in_block(round) });
        }
        let (got, earliest_ms) = (block.timestamp(), self.earliest_ms());
        let latest_ms = self.now_ms.saturating_add(MAX_CLOCK_AHEAD_MS);
        let timestamp_ms = got.saturating_mul(1_000);
        if timestamp_ms < earliest_ms {
            return Err(BadBlock::Early { got, earliest_ms });
        }
        if timestamp_ms > latest_ms {
            return Err(BadBlock::Late { got, latest_ms });
        }
        Ok(())
    }

    /// Asks for a block to propose in the current round; the timestamp is fixed here.
    pub(crate) fn ask_for_block(&mut self) {
        if self.building == Some(self.round) {
            return;
        }
        self.building = Some(self.round);
        self.candidate = None;
        let due_ms = if self.round == 0 { self.due_ms } else { self.now_ms.max(self.earliest_ms()) };
        let timestamp = (due_ms / 1_000).max(self.earliest_ms().div_ceil(1_000));
        self.out.push(Output::Build { height: self.height(), round: self.round, timestamp, due_ms });
    }

    /// Casts the proposal of the current round.
    pub(crate) fn propose(&mut self, block: B, justification: Justification) {
        let payload = ProposalPayload { height: self.height(), round: self.round, block };
        self.cast(Record::Proposal { payload, justification });
    }
}
