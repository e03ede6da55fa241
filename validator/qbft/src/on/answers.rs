//! Answers to what was asked of the driver: built, validated, persisted, signed.

use crate::{
    auth::Authenticator,
    block::Proposal,
    input::{Ticket, Verdict},
    instance::Instance,
    message::{Message, Phase, Prepare, Signatures, Unsigned},
    output::Output,
    record::Record,
    reject::Rejected,
    vote::{Stage, Vote},
};
use alloy_primitives::B256;

impl<B: Proposal> Instance<B> {
    pub(crate) fn on_built(&mut self, height: u64, round: u32, block: B) -> Result<(), Rejected> {
        self.check_building(height, round)?;
        self.candidate = Some(block);
        if round == 0 {
            self.propose_first();
        } else {
            self.propose_after_round_change();
        }
        Ok(())
    }

    pub(crate) fn on_build_failed(&mut self, height: u64, round: u32) -> Result<(), Rejected> {
        self.check_building(height, round)
    }

    fn check_building(&self, height: u64, round: u32) -> Result<(), Rejected> {
        let waits = height == self.height()
            && round == self.round
            && self.building == Some(round)
            && self.candidate.is_none()
            && !self.has_cast(round, Phase::Proposal)
            && !self.is_decided;
        if waits { Ok(()) } else { Err(Rejected::Stale { what: "built block" }) }
    }

    /// A valid block gets this node's PREPARE while its round lasts, and may be finalised even later.
    pub(crate) fn on_validated(
        &mut self,
        height: u64,
        round: u32,
        digest: B256,
        verdict: Verdict,
    ) -> Result<(), Rejected> {
        let is_current = height == self.height() && !self.is_decided;
        let accepted = self.rounds.iter_mut().find(|state| state.round == round);
        let accepted = accepted.and_then(|state| state.accepted.as_mut());
        let waiting = accepted.filter(|accepted| is_current && accepted.digest == digest && !accepted.valid);
        let Some(accepted) = waiting else { return Err(Rejected::Stale { what: "validation" }) };
        match verdict {
            Verdict::Valid => accepted.valid = true,
            Verdict::Invalid => return Err(Rejected::InvalidBlock { author: accepted.author, digest }),
            Verdict::Unknown => return Ok(()),
        }
        if round == self.round {
            self.cast(Record::Prepare(Prepare { height, round, digest }));
            self.check_prepared();
        }
        self.check_committed(round);
        Ok(())
    }

    pub(crate) fn on_persisted(&mut self, ticket: Ticket) -> Result<(), Rejected> {
        let vote = self.vote(ticket)?;
        if !matches!(vote.stage, Stage::Persisting) {
            return Err(Rejected::Stale { what: "persistence" });
        }
        vote.stage = Stage::Signing;
        let unsigned = vote.record.unsigned();
        self.out.push(Output::Sign { ticket, unsigned });
        Ok(())
    }

    pub(crate) fn on_signed(&mut self, ticket: Ticket, signatures: Signatures) -> Result<(), Rejected> {
        let identity = self.config.identity.ok_or(Rejected::Stale { what: "signature" })?;
        let vote = self.vote(ticket)?;
        if !matches!(vote.stage, Stage::Signing) {
            return Err(Rejected::Stale { what: "signature" });
        }
        let Some(message) = vote.record.message(signatures, identity).filter(|message| {
            let Unsigned::Commit { commit_hash, .. } = vote.record.unsigned() else { return true };
            let Message::Commit(commit) = message else { return false };
            B::Auth::recover(commit_hash, &commit.payload().seal) == Ok(identity)
        }) else {
            vote.stage = Stage::Unsigned;
            return Err(Rejected::WrongSigner { identity });
        };
        let (is_first, resend) = (vote.is(0, Phase::Proposal), vote.recovered);
        if is_first && !resend && !self.is_due {
            self.hold(ticket, message);
        } else {
            self.send(ticket, message);
        }
        Ok(())
    }

    /// Keeps a proposal until its tick.
    fn hold(&mut self, ticket: Ticket, message: Message<B>) {
        if let Ok(vote) = self.vote(ticket) {
            vote.stage = Stage::Held(message.clone());
            self.out.push(Output::Hold { message });
        }
    }

    pub(crate) fn send(&mut self, ticket: Ticket, message: Message<B>) {
        let Ok(vote) = self.vote(ticket) else { return };
        vote.stage = Stage::Sent(message.clone());
        let resend = vote.recovered;
        self.out.push(Output::Broadcast { message: message.clone(), resend });
        self.count_own(message);
    }

    pub(crate) fn on_sign_failed(&mut self, ticket: Ticket) -> Result<(), Rejected> {
        let vote = self.vote(ticket)?;
        if !matches!(vote.stage, Stage::Signing) {
            return Err(Rejected::Stale { what: "signature" });
        }
        vote.stage = Stage::Unsigned;
        Ok(())
    }

    fn vote(&mut self, ticket: Ticket) -> Result<&mut Vote<B>, Rejected> {
        self.votes.iter_mut().find(|vote| vote.ticket == ticket).ok_or(Rejected::Stale { what: "ticket" })
    }
}
