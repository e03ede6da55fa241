//! Which transactions wait and in which order they are offered to a block: pure, no clock, no I/O.
//!
//! Gas may be free, so price orders nothing. Blocks are filled by turns: source after source (RPC client or peer),
//! within a source sender after sender, oldest ready first, and each sender's nonces in order. So neither one sender
//! nor one source with many fresh senders can keep others out.

mod queue;
mod tally;
mod turns;

pub use turns::Turns;

use super::{Limits, Origin, PoolError, Pooled, admission};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, U256};
use queue::{Entry, Queue};
use std::{collections::HashMap, sync::Arc};
use tally::{Held, Tally};

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
    held: Tally,
    /// Those that wait for an earlier nonce.
    gapped: Tally,
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
            held: Tally::default(),
            gapped: Tally::default(),
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
        self.check_sender(&pooled, state, replaced.as_deref())?;
        if let Some(old) = replaced {
            self.forget(&old);
        }
        self.arrivals += 1;
        let entry = Entry {
            pooled: Arc::clone(&pooled),
            arrival: self.arrivals,
            arrived_s: now_s,
            told: self.heads,
            // Peers knew of it before the restart; they are reminded.
            announced: pooled.origin == Origin::Journal,
        };
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

    /// After a block: what was mined leaves, and each given sender's queue follows its new state. Returns senders for whom a
    /// gap closed, and the nonce from which on theirs are executable now.
    pub fn on_new_head(&mut self, mined: &[B256], touched: &[(Address, Sender)]) -> Vec<(Address, u64)> {
        self.heads += 1;
        let mut closed = Vec::new();
        for (address, state) in touched {
            let Some(queue) = self.senders.get(address) else { continue };
            if queue.gapped_len() > 0 {
                closed.push((*address, queue.next_nonce().max(state.nonce)));
            }
            self.advance(address, *state);
        }
        // Nothing of a sender that was given is left of them: one by one only what nobody's new state explains.
        for hash in mined {
            self.remove(hash);
        }
        closed
    }

    fn advance(&mut self, sender: &Address, state: Sender) {
        if let Some(dropped) = self.change(sender, |queue| queue.advance(state)) {
            self.settle(*sender, &dropped);
        }
    }

    /// The state of a sender of whom something waits, read anew: a queue follows the blocks that its sender has transactions in, and
    /// does not see what others pay to it.
    pub fn renew(&mut self, sender: &Address, state: Sender) {
        let Some(known) = self.senders.get(sender).map(Queue::state) else { return };
        if known != state && known.nonce <= state.nonce {
            self.advance(sender, state);
        }
    }

    /// Whether something of the sender waits, and by the state that is known of it so much more can be paid.
    pub fn affords(&self, sender: &Address, cost: U256) -> bool {
        self.senders.get(sender).is_some_and(|queue| queue.affords(cost))
    }

    /// Of these senders, what is executable from these nonces on and peers were not told of; it counts as told now. Of what was
    /// submitted here, that which came among the first `durable` arrivals.
    pub fn tell(&mut self, from: impl IntoIterator<Item = (Address, u64)>, durable: u64) -> Vec<Arc<Pooled>> {
        let mut told = Vec::new();
        for (sender, nonce) in from {
            if let Some(queue) = self.senders.get_mut(&sender) {
                queue.tell(nonce, (self.heads, durable), &mut told);
            }
        }
        told
    }

    /// Submitted transactions that are executable and that peers were not told of for `heads` blocks, or not at all: at most
    /// `most`, longest untold first. They count as told now. Only what came among the first `durable` arrivals.
    pub fn untold(&mut self, heads: u64, most: usize, durable: u64) -> Vec<Arc<Pooled>> {
        if self.local().0 == 0 {
            return Vec::new();
        }
        let now = self.heads;
        let due = |entry: &&mut Entry| {
            let is_due = !entry.announced || entry.told.saturating_add(heads) <= now;
            is_due && entry.pooled.is_local() && entry.may_be_told(durable)
        };
        let mut due: Vec<&mut Entry> =
            self.senders.values_mut().flat_map(Queue::ready_entries).filter(due).collect();
        due.sort_unstable_by_key(|entry| (entry.told, entry.arrival));
        due.truncate(most);
        let tell = |entry: &mut Entry| {
            (entry.announced, entry.told) = (true, now);
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
        Turns::new(self.senders.values(), u64::MAX)
    }

    /// The same, of senders of whom something came after so many arrivals: what was there before is in it too. What was
    /// submitted here after `settled` arrivals is left out, with what follows it: peers may not have it yet.
    pub fn best_since(&self, arrivals: u64, settled: u64) -> Turns {
        Turns::new(self.senders.values().filter(|queue| queue.newest() > arrivals), settled)
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

    /// What is executable, each sender's in order of nonce; of what was submitted here that which came among the first `durable`
    /// arrivals.
    pub fn executable(&self, durable: u64) -> impl Iterator<Item = &Arc<Pooled>> {
        self.senders.values().flat_map(move |queue| queue.settled(durable))
    }

    /// Everything, by sender.
    pub fn content(&self) -> impl Iterator<Item = Content> + '_ {
        self.senders.iter().map(|(sender, queue)| queue.content(*sender))
    }

    /// What waits of one sender; nobody else's is looked at.
    pub fn content_from(&self, sender: &Address) -> Option<Content> {
        self.senders.get(sender).map(|queue| queue.content(*sender))
    }

    /// The nonce after the sender's executable transactions, if it has any.
    pub fn pending_nonce(&self, sender: &Address) -> Option<u64> {
        self.senders.get(sender).map(Queue::next_nonce)
    }

    /// How many wait.
    pub fn stats(&self) -> Stats {
        let (all, local) = (self.held.all(), self.held.side(true));
        let queued = self.gapped.all().count;
        Stats {
            pending: all.count - queued,
            queued,
            bytes: all.bytes,
            local: local.count,
            local_bytes: local.bytes,
        }
    }

    /// Submitted transactions that wait: how many, and their encoded bytes.
    pub fn local(&self) -> (usize, usize) {
        let local = self.held.side(true);
        (local.count, local.bytes)
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
        let after = |held: Held, freed: fn(&Pooled) -> bool| {
            held.exchanged(Held::one(bytes), place(old.filter(|old| freed(old))))
        };
        let most = Held { count: limits.transactions, bytes: limits.bytes };
        let full = after(self.held.all(), |_| true).exceeds(most);
        let kept = |all: usize| all - all.checked_div(limits.local_share).unwrap_or(0);
        let peers = Held { count: kept(most.count), bytes: kept(most.bytes) };
        let peers_full = after(self.held.side(false), |old| !old.is_local()).exceeds(peers);
        if full || (!is_local && peers_full) {
            return Err(PoolError::Full);
        }
        // Accepted before, within the limits of then: a restart must not turn it away.
        if origin == Origin::Journal {
            return Ok(());
        }
        let most = if is_local {
            Held { count: limits.per_source, bytes: limits.per_source_bytes }
        } else {
            Held { count: limits.per_peer, bytes: limits.per_peer_bytes }
        };
        let have = self.held.of(origin.source());
        let freed = place(old.filter(|old| old.origin.source() == origin.source()));
        let after = have.exchanged(Held::one(bytes), freed);
        if after.count > most.count {
            return Err(PoolError::SourceLimit { have: have.count, limit: most.count });
        }
        if after.bytes > most.bytes {
            return Err(PoolError::SourceBytes { have: have.bytes, size: bytes, limit: most.bytes });
        }
        Ok(())
    }

    /// Room for one more of the sender, `old` being replaced.
    fn check_sender(&self, new: &Pooled, state: Sender, old: Option<&Pooled>) -> Result<(), PoolError> {
        let limits = &self.limits;
        if new.origin == Origin::Journal {
            return Ok(());
        }
        let queue = self.senders.get(&new.recovered.sender);
        let have = queue.map_or(0, Queue::len);
        if old.is_none() && have >= limits.per_sender {
            return Err(PoolError::AccountLimit { have, limit: limits.per_sender });
        }
        let (next, got) = (queue.map_or(state.nonce, Queue::next_nonce), new.recovered.tx.nonce());
        if got <= next {
            return Ok(());
        }
        let have = queue.map_or(0, Queue::gapped_len);
        if old.is_none() && have >= limits.gapped_per_sender {
            return Err(PoolError::AccountLimit { have, limit: limits.gapped_per_sender });
        }
        if self.gaps_are_full(new, old) { Err(PoolError::GapsFull { next, got }) } else { Ok(()) }
    }

    /// What waits for an earlier nonce no block can take, and so nothing but time makes it leave.
    fn gaps_are_full(&self, new: &Pooled, old: Option<&Pooled>) -> bool {
        let limits = &self.limits;
        let (is_local, source) = (new.is_local(), new.origin.source());
        let all = Held {
            count: if is_local { limits.gapped_local } else { limits.gapped_peers },
            bytes: limits.gapped_bytes,
        };
        let own = Held { count: limits.gapped_per_source, bytes: limits.gapped_per_source_bytes };
        let one = Held::one(new.raw.len());
        let of_side = place(old.filter(|old| old.is_local() == is_local));
        let of_source = place(old.filter(|old| old.origin.source() == source));
        self.gapped.side(is_local).exchanged(one, of_side).exceeds(all)
            || self.gapped.of(source).exchanged(one, of_source).exceeds(own)
    }

    /// Changes a sender's queue and keeps count of what waits in it for an earlier nonce.
    fn change<T>(&mut self, sender: &Address, change: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        let queue = self.senders.get_mut(sender)?;
        queue.gapped().for_each(|pooled| self.gapped.take(pooled));
        let result = change(queue);
        queue.gapped().for_each(|pooled| self.gapped.add(pooled));
        Some(result)
    }

    fn remember(&mut self, pooled: Arc<Pooled>) {
        self.held.add(&pooled);
        self.by_hash.insert(pooled.recovered.hash, pooled);
    }

    fn forget(&mut self, pooled: &Pooled) {
        if self.by_hash.remove(&pooled.recovered.hash).is_some() {
            self.held.take(pooled);
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

/// What a transaction gives back that is replaced.
fn place(old: Option<&Pooled>) -> Held {
    old.map_or(Held::default(), |old| Held::one(old.raw.len()))
}

#[cfg(test)]
mod tests;
