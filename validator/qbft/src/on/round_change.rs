//! Spec: UponRoundChange.

use crate::{
    block::Proposal,
    config::RESEND_MS,
    input::TimerKind,
    instance::Instance,
    message::{Justification, Phase, RoundChange, RoundChangeMessage},
    output::Output,
    record::Record,
    reject::Rejected,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::Address;
use chain::quorum::one_honest;

impl<B: Proposal> Instance<B> {
    /// Keeps each author's highest ROUND-CHANGE, once what it claims is proven.
    pub(crate) fn on_round_change(&mut self, message: Arc<RoundChangeMessage<B>>) -> Result<(), Rejected> {
        let (author, payload) = (message.round_change.author(), *message.round_change.payload());
        let got = payload.round;
        if got == 0 {
            return Err(Rejected::FarRound { got, limit: self.last_round() });
        }
        if got < self.round {
            return Err(Rejected::OldRound { got, want: self.round });
        }
        let slot = self.round_changes.iter().position(|kept| kept.round_change.author() == author);
        if let Some(kept) = slot.and_then(|index| self.round_changes.get(index)) {
            let known = kept.round_change.payload();
            if *known == payload {
                self.presence.repeated(author, self.now_ms);
                return Err(Rejected::Duplicate { author });
            }
            if known.round == got {
                return Err(Rejected::Equivocation { author });
            }
            if known.round > got {
                return Err(Rejected::OldRound { got, want: known.round });
            }
        }
        self.rules().is_round_change(&message)?;
        match slot.and_then(|index| self.round_changes.get_mut(index)) {
            Some(kept) => *kept = message,
            None => self.round_changes.push(message),
        }
        self.follow_round_changes();
        Ok(())
    }

    /// What the ROUND-CHANGEs heard so far ask for: a jump, the round timer, a proposal.
    pub(crate) fn follow_round_changes(&mut self) {
        let witnesses = one_honest(self.head.validators.len());
        // Each turn raises the round to one that is in the list, so there are at most as many turns as validators.
        while let Some(round) = self.round_to_join(witnesses) {
            self.move_to(round);
        }
        let round = self.round;
        if round > 0 && self.count_round_changes(|target| target >= round) >= self.quorum() {
            self.time_round();
        }
        self.propose_after_round_change();
    }

    /// Enters a round above the current one, and whatever later one the ROUND-CHANGEs heard lead on to.
    pub(crate) fn enter_round(&mut self, round: u32) {
        self.move_to(round);
        self.follow_round_changes();
    }

    /// The smallest of the rounds above ours that f + 1 validators want: one of them is honest and is there.
    fn round_to_join(&self, witnesses: usize) -> Option<u32> {
        let round = self.round;
        if self.count_round_changes(|target| target > round) < witnesses {
            return None;
        }
        self.targets().filter(|target| *target > round).min()
    }

    fn targets(&self) -> impl Iterator<Item = u32> {
        self.round_changes.iter().map(|kept| kept.round_change.payload().round)
    }

    /// The round that the validator's newest ROUND-CHANGE asks for.
    pub(crate) fn target_of(&self, author: Address) -> Option<u32> {
        let of = |kept: &&Arc<RoundChangeMessage<B>>| kept.round_change.author() == author;
        self.round_changes.iter().find(of).map(|kept| kept.round_change.payload().round)
    }

    pub(crate) fn count_round_changes(&self, wanted: impl Fn(u32) -> bool) -> usize {
        self.targets().filter(|target| wanted(*target)).count()
    }

    /// Every round above 0 that this node votes in, it has sent its ROUND-CHANGE for: so also after a restart a quorum
    /// for the round can form again from those who were in it.
    fn move_to(&mut self, round: u32) {
        self.count_failure();
        self.round = round;
        self.building = None;
        self.candidate = None;
        self.drop_past_rounds();
        self.out.push(Output::RoundChanged { height: self.height(), round });
        self.time_entry();
        self.cast_round_change();
    }

    /// Casts ROUND-CHANGE for the current round with the lock from below it, and keeps re-sending.
    pub(crate) fn cast_round_change(&mut self) {
        if self.voter().is_none() {
            return;
        }
        let round = self.round;
        let certificate = self.prepared.clone();
        // A lock of this very round means that the ROUND-CHANGE was cast before it; made anew it would hide the lock below.
        if certificate.as_ref().is_none_or(|lock| lock.prepared.round < round) {
            let prepared = certificate.as_ref().map(|lock| lock.prepared);
            let payload = RoundChange { height: self.height(), round, prepared };
            self.cast(Record::RoundChange { payload, certificate });
        }
        self.set_timer(TimerKind::Resend, self.now_ms.saturating_add(RESEND_MS));
    }

    /// The proposer of a round above 0 with a quorum of ROUND-CHANGEs for exactly that round proposes at once: the
    /// block prepared in the highest round among them, or a fresh one.
    pub(crate) fn propose_after_round_change(&mut self) {
        let round = self.round;
        let is_open = self.known(round).is_none_or(|state| state.accepted.is_none())
            && !self.votes.iter().any(|vote| vote.is(round, Phase::Proposal));
        if round == 0 || !is_open || !self.is_my_turn() {
            return;
        }
        let for_round: Vec<_> =
            self.round_changes.iter().filter(|kept| kept.round_change.payload().round == round).collect();
        if for_round.len() < self.quorum() {
            return;
        }
        let highest = for_round
            .iter()
            .filter_map(|kept| {
                Some((kept.round_change.payload().prepared?, kept.block.as_ref()?, &kept.prepares))
            })
            // Where two digests name a block, the certificate by our own goes first.
            .max_by_key(|(prepared, block, _)| (prepared.round, prepared.digest == block.digest()));
        let again =
            highest.map(|(_, block, prepares)| (self.rules().as_proposed(block, round), prepares.clone()));
        let round_changes = for_round.iter().map(|kept| kept.round_change.clone()).collect();
        match (again, self.candidate.take()) {
            (Some((block, prepares)), _) => self.propose(block, Justification { round_changes, prepares }),
            (None, Some(block)) => {
                self.propose(block, Justification { round_changes, prepares: Arc::from([]) });
            }
            (None, None) => self.ask_for_block(),
        }
    }
}
