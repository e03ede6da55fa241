//! A batch on its way into the core.

use crate::pool::{Origin, Pool, PoolError, Pooled, State, admission, admission::Rules, core::Sender, raw};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use ledger::Recovered;
use rayon::prelude::*;
use std::{collections::HashMap, sync::Arc};

/// Heads that may pass between reading a sender's state and entering the pool before the client is told to retry.
const HEAD_RACES: usize = 8;
const OVERTAKEN: &str = "blocks arrive faster than the account can be read, send it again";
/// Signatures that are worth another thread: about a millisecond of recovery.
const CHUNK: usize = 32;

/// What became of a batch.
pub(super) struct Entered {
    /// In the order of the batch.
    pub(super) outcomes: Vec<Result<B256, PoolError>>,
    /// Those that are new here.
    pub(super) fresh: Vec<Arc<Pooled>>,
}

/// States of senders after one block; a sender that may not send has its refusal.
struct Senders {
    head: u64,
    states: HashMap<Address, Result<Sender, PoolError>>,
}

impl Pool {
    /// Takes a batch into the core. Blocking.
    pub(super) fn admit(&self, batch: Vec<(Bytes, Origin)>) -> Entered {
        self.admit_then(batch, |_, _| ()).0
    }

    /// The same; `then` sees what entered while the core is still locked.
    pub(super) fn admit_then<T>(
        &self,
        batch: Vec<(Bytes, Origin)>,
        then: impl FnOnce(&mut State, &Entered) -> T,
    ) -> (Entered, T) {
        let candidates = self.candidates(batch);
        let mut senders = self.read_senders(&candidates);
        let mut races = 0;
        loop {
            let mut state = self.shared.core.lock();
            if races == HEAD_RACES || senders.are_of(&state, &candidates) {
                let entered = enter(candidates, &senders, &mut state, self.now_s());
                let then = then(&mut state, &entered);
                return (entered, then);
            }
            drop(state);
            races += 1;
            senders = self.read_senders(&candidates);
        }
    }

    /// Everything before state: what is known or finds no room is left, the rest decoded, checked and recovered.
    fn candidates(&self, batch: Vec<(Bytes, Origin)>) -> Vec<Result<Arc<Pooled>, PoolError>> {
        let hashes: Vec<B256> = batch.iter().map(|(raw, _)| keccak256(raw)).collect();
        let refusals: Vec<Option<PoolError>> = {
            let state = self.shared.core.lock();
            let refusal = |((raw, origin), hash): (&(Bytes, Origin), &B256)| {
                state.core.refuses_unseen(hash, raw.len(), *origin)
            };
            batch.iter().zip(&hashes).map(refusal).collect()
        };
        let rules = *self.shared.rules.read();
        let one = |((raw, origin), refusal): ((Bytes, Origin), Option<PoolError>)| match refusal {
            Some(refusal) => Err(refusal),
            None => recover(raw, origin, rules),
        };
        let both = batch.into_par_iter().zip(refusals.into_par_iter());
        both.with_min_len(CHUNK).map(one).collect()
    }

    /// States of the senders of whom nothing waits yet; the others' are in the core.
    fn read_senders(&self, candidates: &[Result<Arc<Pooled>, PoolError>]) -> Senders {
        let mut unknown: Vec<Address> =
            candidates.iter().flatten().map(|pooled| pooled.recovered.sender).collect();
        unknown.sort_unstable();
        unknown.dedup();
        {
            let state = self.shared.core.lock();
            unknown.retain(|sender| state.core.pending_nonce(sender).is_none());
        }
        let head = self.shared.ledger.head().number;
        let states = unknown.into_iter().map(|sender| (sender, self.read_sender(sender, head))).collect();
        Senders { head, states }
    }
}

impl Senders {
    /// Whether each sender's state is here or in the core, and not older than the core's.
    fn are_of(&self, state: &State, candidates: &[Result<Arc<Pooled>, PoolError>]) -> bool {
        let has =
            |sender: &Address| self.states.contains_key(sender) || state.core.pending_nonce(sender).is_some();
        self.head >= state.head && candidates.iter().flatten().all(|pooled| has(&pooled.recovered.sender))
    }
}

/// The one signature recovery of a transaction's life.
fn recover(raw: Bytes, origin: Origin, rules: Rules) -> Result<Arc<Pooled>, PoolError> {
    let tx = raw::decode(&raw)?;
    let rules = if origin == Origin::Journal { rules.without_passing() } else { rules };
    admission::check(&tx, &rules)?;
    let (sender, hash) = (admission::recover(&tx)?, *tx.tx_hash());
    Ok(Arc::new(Pooled { recovered: Recovered { tx: Arc::new(tx), sender, hash }, raw, origin }))
}

/// Enters what can; the lock is held by the caller.
fn enter(
    candidates: Vec<Result<Arc<Pooled>, PoolError>>,
    senders: &Senders,
    state: &mut State,
    now_s: u64,
) -> Entered {
    let mut fresh = Vec::with_capacity(candidates.len());
    let mut one = |candidate: Result<Arc<Pooled>, PoolError>| {
        let pooled = candidate?;
        let hash = pooled.recovered.hash;
        let sender = &pooled.recovered.sender;
        let known = match senders.states.get(sender) {
            // Of a sender of whom something waits the core's own state counts.
            _ if state.core.pending_nonce(sender).is_some() => Sender::default(),
            Some(Ok(known)) if senders.head >= state.head => *known,
            Some(Err(refusal)) => return Err(refusal.clone()),
            _ => return Err(PoolError::Ledger(OVERTAKEN.to_string())),
        };
        state.core.insert(Arc::clone(&pooled), known, now_s)?;
        fresh.push(pooled);
        Ok(hash)
    };
    let outcomes = candidates.into_iter().map(&mut one).collect();
    Entered { outcomes, fresh }
}
