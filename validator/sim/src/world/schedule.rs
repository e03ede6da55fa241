//! What is going to happen, in order of time and then of being decided.

use crate::fault::{Fault, Nodes};
use qbft::{Input, Message, Proposal, Record, Ticket, Timer};
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use crate::flavour::Sealed;

/// Something that happens at a time. What belongs to a node's life ends with it.
pub(super) enum Event<B: Proposal> {
    Deliver { to: usize, message: Message<B> },
    Step { node: usize, life: u32, input: Input<B> },
    Timer { node: usize, life: u32, generation: u32, timer: Timer },
    Durable { node: usize, life: u32, ticket: Ticket, record: Arc<Record<B>> },
    Import { node: usize, life: u32, sealed: Sealed<B> },
    Build { node: usize, life: u32, height: u64, round: u32, timestamp: u64 },
    Announce { to: usize, height: u64 },
    Sync { node: usize, again: bool },
    Synced { node: usize, life: u32, peer: usize },
    Restart { node: usize, life: u32 },
    Record { node: usize },
    NameSeats { seats: Nodes, spread_ms: u64 },
    Begin { fault: Fault },
    End { fault: Fault },
    Wake { node: usize },
}

impl<B: Proposal> Event<B> {
    /// The node whose process it needs.
    pub(super) const fn node(&self) -> Option<usize> {
        match *self {
            Self::Deliver { to, .. } | Self::Announce { to, .. } => Some(to),
            Self::Step { node, .. }
            | Self::Timer { node, .. }
            | Self::Durable { node, .. }
            | Self::Import { node, .. }
            | Self::Build { node, .. }
            | Self::Sync { node, .. }
            | Self::Synced { node, .. }
            | Self::Wake { node } => Some(node),
            Self::Restart { .. }
            | Self::Record { .. }
            | Self::NameSeats { .. }
            | Self::Begin { .. }
            | Self::End { .. } => None,
        }
    }
}

/// Events by time.
pub(super) struct Queue<B: Proposal> {
    order: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: Vec<Option<Event<B>>>,
    free: Vec<usize>,
    sequence: u64,
}

impl<B: Proposal> Default for Queue<B> {
    fn default() -> Self {
        Self { order: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}

impl<B: Proposal> Queue<B> {
    /// Adds an event.
    pub(super) fn push(&mut self, at: u64, event: Event<B>) {
        self.sequence += 1;
        let slot = if let Some(slot) = self.free.pop() {
            self.events[slot] = Some(event);
            slot
        } else {
            self.events.push(Some(event));
            self.events.len() - 1
        };
        self.order.push(Reverse((at, self.sequence, slot)));
    }

    /// Takes the next event, if it comes by then.
    pub(super) fn pop(&mut self, until: u64) -> Option<(u64, Event<B>)> {
        let Reverse((at, _, _)) = self.order.peek()?;
        if *at > until {
            return None;
        }
        let Reverse((at, _, slot)) = self.order.pop()?;
        self.free.push(slot);
        Some((at, self.events[slot].take()?))
    }
}
