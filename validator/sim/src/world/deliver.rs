//! Links: how a message, once sent, gets to the others, or does not.

use super::{World, schedule::Event};
use crate::{
    fault::{Fault, Moment},
    flavour::Flavour,
    scenario::Link,
};
use qbft::{Input, Message, Phase};

impl<F: Flavour> World<F> {
    /// Sends to everybody else; a crash may come between any two of them, and then this is `false`.
    pub(super) fn broadcast(&mut self, node: usize, message: &Message<F::Block>, resend: bool) -> bool {
        self.note([6 + u64::from(resend), message.height(), u64::from(message.round())]);
        if self.actors[node].is_some() {
            self.act(node, |actor, stage| actor.speak(stage, message));
            return !self.may_crash(node, Moment::Send);
        }
        for to in (0..self.nodes.len()).filter(|to| *to != node) {
            if self.may_crash(node, Moment::Send) {
                return false;
            }
            self.sent.resent += u64::from(resend);
            self.send(node, to, 0, message.clone());
        }
        true
    }

    /// Puts a message on the link to `to`.
    pub(super) fn send(&mut self, from: usize, to: usize, after_ms: u64, message: Message<F::Block>) {
        self.sent.by_phase[usize::from(message.phase().code() - Phase::Proposal.code())] += 1;
        let commit_loss = if self.is_timely() { 0 } else { self.scenario.commit_loss };
        if commit_loss > 0 && message.phase() == Phase::Commit && self.nodes[from].rng.chance(commit_loss) {
            return;
        }
        let Some((first, second)) = self.draw_delays(from, to) else { return };
        let at = self.now + after_ms;
        if let Some(second) = second {
            self.queue.push(at + second, Event::Deliver { to, message: message.clone() });
        }
        self.queue.push(at + first, Event::Deliver { to, message });
    }

    /// Delays of the message and of its double; `None` if it gets lost.
    pub(super) fn draw_delays(&mut self, from: usize, to: usize) -> Option<(u64, Option<u64>)> {
        if self.is_cut(from, to) {
            return None;
        }
        let Link { min_ms, max_ms, loss, duplicate } = self.link(from, to);
        let rng = &mut self.nodes[from].rng;
        if loss > 0 && rng.chance(loss) {
            return None;
        }
        let first = rng.between(min_ms, max_ms);
        let second = (duplicate > 0 && rng.chance(duplicate)).then(|| rng.between(min_ms, max_ms * 2));
        Some((first, second))
    }

    /// Whether nothing gets from the one to the other now.
    #[must_use]
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        let cuts =
            |fault: &Fault| matches!(fault, Fault::Cut { from: a, to: b, .. } if a.has(from) && b.has(to));
        self.links.iter().any(cuts)
    }

    fn link(&self, from: usize, to: usize) -> Link {
        let mut link = if self.is_timely() { self.scenario.timely } else { self.scenario.link };
        for fault in &self.links {
            match *fault {
                Fault::Delay { from: a, to: b, min_ms, max_ms, .. } if a.has(from) && b.has(to) => {
                    link = Link { min_ms, max_ms, ..link };
                }
                Fault::Loss { from: a, to: b, per_mille, .. } if a.has(from) && b.has(to) => {
                    link.loss = link.loss.max(per_mille);
                }
                _ => {}
            }
        }
        link
    }

    pub(super) fn receive(&mut self, to: usize, message: &Message<F::Block>) {
        if self.nodes[to].instance.is_none() {
            return;
        }
        let Some(message) = self.flavour.carry(message) else { return };
        if self.actors[to].is_some() {
            self.act(to, |actor, stage| actor.hear(stage, &message));
        }
        self.step(to, Input::Message(message));
    }
}
