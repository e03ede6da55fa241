//! What every message has to pass, and the way to its handler.

use crate::{
    block::Proposal, config::FUTURE_HEIGHTS, instance::Instance, message::Message, output::Output,
    reject::Rejected,
};
use chain::quorum::one_honest;

impl<B: Proposal> Instance<B> {
    pub(crate) fn on_message(&mut self, message: Message<B>) -> Result<(), Rejected> {
        let (author, got, height) = (message.author(), message.height(), self.height());
        let is_seated = self.head.validators.binary_search(&author).is_ok();
        if is_seated {
            self.presence.heard(author, got, self.now_ms);
        }
        if got < height {
            return Err(Rejected::OldHeight { got, want: height });
        }
        if !is_seated {
            return Err(Rejected::NotValidator { author, height });
        }
        if got > height {
            return self.on_future_height(message);
        }
        if self.is_decided {
            return Err(Rejected::Decided { height });
        }
        self.check_window(message.round())?;
        match message {
            Message::Proposal(message) => self.on_proposal(&message),
            Message::Prepare(message) => self.on_prepare(message),
            Message::Commit(message) => self.on_commit(message),
            Message::RoundChange(message) => self.on_round_change(message),
        }
    }

    /// A set's rounds begin above those of every set before it at this height, and end below those of the next.
    fn check_window(&self, got: u32) -> Result<(), Rejected> {
        let (first, last) = (self.head.first_round, self.last_round());
        if got < first {
            return Err(Rejected::OldRound { got, want: first });
        }
        if got > last { Err(Rejected::FarRound { got, limit: last }) } else { Ok(()) }
    }

    /// Later heights are kept, within bounds, until their parent is here; where f + 1 validators are is where we ought
    /// to be.
    fn on_future_height(&mut self, message: Message<B>) -> Result<(), Rejected> {
        let (author, got) = (message.author(), message.height());
        let witnesses = one_honest(self.head.validators.len());
        let hint = self.future.heard(author, got, witnesses);
        if let Some(height) = hint {
            self.out.push(Output::Behind { height });
        }
        let limit = self.height().saturating_add(FUTURE_HEIGHTS);
        let kept =
            if got > limit { Err(Rejected::FarHeight { got, limit }) } else { self.future.keep(message) };
        // A hint must not get lost with the message that completed it.
        if hint.is_some() { Ok(()) } else { kept }
    }
}
