//! Spec: UponNewBlock. A durable block, decided here or synced, ends the height.

use crate::{
    block::Proposal,
    input::{NewHead, TimerKind},
    instance::Instance,
    message::{Certificate, Phase},
    output::Output,
    record::{Record, Recovered},
    reject::Rejected,
    vote::{Stage, Vote},
};
use alloc::sync::Arc;

impl<B: Proposal> Instance<B> {
    /// Moves on to the height after `head`.
    pub(crate) fn on_new_block(&mut self, head: NewHead) -> Result<(), Rejected> {
        if head.number <= self.head.number {
            return Err(Rejected::Stale { what: "head" });
        }
        self.head = head;
        self.start_height();
        Ok(())
    }

    /// Begins the present height anew with another set, in rounds above all of the set before.
    pub(crate) fn on_reseated(&mut self, head: NewHead) -> Result<(), Rejected> {
        let is_same = head.number == self.head.number && head.hash == self.head.hash;
        if !is_same || head.first_round <= self.head.first_round || self.is_decided {
            return Err(Rejected::Stale { what: "set" });
        }
        self.head = head;
        self.start_height();
        Ok(())
    }

    /// Forgets the last height, takes up what the journal and early messages hold of this one.
    pub(crate) fn start_height(&mut self) {
        if !self.head.validators.is_sorted() {
            let mut validators = self.head.validators.to_vec();
            validators.sort_unstable();
            self.head.validators = validators.into();
        }
        self.round = self.head.first_round;
        self.due_ms = self.earliest_ms().max(self.now_ms);
        self.is_due = false;
        self.building = None;
        self.candidate = None;
        self.rounds.clear();
        self.round_changes.clear();
        self.prepared = None;
        self.votes.clear();
        self.timed = None;
        self.failures = 0;
        self.unsettled_ms = self.now_ms;
        self.presence.next_height(&self.head.validators);
        self.is_decided = false;
        let height = self.height();
        match self.recovered.height() {
            Some(of) if of == height => self.restore(),
            Some(of) if of < height => self.recovered = Recovered::default(),
            Some(_) | None => {}
        }
        self.start_voting();
        for message in self.future.take(height, &self.head.validators) {
            // Refused now is refused for good; its author was told nothing and may send it again.
            let _refused = self.on_message(message);
        }
    }

    /// Timers, turn and, above round 0, the ROUND-CHANGE of a node that may vote in this height.
    fn start_voting(&mut self) {
        if self.voter().is_none() || self.is_decided {
            return;
        }
        if self.round > 0 {
            if self.cannot_ask_again() {
                self.time_round();
            } else {
                self.time_entry();
            }
            self.cast_round_change();
            self.follow_round_changes();
            return;
        }
        self.time_round();
        let has_proposed = self.has_cast(0, Phase::Proposal);
        let has_heard = self.known(0).is_some_and(|state| state.accepted.is_some());
        if self.is_my_turn() && !has_proposed && !has_heard {
            self.set_timer(TimerKind::BlockDue, self.due_ms);
            self.ask_for_block();
        }
    }

    /// The lock of this round is known and the ROUND-CHANGE for it is not, as where an identity was taken over: others may wait for
    /// that one in vain, so the round is left by time, and asked for is the next one.
    fn cannot_ask_again(&self) -> bool {
        let round = self.round;
        self.prepared.as_ref().is_some_and(|lock| lock.prepared.round >= round)
            && !self.has_cast(round, Phase::RoundChange)
    }

    /// From when on to vote; takes effect at once when this height is concerned.
    pub(crate) fn on_vote_from(&mut self, height: u64) {
        let before = self.voter();
        // Never below what the journal still holds votes for.
        self.config.votes_from = height.max(self.recovered.height().unwrap_or(0));
        if before.is_none() {
            self.start_voting();
        }
    }

    /// What the journal holds of this height: the highest round voted in, the lock, and the votes themselves, of which
    /// those of that round are signed and sent once more.
    fn restore(&mut self) {
        let (first, last) = (self.head.first_round, self.last_round());
        // Votes for a set before: they stay in the journal, which lets none be contradicted, and bind this set to nothing. Those for a
        // set that is not known here yet wait for it, and nothing is voted for before.
        let records = self.recovered.take(first..=last);
        self.round = records.iter().map(|record| record.round()).max().unwrap_or(first);
        for record in records {
            self.restore_lock(&record);
            let ticket = self.ticket();
            let is_current = record.round() == self.round && self.voter().is_some();
            let stage = if is_current { Stage::Signing } else { Stage::Unsigned };
            if is_current {
                self.out.push(Output::Sign { ticket, unsigned: record.unsigned() });
            }
            self.votes.push(Vote { ticket, record, stage, recovered: true });
        }
        self.drop_past_rounds();
        if self.round > 0 {
            self.out.push(Output::RoundChanged { height: self.height(), round: self.round });
        }
    }

    fn restore_lock(&mut self, record: &Record<B>) {
        let certificate: &Arc<Certificate<B>> = match record {
            Record::Commit { certificate, .. }
            | Record::RoundChange { certificate: Some(certificate), .. } => certificate,
            Record::Proposal { .. } | Record::Prepare(_) | Record::RoundChange { certificate: None, .. } => {
                return;
            }
        };
        let round = certificate.prepared.round;
        if self.prepared.as_ref().is_none_or(|lock| lock.prepared.round < round) {
            self.prepared = Some(certificate.clone());
        }
        // It was executed before it was prepared, so it may be finalised in its round without being asked about again.
        if let Some(author) = self.proposer(round) {
            let block = certificate.block.clone();
            if self.state(round).accepted.is_none() {
                self.accept(round, block, author);
            }
            if let Some(accepted) = &mut self.state(round).accepted {
                accepted.valid = true;
            }
        }
    }
}
