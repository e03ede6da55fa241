//! How long a round may last, and which one comes after it. Local policy: safety rests on none of it (ADR 15).

use crate::{
    block::Proposal,
    config::{PAST_ROUNDS, Pace, capped_timeout_ms, grace_ms},
    input::TimerKind,
    instance::Instance,
};
use alloy_primitives::Address;

/// The timer of the current round.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit stands in the name")]
pub(crate) struct Timed {
    from_ms: u64,
    until_ms: u64,
    /// When it was last set.
    set_ms: u64,
}

impl Timed {
    /// From when on it is measured, by a clock that may have been set since: what was left to wait until then is not
    /// made longer, and the round has not lasted longer than its timer, which would have run out.
    fn start_ms(&self, now_ms: u64) -> u64 {
        let wait_ms = self.from_ms.saturating_sub(self.set_ms);
        let latest_ms = now_ms.saturating_add(wait_ms);
        if now_ms > self.until_ms { now_ms } else { self.from_ms.min(latest_ms) }
    }
}

impl<B: Proposal> Instance<B> {
    /// Starts the timer of the current round, or moves its end as what is known of the round has changed.
    pub(crate) fn time_round(&mut self) {
        if self.voter().is_none() {
            return;
        }
        let started_ms = if self.round == 0 { self.last_due_ms() } else { self.now_ms };
        let from_ms = self.timed.map_or(started_ms, |timed| timed.start_ms(self.now_ms));
        let until_ms = from_ms.saturating_add(self.round_length_ms());
        if self.timed.is_none_or(|timed| timed.until_ms != until_ms) {
            self.set_timer(TimerKind::Round, until_ms);
        }
        self.timed = Some(Timed { from_ms, until_ms, set_ms: self.now_ms });
    }

    fn round_length_ms(&self) -> u64 {
        let (base_ms, cap_ms) = (self.head.request_timeout_ms, self.config.timeout_cap_ms);
        match self.config.pace {
            Pace::Classic => capped_timeout_ms(base_ms, self.round, cap_ms),
            Pace::Quorum { .. } if self.is_hopeless() => grace_ms(base_ms, self.failures, cap_ms),
            Pace::Quorum { .. } => capped_timeout_ms(base_ms, self.failures, cap_ms),
        }
    }

    /// A round above 0 is entered. At the classic pace nothing that is heard later changes when it ends.
    pub(crate) fn time_entry(&mut self) {
        if self.is_classic() {
            self.time_round();
        }
    }

    fn is_classic(&self) -> bool {
        self.config.pace == Pace::Classic
    }

    /// A proposal has come: above round 0 the votes on it have the whole timeout, however long it took to come.
    pub(crate) fn time_votes(&mut self) {
        if self.round == 0 {
            return self.end_empty_wait();
        }
        if self.is_classic() {
            return;
        }
        self.timed = None;
        self.time_round();
    }

    /// Round 0 has its proposal, or has transactions to propose, before it was due at the latest: there is nothing left to
    /// wait for.
    pub(crate) fn end_empty_wait(&mut self) {
        let from_ms = self.now_ms.max(self.due_ms);
        if let Some(timed) = self.timed.filter(|timed| self.round == 0 && from_ms < timed.from_ms) {
            self.timed = Some(Timed { from_ms, ..timed });
            self.time_round();
        }
    }

    /// When round 0's block is due at the latest: the proposer may wait for transactions beyond the tick.
    fn last_due_ms(&self) -> u64 {
        self.due_ms.saturating_add(self.head.empty_period_ms.saturating_sub(self.head.period_ms))
    }

    /// Another round is entered: the last one has failed, and its successor is given more time.
    pub(crate) fn count_failure(&mut self) {
        if self.round == 0 {
            self.unsettled_ms = self.now_ms;
        }
        self.failures = self.failures.saturating_add(1);
        self.timed = None;
    }

    /// A quorum that is missed says nothing of the network's delay: once it is back, timeouts start at the shortest.
    pub(crate) fn look_for_quorum(&mut self) {
        let missed = self.head.validators.iter().filter(|validator| self.is_missed(**validator)).count();
        if self.head.validators.len().saturating_sub(missed) < self.quorum() {
            self.failures = 0;
        }
        if self.timed.is_some() {
            self.time_round();
        }
    }

    /// The next round whose proposer can be expected to propose. Those passed over are at most the validators beyond a
    /// quorum; without a quorum in sight nobody is judged.
    pub(crate) fn next_round(&self) -> u32 {
        let next = self.round.saturating_add(1);
        let validators = &self.head.validators;
        let expected = validators.iter().filter(|validator| self.is_expected(**validator)).count();
        let passes_over = self.config.pace == Pace::Quorum { passes_over: true };
        if !passes_over || expected < self.quorum() {
            return next;
        }
        let spare = validators.len().saturating_sub(self.quorum());
        let last = next.saturating_add(u32::try_from(spare).unwrap_or(u32::MAX).min(PAST_ROUNDS));
        let is_led = |round: &u32| self.proposer(*round).is_some_and(|proposer| self.is_expected(proposer));
        (next..=last).find(is_led).unwrap_or(next)
    }

    /// Whether, as far as known, no proposal can come in this round: no quorum has asked for exactly this one, or its
    /// proposer is not among those who have.
    fn is_hopeless(&self) -> bool {
        let round = self.round;
        if round == 0 || self.known(round).is_some_and(|state| state.accepted.is_some()) {
            return false;
        }
        let is_led = self.proposer(round).is_some_and(|proposer| {
            self.is_self(proposer) || (self.target_of(proposer) == Some(round) && !self.is_missed(proposer))
        });
        !is_led || self.count_round_changes(|target| target == round) < self.quorum()
    }

    /// Whether a validator can be expected to take part in the next round: it votes in this one; in round 0, where
    /// nobody need have spoken yet, it voted at the height before.
    fn is_expected(&self, validator: Address) -> bool {
        if self.is_self(validator) {
            return true;
        }
        if self.round == 0 {
            return self.presence.has_reached(validator, self.head.number);
        }
        self.target_of(validator).is_some_and(|target| target >= self.round) && !self.is_missed(validator)
    }

    fn is_missed(&self, validator: Address) -> bool {
        let missed = || self.presence.is_missed(validator, self.height(), self.unsettled_ms, self.now_ms);
        !self.is_self(validator) && missed()
    }

    fn is_self(&self, validator: Address) -> bool {
        self.voter() == Some(validator)
    }
}
