//! Taking turns: sources, within a source senders, within a sender nonces.

use super::queue::Queue;
use crate::pool::{Pooled, Source};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

type SenderTurn = VecDeque<Arc<Pooled>>;

/// Executable transactions in a fair order; owns what it yields, so the pool may change meanwhile.
#[derive(Debug)]
pub struct Turns {
    sources: VecDeque<VecDeque<SenderTurn>>,
}

impl Turns {
    /// Of these queues; of what was submitted here, that which came among so many arrivals.
    pub(super) fn new<'a>(queues: impl Iterator<Item = &'a Queue>, settled: u64) -> Self {
        let mut fronts: Vec<(u64, Source, &Queue)> = queues
            .filter_map(|queue| queue.front().map(|e| (e.arrival, e.pooled.origin.source(), queue)))
            .collect();
        fronts.sort_unstable_by_key(|(arrival, ..)| *arrival);

        let mut order: HashMap<Source, usize> = HashMap::new();
        let mut sources: VecDeque<VecDeque<SenderTurn>> = VecDeque::new();
        for (_, source, queue) in fronts {
            let turn: SenderTurn = queue.settled(settled).map(Arc::clone).collect();
            if turn.is_empty() {
                continue;
            }
            let at = *order.entry(source).or_insert(sources.len());
            if at == sources.len() {
                sources.push_back(VecDeque::new());
            }
            if let Some(senders) = sources.get_mut(at) {
                senders.push_back(turn);
            }
        }
        Self { sources }
    }
}

impl Iterator for Turns {
    type Item = Arc<Pooled>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut senders = self.sources.pop_front()?;
        let mut sender = senders.pop_front()?;
        let next = sender.pop_front();
        if !sender.is_empty() {
            senders.push_back(sender);
        }
        if !senders.is_empty() {
            self.sources.push_back(senders);
        }
        next
    }
}
