//! Which transactions wait and in which order they are offered to a block: pure, no clock, no I/O.
//!
//! Gas may be free, so price orders nothing. Blocks are filled by turns: source after source (RPC client or peer),
//! within a source sender after sender, oldest ready first, and each sender's nonces in order. So neither one sender
//! nor one source with many fresh senders can keep others out.

mod queue;
mod turns;

pub use turns::Turns;

use super::{Limits, Origin, PoolError, Pooled, Source, admission};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, U256};
use queue::{Entry, Queue};
use std::{collections::HashMap, sync::Arc};

/// What state says of a sender after the head block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Next nonce.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
}

/// How many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Executable now.
    pub pending: usize,
    /// Waiting for an earlier nonce.
    pub queued: usize,
    /// Encoded bytes of both.
    pub bytes: usize,
    /// Of both, those submitted to this node.
    pub local: usize,
    /// Encoded bytes of those.
    pub local_bytes: usize,
}

/// One sender's transactions, each list in nonce order.
#[derive(Clone, Debug)]
pub struct Content {
    /// Whose.
    pub sender: Address,
    /// Executable now.
    pub pending: Vec<Arc<Pooled>>,
    /// Waiting for an earlier nonce.
    pub queued: Vec<Arc<Pooled>>,
}

/// The waiting transactions.
#[derive(Debug)]
pub struct Core {
    limits: Limits,
    senders: HashMap<Address, Queue>,
    by_hash: HashMap<B256, Arc<Pooled>>,
    sources: HashMap<Source, usize>,
    bytes: usize,
    local: usize,
    local_bytes: usize,
    /// Of peers' transactions, those that wait for an earlier nonce.
    gapped_peers: usize,
    arrivals: u64,
    heads: u64,
}

