//! Spec: UponRoundTimeout, and UponBlockTimeout for the tick of a new block.

use crate::{
    block::Proposal,
    config::RESEND_MS,
    input::{Timer, TimerKind},
    instance::Instance,
    message::Justification,
    output::Output,
    reject::Rejected,
    vote::Stage,
};

impl<B: Proposal> Instance<B> {
    /// A timer of another height or round, or of a decided height, is stale.
    pub(crate) fn on_timeout(&mut self, timer: Timer) -> Result<(), Rejected> {
        let Timer { kind, height, round } = timer;
        let is_current = height == self.height() && round == self.round && !self.is_decided;
        if !is_current || self.voter().is_none() {
            return Err(Rejected::Stale { what: "timer" });
        }
        let last = self.last_round();
        match kind {
            TimerKind::BlockDue => {
                self.is_due = true;
                self.send_held();
            }
            TimerKind::Round if round < last => self.enter_round(self.next_round().min(last)),
            TimerKind::Round => return Err(Rejected::FarRound { got: round, limit: last }),
            TimerKind::Resend => self.resend(),
        }
        Ok(())
    }

    /// Round 0: a block is made durable and signed as soon as it is built, so that nothing but sending is left at its tick.
    /// The slot is taken then: whatever happens before the tick, no other block is proposed in it.
    pub(crate) fn propose_first(&mut self) {
        if self.round != 0 || !self.is_my_turn() {
            return;
        }
        if let Some(block) = self.candidate.take() {
            self.propose(block, Justification::default());
        }
    }

    fn send_held(&mut self) {
        let held = self.votes.iter().find_map(|vote| match &vote.stage {
            Stage::Held(message) => Some((vote.ticket, message.clone())),
            _ => None,
        });
        if let Some((ticket, message)) = held {
            self.send(ticket, message);
        }
    }

    /// Sends this round's own messages again: whoever missed them, or was down, needs no timer to run out first.
    fn resend(&mut self) {
        let round = self.round;
        for vote in self.votes.iter_mut().filter(|vote| vote.record.round() == round) {
            match &vote.stage {
                Stage::Sent(message) => {
                    self.out.push(Output::Broadcast { message: message.clone(), resend: true });
                }
                Stage::Unsigned => {
                    self.out.push(Output::Sign { ticket: vote.ticket, unsigned: vote.record.unsigned() });
                    vote.stage = Stage::Signing;
                }
                Stage::Persisting | Stage::Signing | Stage::Held(_) => {}
            }
        }
        self.set_timer(TimerKind::Resend, self.now_ms.saturating_add(RESEND_MS));
        self.look_for_quorum();
    }
}
