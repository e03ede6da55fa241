//! One sender's transactions by nonce.

use super::{Content, Sender, admission};
use crate::pool::Pooled;
use alloy_consensus::Transaction;
use alloy_primitives::{Address, U256};
use std::{collections::BTreeMap, sync::Arc};

/// A waiting transaction.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) pooled: Arc<Pooled>,
    /// Order of arrival in the whole pool.
    pub(super) arrival: u64,
    pub(super) arrived_s: u64,
    /// Head counter of the pool when peers were last told of it, or when it came.
    pub(super) told: u64,
    /// Peers were told of it; they are once nothing is missing before it.
    pub(super) announced: bool,
}

impl Entry {
    fn cost(&self) -> U256 {
        admission::cost(&self.pooled.recovered.tx)
    }

    /// Whether it is sure to be there after a crash, or need not be.
    pub(super) fn may_be_told(&self, durable: u64) -> bool {
        !self.pooled.is_local() || self.arrival <= durable
    }
}

/// Nonces at or above the state's; those contiguous from it are ready.
#[derive(Debug)]
pub(super) struct Queue {
    state: Sender,
    entries: BTreeMap<u64, Entry>,
    ready: usize,
    /// What all of them together can take from the sender; kept, since it is asked for with every transaction.
    cost: U256,
    /// Arrival of the newest entry there ever was.
    newest: u64,
}

impl Queue {
    pub(super) fn new(state: Sender) -> Self {
        Self { state, entries: BTreeMap::new(), ready: 0, cost: U256::ZERO, newest: 0 }
    }

    pub(super) fn state(&self) -> Sender {
        self.state
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn gapped_len(&self) -> usize {
        self.entries.len() - self.ready
    }

    /// The ready ones, to be marked as told.
    pub(super) fn ready_entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.values_mut().take(self.ready)
    }

    /// The first nonce that nothing ready has.
    pub(super) fn next_nonce(&self) -> u64 {
        self.state.nonce.saturating_add(self.ready as u64)
    }

    pub(super) fn at(&self, nonce: u64) -> Option<&Arc<Pooled>> {
        self.entries.get(&nonce).map(|entry| &entry.pooled)
    }

    pub(super) fn ready(&self) -> impl Iterator<Item = &Arc<Pooled>> {
        self.entries.values().take(self.ready).map(|entry| &entry.pooled)
    }

    /// The ready ones up to the first that was submitted here after so many arrivals.
    pub(super) fn settled(&self, arrivals: u64) -> impl Iterator<Item = &Arc<Pooled>> {
        let ready = self.entries.values().take(self.ready);
        let settled = ready.take_while(move |entry| entry.arrival <= arrivals || !entry.pooled.is_local());
        settled.map(|entry| &entry.pooled)
    }

    pub(super) fn gapped(&self) -> impl Iterator<Item = &Arc<Pooled>> {
        self.entries.range(self.next_nonce()..).map(|(_, entry)| &entry.pooled)
    }

    /// All of it, of this sender.
    pub(super) fn content(&self, sender: Address) -> Content {
        let (pending, queued) = (self.ready().map(Arc::clone), self.gapped().map(Arc::clone));
        Content { sender, pending: pending.collect(), queued: queued.collect() }
    }

    /// Marks as told, and adds to `told`, the ready ones from this nonce on, up to the first that peers know of already, or that was
    /// submitted here after the first `durable` arrivals: it may not be on disk.
    pub(super) fn tell(&mut self, nonce: u64, (head, durable): (u64, u64), told: &mut Vec<Arc<Pooled>>) {
        let next = self.next_nonce();
        if nonce >= next {
            return;
        }
        let ready = self.entries.range_mut(nonce..next).map(|(_, entry)| entry);
        for entry in ready.take_while(|entry| !entry.announced && entry.may_be_told(durable)) {
            (entry.announced, entry.told) = (true, head);
            told.push(Arc::clone(&entry.pooled));
        }
    }

    /// Whether the sender can pay for everything that waits and for this on top.
    pub(super) fn affords(&self, cost: U256) -> bool {
        self.cost.saturating_add(cost) <= self.state.balance
    }

    /// What all of them together can take from the sender, the one with this nonce left out.
    pub(super) fn cost_without(&self, nonce: u64) -> U256 {
        match self.entries.get(&nonce) {
            Some(entry) => self.cost_less(entry, nonce),
            None => self.cost,
        }
    }

    /// The sum without an entry of it. One at its greatest may have been cut off there, and is made anew.
    fn cost_less(&self, left: &Entry, nonce: u64) -> U256 {
        if self.cost < U256::MAX {
            return self.cost - left.cost();
        }
        let others = self.entries.iter().filter(|(other, _)| **other != nonce);
        others.fold(U256::ZERO, |sum, (_, entry)| sum.saturating_add(entry.cost()))
    }

    /// The transaction that waits longest for its turn, when one is ready.
    pub(super) fn front(&self) -> Option<&Entry> {
        (self.ready > 0).then(|| self.entries.values().next()).flatten()
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        self.newest = self.newest.max(entry.arrival);
        let nonce = entry.pooled.recovered.tx.nonce();
        self.cost = self.cost_without(nonce).saturating_add(entry.cost());
        self.entries.insert(nonce, entry);
        self.extend_ready();
    }

    /// The same transaction, booked otherwise.
    pub(super) fn exchange(&mut self, pooled: Arc<Pooled>) {
        if let Some(entry) = self.entries.get_mut(&pooled.recovered.tx.nonce()) {
            entry.pooled = pooled;
        }
    }

    pub(super) fn remove(&mut self, nonce: u64) {
        if let Some(left) = self.entries.remove(&nonce) {
            self.cost = self.cost_less(&left, nonce);
            self.ready = 0;
            self.extend_ready();
        }
    }

    /// Follows new state; returns what became stale, and what a peer sent and became unaffordable. A submitted one was
    /// promised to be kept: its sender may be funded.
    pub(super) fn advance(&mut self, state: Sender) -> Vec<Arc<Pooled>> {
        self.state = state;
        let stale = |nonce: u64, entry: &Entry| {
            let pooled = &entry.pooled;
            nonce < state.nonce
                || (!pooled.is_local() && admission::cost(&pooled.recovered.tx) > state.balance)
        };
        self.drop_where(stale)
    }

    /// Drops gapped entries for which `too_old` holds.
    pub(super) fn expire(&mut self, too_old: impl Fn(&Entry) -> bool) -> Vec<Arc<Pooled>> {
        let next = self.next_nonce();
        self.drop_where(|nonce, entry| nonce >= next && too_old(entry))
    }

    fn drop_where(&mut self, gone: impl Fn(u64, &Entry) -> bool) -> Vec<Arc<Pooled>> {
        let (mut dropped, mut cost) = (Vec::new(), U256::ZERO);
        self.entries.retain(|nonce, entry| {
            let gone = gone(*nonce, entry);
            if gone {
                dropped.push(Arc::clone(&entry.pooled));
            } else {
                cost = cost.saturating_add(entry.cost());
            }
            !gone
        });
        self.cost = cost;
        self.ready = 0;
        self.extend_ready();
        dropped
    }

    fn extend_ready(&mut self) {
        while self.entries.contains_key(&self.next_nonce()) {
            self.ready += 1;
        }
    }
}
