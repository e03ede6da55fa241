//! Blocks made durable: the node's own, announced ones, and those asked for.

use super::{SIT_OUT_MARGIN_S, World, schedule::Event, word};
use crate::{
    flavour::{Flavour, Sealed},
    oracle::Violation,
};
use qbft::{Input, NewHead, Proposal as _};

/// How often a node asks a peer for blocks.
const SYNC_MS: u64 = 1_000;

impl<F: Flavour> World<F> {
    /// The head as the core gets it.
    pub(super) fn head(&mut self, node: usize) -> Option<NewHead> {
        let height = self.nodes[node].head;
        let (hash, head) = (self.chain.hash(height)?, self.chain.get(height)?);
        let rules = self.flavour.rules(node, &head.block);
        let (hash_of, timestamp, proposer) = (hash, head.block.timestamp(), head.block.proposer());
        let (validators, first_round) = self.set_at(node, height, rules.validators);
        Some(NewHead {
            number: height,
            hash: hash_of,
            timestamp,
            proposer,
            validators,
            period_ms: rules.period_ms,
            empty_period_ms: 0,
            request_timeout_ms: rules.request_timeout_ms,
            first_round,
        })
    }

    /// A block that the node finalised is durable; it tells everybody.
    pub(super) fn import_own(&mut self, node: usize, sealed: &Sealed<F::Block>) {
        let height = sealed.block.height();
        self.import(node, height);
        let (is_timely, gets_through) = (self.is_timely(), self.scenario.early_sync);
        for to in (0..self.nodes.len()).filter(|to| *to != node) {
            if !is_timely && !self.nodes[node].rng.chance(gets_through) {
                continue;
            }
            if let Some((delay, _)) = self.draw_delays(node, to) {
                self.queue.push(self.now + delay, Event::Announce { to, height });
            }
        }
    }

    /// A final block becomes durable at a node that it follows the head of.
    pub(super) fn import(&mut self, node: usize, height: u64) {
        if self.nodes[node].head + 1 != height || self.nodes[node].instance.is_none() {
            return;
        }
        self.weigh(node);
        let Some(sealed) = self.chain.get(height) else { return };
        let refusal = self.flavour.import(node, sealed).err();
        self.report(refusal.map(|reason| Violation::Refused { node, height, reason }));
        let state = &mut self.nodes[node];
        let was = state.head;
        state.head = height;
        state.imported_at = self.now;
        state.journal.prune(height);
        self.take_up(node);
        self.progress.on_imported(self.now);
        if height == self.chain.height() {
            self.govern();
        }
        let hash = self.chain.hash(height).unwrap_or_default();
        self.note([2, self.now ^ node as u64, word(hash)]);
        if was <= self.lowest {
            self.find_lowest();
        }
        if let Some(head) = self.head(node) {
            let timestamp = head.timestamp;
            self.step(node, Input::NewBlock(head));
            self.end_sitting_out(node, height, timestamp);
        }
    }

    /// Holds the height under way to the rules that the chain gives it.
    pub(super) fn govern(&mut self) {
        let Some(head) = self.chain.get(self.chain.height()) else { return };
        let rules = self.flavour.rules_after(&head.block);
        let validators = self.seated_after(self.chain.height(), rules.validators);
        self.progress.govern(validators.len(), rules.request_timeout_ms);
    }

    /// A block proposed after the node's start was decided without it, and so was everything before it (ADR 5).
    fn end_sitting_out(&mut self, node: usize, height: u64, timestamp: u64) {
        let state = &mut self.nodes[node];
        if state.journal.is_active()
            || state.instance.is_none()
            || timestamp <= state.started_s + SIT_OUT_MARGIN_S
        {
            return;
        }
        state.journal.activate(height);
        self.step(node, Input::VoteFrom { height: height + 1 });
    }

    pub(super) fn find_lowest(&mut self) {
        let live = self.nodes.iter().filter(|node| !node.is_dead);
        self.lowest = live.map(|node| node.head).min().unwrap_or(u64::MAX);
        self.chain.forget_below(self.lowest.saturating_sub(self.scenario.kept_blocks));
    }

    /// Asks one of the peers that have more for their blocks: what each has, it says when it connects.
    pub(super) fn sync(&mut self, node: usize, again: bool) {
        if again {
            self.queue.push(self.now + SYNC_MS, Event::Sync { node, again });
        }
        let (is_timely, head) = (self.is_timely(), self.nodes[node].head);
        let is_ahead = |peer: &usize| {
            let state = &self.nodes[*peer];
            state.instance.is_some() && state.head > head && !self.is_cut(*peer, node)
        };
        let ahead: Vec<usize> = (0..self.nodes.len()).filter(is_ahead).collect();
        let state = &mut self.nodes[node];
        let turn = usize::try_from(state.rng.below(ahead.len().max(1) as u64)).unwrap_or(0);
        let is_lost = !is_timely && !state.rng.chance(self.scenario.early_sync);
        let Some(peer) = ahead.get(turn).copied().filter(|_| !is_lost && state.instance.is_some()) else {
            return;
        };
        let (Some((there, _)), Some((back, _))) =
            (self.draw_delays(node, peer), self.draw_delays(peer, node))
        else {
            return;
        };
        let life = self.nodes[node].life;
        self.queue.push(self.now + there + back, Event::Synced { node, life, peer });
    }

    /// Takes all that the peer has.
    pub(super) fn import_from(&mut self, node: usize, peer: usize) {
        if self.nodes[peer].instance.is_none() {
            return;
        }
        while self.nodes[node].instance.is_some() && self.nodes[node].head < self.nodes[peer].head {
            let next = self.nodes[node].head + 1;
            self.import(node, next);
            if self.nodes[node].head != next {
                return;
            }
        }
    }
}
