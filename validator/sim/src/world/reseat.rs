//! Emergency re-seat (ADR 34): the record, who has it, and which set decides a block.

use super::{World, schedule::Event};
use crate::{fault::Nodes, flavour::Flavour};
use alloy_primitives::Address;
use chain::reseat::ROUNDS_PER_ATTEMPT;
use qbft::{Input, Proposal as _};
use std::sync::Arc;

/// A node that is down hears of the record when it is asked again.
const AGAIN_MS: u64 = 500;
/// Admins sign for a network that stands still: what was under way when the seats were lost has arrived.
pub(super) const SETTLED_MS: u64 = 15_000;

/// What the admins signed.
#[derive(Clone, Debug)]
pub(super) struct Record {
    height: u64,
    validators: Arc<[Address]>,
}

impl<F: Flavour> World<F> {
    /// The record for the height after the highest head; looked at again while a living node has a newer block on its way
    /// to disk. Where only lost nodes have one there is no record: what they alone saw would be undone.
    pub(super) fn name_seats(&mut self, seats: Nodes, spread_ms: u64) {
        let live = || (0..self.nodes.len()).filter(|node| !self.nodes[*node].is_dead);
        let head = live().map(|node| self.nodes[node].head).max().unwrap_or(0);
        if head != self.chain.height() {
            return self.queue.push(self.now + AGAIN_MS, Event::NameSeats { seats, spread_ms });
        }
        let mut validators: Vec<Address> =
            live().filter(|node| seats.has(*node)).map(|node| self.nodes[node].identity).collect();
        validators.sort_unstable();
        self.record = Some(Record { height: head + 1, validators: validators.into() });
        for node in live().collect::<Vec<_>>() {
            let after = self.nodes[node].rng.below(spread_ms + 1);
            self.queue.push(self.now + after, Event::Record { node });
        }
    }

    /// Whether the admins have signed.
    #[must_use]
    pub const fn is_reseated(&self) -> bool {
        self.record.is_some()
    }

    pub(super) fn hear_of_record(&mut self, node: usize) {
        if self.nodes[node].is_dead {
            return;
        }
        if self.nodes[node].instance.is_none() {
            return self.queue.push(self.now + AGAIN_MS, Event::Record { node });
        }
        self.nodes[node].has_record = true;
        let took_up = self.nodes[node].took_up;
        self.take_up(node);
        if took_up == self.nodes[node].took_up {
            return;
        }
        if let Some(head) = self.head(node) {
            self.step(node, Input::Reseated(head));
        }
    }

    /// Takes the record up if its height is next; a node that has that height refuses it.
    pub(super) fn take_up(&mut self, node: usize) {
        let Some(record) = &self.record else { return };
        let state = &mut self.nodes[node];
        state.took_up |= state.has_record && state.head + 1 == record.height;
    }

    /// Whether the node builds and votes for blocks with the record at this height.
    pub(super) fn wants_record(&self, node: usize, height: u64) -> bool {
        self.nodes[node].took_up && self.record.as_ref().is_some_and(|record| record.height == height)
    }

    /// The set that a node with this head votes with, and the round in which that begins.
    pub(super) fn set_at(&self, node: usize, head: u64, by_state: Arc<[Address]>) -> (Arc<[Address]>, u32) {
        match &self.record {
            Some(record) if self.wants_record(node, head + 1) => {
                (record.validators.clone(), ROUNDS_PER_ATTEMPT)
            }
            _ => (self.seated_after(head, by_state), 0),
        }
    }

    /// The seats in the state after a block: the record's from the block on that carries it.
    pub(super) fn seated_after(&self, head: u64, by_state: Arc<[Address]>) -> Arc<[Address]> {
        let Some(record) = self.record.as_ref().filter(|record| head >= record.height) else {
            return by_state;
        };
        let carrier = self.chain.get(record.height);
        // The chain forgets what every living node has; by then it is decided whether the record was used.
        let is_used = carrier.is_none_or(|sealed| self.flavour.carries_record(&sealed.block));
        if is_used { record.validators.clone() } else { by_state }
    }

    /// The set whose quorum a block needs: its header says which.
    pub(super) fn deciding(&self, block: &F::Block, by_state: Arc<[Address]>) -> Arc<[Address]> {
        match &self.record {
            Some(record) if self.flavour.carries_record(block) => record.validators.clone(),
            _ => self.seated_after(block.height().saturating_sub(1), by_state),
        }
    }
}
