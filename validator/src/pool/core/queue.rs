//! One sender's transactions by nonce.

use super::{Sender, admission};
use crate::pool::Pooled;
use alloy_consensus::Transaction;
use alloy_primitives::U256;
use std::{collections::BTreeMap, sync::Arc};

/// A waiting transaction.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) pooled: Arc<Pooled>,
    /// Order of arrival in the whole pool.
    pub(super) arrival: u64,
    pub(super) arrived_s: u64,
    /// Head counter of the pool when peers were last told of it.
    pub(super) told: u64,
}

/// Nonces at or above the state's; those contiguous from it are ready.
#[derive(Debug)]
pub(super) struct Queue {
    state: Sender,
    entries: BTreeMap<u64, Entry>,
    ready: usize,
    /// Arrival of the newest entry there ever was.
    newest: u64,
}

impl Queue {
    pub(super) fn new(state: Sender) -> Self {
        Self { state, entries: BTreeMap::new(), ready: 0, newest: 0 }
    }

    pub(super) fn state(&self) -> Sender {
        self.state
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn ready_len(&self) -> usize {
        self.ready
    }

    pub(super) fn gapped_len(&self) -> usize {
        self.entries.len() - self.ready
    }

    /// Of those that wait for an earlier nonce, the ones that peers sent.
    pub(super) fn gapped_peers(&self) -> usize {
        let gapped = self.entries.range(self.next_nonce()..);
        gapped.filter(|(_, entry)| !entry.pooled.is_local()).count()
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
        self.entries.values().skip(self.ready).map(|entry| &entry.pooled)
    }

    /// What all of them together can take from the sender, the one with this nonce left out.
    pub(super) fn cost_without(&self, nonce: u64) -> U256 {
        let others = self.entries.iter().filter(|(other, _)| **other != nonce);
        others.fold(U256::ZERO, |sum, (_, entry)| {
            sum.saturating_add(admission::cost(&entry.pooled.recovered.tx))
        })
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
        self.entries.insert(entry.pooled.recovered.tx.nonce(), entry);
        self.extend_ready();
    }

    /// The same transaction, booked otherwise.
    pub(super) fn exchange(&mut self, pooled: Arc<Pooled>) {
        if let Some(entry) = self.entries.get_mut(&pooled.recovered.tx.nonce()) {
            entry.pooled = pooled;
        }
    }

    pub(super) fn remove(&mut self, nonce: u64) {
        if self.entries.remove(&nonce).is_some() {
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
        let mut dropped = Vec::new();
        self.entries.retain(|nonce, entry| {
            let gone = gone(*nonce, entry);
            if gone {
                dropped.push(Arc::clone(&entry.pooled));
            }
            !gone
        });
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
