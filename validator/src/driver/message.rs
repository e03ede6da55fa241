//! What peers say, and what they are told when they come.

use super::{Driver, verify::Checked};
use crate::clock::unix_ms;
use devp2p::{Misbehaviour, PeerId};
use qbft::{Input, Rejected};

impl Driver {
    pub(super) fn on_message(&mut self, checked: Checked) {
        let Checked { from, code, payload, message } = checked;
        tracing::debug!(height = message.height(), code, bytes = payload.len(), "consensus message checked");
        self.heard.note(message.author(), message.height(), unix_ms());
        self.look_for_lock(&message);
        let is_current = message.height() == self.instance.height();
        match self.step(Input::Message(message)) {
            // Validators need not be connected to each other: what we accept we pass on, as received.
            Ok(()) => self.parts.network.broadcast_consensus(code, payload, Some(from)),
            // At another height it may be our own view that is behind.
            Err(rejected) if is_current => self.strike(from, &rejected),
            Err(_) => {}
        }
    }

    /// A peer that was away has missed what we said: it need not wait for the next re-send.
    pub(super) fn greet(&mut self, peer: PeerId) {
        for (code, payload) in self.own.greeting(peer, self.instance.height(), self.instance.round()) {
            self.parts.network.send_consensus(peer, code, payload);
        }
    }

    /// An honest peer passes on only what it accepted itself, so refusals that no honest view explains are few.
    fn strike(&mut self, from: PeerId, rejected: &Rejected) {
        if !rejected.is_misbehaviour() && !matches!(rejected, Rejected::NotValidator { .. }) {
            return;
        }
        if self.strikes.strike(from, self.instance.height()) {
            self.parts.network.penalise(from, Misbehaviour::InvalidConsensus);
        }
    }
}