impl Core {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            senders: HashMap::new(),
            by_hash: HashMap::new(),
            sources: HashMap::new(),
            bytes: 0,
            local: 0,
            local_bytes: 0,
            gapped_peers: 0,
            arrivals: 0,
            heads: 0,
        }
    }

    /// Takes a transaction in, or says why not; refusal changes nothing. `now_s` is any monotonic clock in seconds.
    pub fn insert(&mut self, pooled: Arc<Pooled>, state: Sender, now_s: u64) -> Result<(), PoolError> {
        let (tx, sender) = (&pooled.recovered.tx, pooled.recovered.sender);
        if self.by_hash.contains_key(&pooled.recovered.hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let state = self.senders.get(&sender).map_or(state, Queue::state);
        if tx.nonce() < state.nonce {
            return Err(PoolError::NonceTooLow { next: state.nonce, got: tx.nonce() });
        }
        self.check_funds(&pooled, state)?;
        let replaced = self.senders.get(&sender).and_then(|queue| queue.at(tx.nonce())).map(Arc::clone);
        if let Some(old) = &replaced {
            self.check_replacement(old, &pooled)?;
        }
        self.check_room(&pooled, replaced.as_deref())?;
        if replaced.is_none() {
            self.check_sender(&pooled, state)?;
        }
        if let Some(old) = replaced {
            self.forget(&old);
        }
        self.arrivals += 1;
        let entry =
            Entry { pooled: Arc::clone(&pooled), arrival: self.arrivals, arrived_s: now_s, told: self.heads };
        self.senders.entry(sender).or_insert_with(|| Queue::new(state));
        self.change(&sender, |queue| queue.insert(entry));
        self.remember(pooled);
        Ok(())
    }

    /// Why a transaction that was not looked at yet is refused: it is known, or nothing more is taken from its source. A
    /// full pool so costs a flooder more than it costs us; that something might be replaced is found out too late.
    pub fn refuses_unseen(&self, hash: &B256, bytes: usize, origin: Origin) -> Option<PoolError> {
        if self.by_hash.contains_key(hash) {
            return Some(PoolError::AlreadyKnown);
        }
        self.check_places(bytes, origin, None).err()
    }

    /// After a block: what was mined leaves, and each given sender's queue follows its new state.
    pub fn on_new_head(&mut self, mined: &[B256], touched: &[(Address, Sender)]) {
        self.heads += 1;
        for (address, state) in touched {
            let Some(dropped) = self.change(address, |queue| queue.advance(*state)) else { continue };
            self.settle(*address, &dropped);
        }
        // Nothing of a sender that was given is left of them: one by one only what nobody's new state explains.
        for hash in mined {
            self.remove(hash);
        }
    }

    /// Submitted transactions that are executable and that peers were not told of for `heads` blocks: at most `most`,
    /// longest untold first. They count as told now.
    pub fn untold(&mut self, heads: u64, most: usize) -> Vec<Arc<Pooled>> {
        if self.local == 0 {
            return Vec::new();
        }
        let now = self.heads;
        let due = |entry: &&mut Entry| entry.pooled.is_local() && entry.told.saturating_add(heads) <= now;
        let mut due: Vec<&mut Entry> =
            self.senders.values_mut().flat_map(Queue::ready_entries).filter(due).collect();
        due.sort_unstable_by_key(|entry| (entry.told, entry.arrival));
        due.truncate(most);
        let tell = |entry: &mut Entry| {
            entry.told = now;
            Arc::clone(&entry.pooled)
        };
        due.into_iter().map(tell).collect()
    }

    /// Drops transactions that waited too long for an earlier nonce.
    pub fn expire(&mut self, now_s: u64) {
        let limits = self.limits;
        let gapped = self.senders.iter().filter(|(_, queue)| queue.gapped_len() > 0);
        let addresses: Vec<Address> = gapped.map(|(address, _)| *address).collect();
        for address in addresses {
            let too_old = |entry: &Entry| {
                let life =
                    if entry.pooled.is_local() { limits.gapped_life_local_s } else { limits.gapped_life_s };
                now_s.saturating_sub(entry.arrived_s) > life
            };
            let Some(dropped) = self.change(&address, |queue| queue.expire(too_old)) else { continue };
            self.settle(address, &dropped);
        }
    }

    /// Books a peer's transaction as submitted here; false when it is not one.
    pub fn adopt(&mut self, hash: &B256, origin: Origin) -> bool {
        let Some(old) = self.by_hash.get(hash).filter(|pooled| !pooled.is_local()).map(Arc::clone) else {
            return false;
        };
        let new = Arc::new(Pooled { origin, ..Pooled::clone(&old) });
        self.change(&old.recovered.sender, |queue| queue.exchange(Arc::clone(&new)));
        self.forget(&old);
        self.remember(new);
        true
    }

    /// Takes one out, whatever its place.
    pub fn remove(&mut self, hash: &B256) -> Option<Arc<Pooled>> {
        let pooled = Arc::clone(self.by_hash.get(hash)?);
        let sender = pooled.recovered.sender;
        self.change(&sender, |queue| queue.remove(pooled.recovered.tx.nonce()));
        self.settle(sender, std::slice::from_ref(&pooled));
        Some(pooled)
    }

    /// Executable transactions in the order in which a block should take them; a snapshot.
    pub fn best(&self) -> Turns {
        Turns::new(self.senders.values())
    }

    /// The same, of senders of whom something came after so many arrivals: what was there before is in it too.
    pub fn best_since(&self, arrivals: u64) -> Turns {
        Turns::new(self.senders.values().filter(|queue| queue.newest() > arrivals))
    }

    /// How many transactions ever came in.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// By hash.
    pub fn get(&self, hash: &B256) -> Option<&Arc<Pooled>> {
        self.by_hash.get(hash)
    }

    /// Everything, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Pooled>> {
        self.by_hash.values()
    }

    /// Everything, by sender.
    pub fn content(&self) -> impl Iterator<Item = Content> + '_ {
        self.senders.iter().map(|(sender, queue)| Content {
            sender: *sender,
            pending: queue.ready().map(Arc::clone).collect(),
            queued: queue.gapped().map(Arc::clone).collect(),
        })
    }

    /// The nonce after the sender's executable transactions, if it has any.
    pub fn pending_nonce(&self, sender: &Address) -> Option<u64> {
        self.senders.get(sender).map(Queue::next_nonce)
    }

    /// How many wait.
    pub fn stats(&self) -> Stats {
        let pending = self.senders.values().map(Queue::ready_len).sum();
        Stats {
            pending,
            queued: self.by_hash.len() - pending,
            bytes: self.bytes,
            local: self.local,
            local_bytes: self.local_bytes,
        }
    }

    /// Submitted transactions that wait: how many, and their encoded bytes.
    pub fn local(&self) -> (usize, usize) {
        (self.local, self.local_bytes)
    }

    fn check_replacement(&self, old: &Pooled, new: &Pooled) -> Result<(), PoolError> {
        let (old, new) = (&old.recovered.tx, &new.recovered.tx);
        let tip =
            |tx: &alloy_consensus::TxEnvelope| tx.max_priority_fee_per_gas().unwrap_or(tx.max_fee_per_gas());
        let bumped = |old: u128, new: u128| {
            let least = old.saturating_mul(100 + self.limits.price_bump_percent) / 100;
            new > old && new >= least
        };
        if bumped(old.max_fee_per_gas(), new.max_fee_per_gas()) && bumped(tip(old), tip(new)) {
            Ok(())
        } else {
            Err(PoolError::ReplacementUnderpriced)
        }
    }

    /// Each must be affordable, and all that a sender was promised for together. What was accepted before a restart
    /// is kept whatever the balance is now.
    fn check_funds(&self, new: &Pooled, state: Sender) -> Result<(), PoolError> {
        if new.origin == Origin::Journal {
            return Ok(());
        }
        let (balance, cost) = (state.balance, admission::cost(&new.recovered.tx));
        if cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost });
        }
        let queue = self.senders.get(&new.recovered.sender);
        let queued = queue.map_or(U256::ZERO, |queue| queue.cost_without(new.recovered.tx.nonce()));
        if queued.saturating_add(cost) > balance {
            return Err(PoolError::InsufficientFundsQueued { balance, queued, cost });
        }
        Ok(())
    }

    /// Room in the whole pool and for the source, `old` being replaced. Part of the room is kept for submissions.
    fn check_room(&self, new: &Pooled, old: Option<&Pooled>) -> Result<(), PoolError> {
        self.check_places(new.raw.len(), new.origin, old)
    }

    fn check_places(&self, bytes: usize, origin: Origin, old: Option<&Pooled>) -> Result<(), PoolError> {
        let limits = &self.limits;
        let is_local = !matches!(origin, Origin::Peer(_));
        let freed =
            |of: fn(&Pooled) -> bool| old.filter(|old| of(old)).map_or((0, 0), |old| (1, old.raw.len()));
        let exceeds = |(places, held): (usize, usize), freed: (usize, usize), most: (usize, usize)| {
            places - freed.0 + 1 > most.0 || held - freed.1 + bytes > most.1
        };
        let most = (limits.transactions, limits.bytes);
        let full = exceeds((self.by_hash.len(), self.bytes), freed(|_| true), most);
        let kept = |all: usize| all - all.checked_div(limits.local_share).unwrap_or(0);
        let peers = (self.by_hash.len() - self.local, self.bytes - self.local_bytes);
        let peers_full = exceeds(peers, freed(|old| !old.is_local()), (kept(most.0), kept(most.1)));
        if full || (!is_local && peers_full) {
            return Err(PoolError::Full);
        }
        let source = origin.source();
        let have = self.sources.get(&source).copied().unwrap_or(0);
        let freed = usize::from(old.is_some_and(|old| old.origin.source() == source));
        // Accepted before, within the limits of then: a restart must not turn it away.
        let limit = if is_local { limits.per_source } else { limits.per_peer };
        if origin != Origin::Journal && have - freed >= limit {
            return Err(PoolError::SourceLimit { have, limit });
        }
        Ok(())
    }

    /// Room for one more of the sender.
    fn check_sender(&self, new: &Pooled, state: Sender) -> Result<(), PoolError> {
        let limits = &self.limits;
        if new.origin == Origin::Journal {
            return Ok(());
        }
        let queue = self.senders.get(&new.recovered.sender);
        let have = queue.map_or(0, Queue::len);
        if have >= limits.per_sender {
            return Err(PoolError::AccountLimit { have, limit: limits.per_sender });
        }
        let next = queue.map_or(state.nonce, Queue::next_nonce);
        let have = queue.map_or(0, Queue::gapped_len);
        let gapped = new.recovered.tx.nonce() > next;
        if gapped && have >= limits.gapped_per_sender {
            return Err(PoolError::AccountLimit { have, limit: limits.gapped_per_sender });
        }
        if gapped && !new.is_local() && self.gapped_peers >= limits.gapped_peers {
            return Err(PoolError::Full);
        }
        Ok(())
    }

    /// Changes a sender's queue and keeps count of what waits in it for an earlier nonce.
    fn change<T>(&mut self, sender: &Address, change: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        let queue = self.senders.get_mut(sender)?;
        let before = queue.gapped_peers();
        let result = change(queue);
        self.gapped_peers = self.gapped_peers + queue.gapped_peers() - before;
        Some(result)
    }

    fn remember(&mut self, pooled: Arc<Pooled>) {
        self.bytes += pooled.raw.len();
        if pooled.is_local() {
            self.local += 1;
            self.local_bytes += pooled.raw.len();
        }
        *self.sources.entry(pooled.origin.source()).or_default() += 1;
        self.by_hash.insert(pooled.recovered.hash, pooled);
    }

    fn forget(&mut self, pooled: &Pooled) {
        if self.by_hash.remove(&pooled.recovered.hash).is_none() {
            return;
        }
        self.bytes -= pooled.raw.len();
        if pooled.is_local() {
            self.local -= 1;
            self.local_bytes -= pooled.raw.len();
        }
        let source = pooled.origin.source();
        if let Some(count) = self.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }

    /// Books transactions that left a queue, and forgets the sender when nothing of it waits.
    fn settle(&mut self, sender: Address, dropped: &[Arc<Pooled>]) {
        for pooled in dropped {
            self.forget(pooled);
        }
        if self.senders.get(&sender).is_some_and(|queue| queue.len() == 0) {
            self.senders.remove(&sender);
        }
    }
}

#[cfg(test)]
mod tests;
