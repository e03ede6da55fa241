//! A batch on its way into the core.

use crate::pool::{Origin, Pool, PoolError, Pooled, State, admission, admission::Rules, core::Sender, raw};
use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use ledger::Recovered;
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Heads that may pass between reading a sender's state and entering the pool before the client is told to retry.
const HEAD_RACES: usize = 8;
const OVERTAKEN: &str = "blocks arrive faster than the account can be read, send it again";
/// Signatures that are worth another thread: about a millisecond of recovery.
const CHUNK: usize = 32;

/// Claims that are checked together, least and most, when they are spread over the cores.
const CLAIMS: (usize, usize) = (256, 1024);

/// A transaction on its way in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// Where it comes from.
    pub origin: Origin,
    /// Who signed it, if its origin says so; nothing is taken in before that was checked.
    pub signer: Option<Address>,
}

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
    pub(super) fn admit(&self, batch: Vec<Arrival>) -> Entered {
        self.admit_then(batch, |_, _| ()).0
    }

    /// The same; `then` sees what entered while the core is still locked.
    pub(super) fn admit_then<T>(
        &self,
        batch: Vec<Arrival>,
        then: impl FnOnce(&mut State, &Entered) -> T,
    ) -> (Entered, T) {
        let candidates = self.candidates(batch);
        let costs = costs(&candidates);
        let mut senders = self.read_senders(&costs);
        let mut races = 0;
        loop {
            let mut state = self.shared.core.lock();
            if races == HEAD_RACES || senders.are_of(&state, &costs) {
                let entered = enter(candidates, &senders, &mut state, self.now_s());
                for error in entered.outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
                    *state.refused.entry(error.label()).or_default() += 1;
                }
                let then = then(&mut state, &entered);
                return (entered, then);
            }
            drop(state);
            races += 1;
            senders = self.read_senders(&costs);
        }
    }

    /// Everything before state: what is known or finds no room is left, the rest decoded, checked and its signer found.
    fn candidates(&self, batch: Vec<Arrival>) -> Vec<Result<Arc<Pooled>, PoolError>> {
        let hashes: Vec<B256> = batch.iter().map(|arrival| keccak256(&arrival.raw)).collect();
        let refusals: Vec<Option<PoolError>> = {
            let state = self.shared.core.lock();
            let refusal = |(arrival, hash): (&Arrival, &B256)| {
                state.core.refuses_unseen(hash, arrival.raw.len(), arrival.origin)
            };
            batch.iter().zip(&hashes).map(refusal).collect()
        };
        match &self.shared.threads {
            Some(threads) => threads.install(|| self.checked(batch, refusals)),
            None => self.checked(batch, refusals),
        }
    }

    /// Decodes and checks what was not refused unseen.
    fn checked(
        &self,
        batch: Vec<Arrival>,
        refusals: Vec<Option<PoolError>>,
    ) -> Vec<Result<Arc<Pooled>, PoolError>> {
        let rules = *self.shared.rules.read();
        let read = |(arrival, refusal): (Arrival, Option<PoolError>)| match refusal {
            Some(refusal) => Err(refusal),
            None => Ok((decoded(&arrival, rules)?, arrival)),
        };
        let both = batch.into_par_iter().zip(refusals.into_par_iter());
        let read: Vec<Result<(TxEnvelope, Arrival), PoolError>> =
            both.with_min_len(CHUNK).map(read).collect();
        let claims: Vec<(&TxEnvelope, Address)> =
            read.iter().flatten().filter_map(|(tx, arrival)| Some((tx, arrival.signer?))).collect();
        let holds = self.claims_hold(&claims);
        let mut holds = holds.into_iter();
        let answered: Vec<_> = read
            .into_iter()
            .map(|read| read.map(|(tx, arrival)| (tx, arrival.signer.and_then(|_| holds.next()), arrival)))
            .collect();
        let pooled = |read: Result<(TxEnvelope, Option<bool>, Arrival), PoolError>| {
            let (tx, holds, arrival) = read?;
            pooled(tx, holds, arrival).map(Arc::new)
        };
        answered.into_par_iter().with_min_len(CHUNK).map(pooled).collect()
    }

    /// Which claims of peers about signers hold, in order.
    fn claims_hold(&self, claims: &[(&TxEnvelope, Address)]) -> Vec<bool> {
        let part = claims.len().div_ceil(rayon::current_num_threads()).clamp(CLAIMS.0, CLAIMS.1);
        let parts = claims.par_chunks(part).map(|part| self.shared.keys.check(part, &mut rand::rng()));
        parts.collect::<Vec<_>>().concat()
    }

    /// States of the senders of whom nothing waits yet; the others' are in the core. There a balance is of the last block with a
    /// transaction of theirs: before it refuses one it is read again, since somebody may have paid to them.
    fn read_senders(&self, costs: &Costs) -> Senders {
        let unknown: Vec<Address> = {
            let state = self.shared.core.lock();
            costs
                .iter()
                .filter(|(sender, cost)| !state.core.affords(sender, **cost))
                .map(|(s, _)| *s)
                .collect()
        };
        let head = self.shared.ledger.head().number;
        let states = unknown.into_iter().map(|sender| (sender, self.read_sender(sender, head))).collect();
        Senders { head, states }
    }
}

impl Senders {
    /// Whether each sender's state is here, not older than the core's, or in the core and enough.
    fn are_of(&self, state: &State, costs: &Costs) -> bool {
        let mut costs = costs.iter();
        self.head >= state.head
            && costs
                .all(|(sender, cost)| self.states.contains_key(sender) || state.core.affords(sender, *cost))
    }
}

/// What a batch can take from each of its senders.
type Costs = BTreeMap<Address, U256>;

fn costs(candidates: &[Result<Arc<Pooled>, PoolError>]) -> Costs {
    let mut costs = Costs::new();
    for Recovered { sender, tx, .. } in candidates.iter().flatten().map(|pooled| &pooled.recovered) {
        let cost = costs.entry(*sender).or_default();
        *cost = cost.saturating_add(admission::cost(tx));
    }
    costs
}

fn decoded(arrival: &Arrival, rules: Rules) -> Result<TxEnvelope, PoolError> {
    let tx = raw::decode(&arrival.raw)?;
    let rules = if arrival.origin == Origin::Journal { rules.without_passing() } else { rules };
    admission::check(&tx, &rules)?;
    Ok(tx)
}

/// The one look at a transaction's signature in its life, unless the peer's claim about it was checked already.
fn pooled(tx: TxEnvelope, holds: Option<bool>, arrival: Arrival) -> Result<Pooled, PoolError> {
    let Arrival { raw, origin, signer } = arrival;
    let sender = match (signer, holds) {
        (Some(signer), Some(true)) => signer,
        (Some(signer), Some(false)) => return Err(PoolError::FalseSender(signer)),
        (_, None) | (None, _) => admission::recover(&tx)?,
    };
    let hash = *tx.tx_hash();
    Ok(Pooled { recovered: Recovered { tx: Arc::new(tx), sender, hash }, raw, origin })
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
            Some(Ok(known)) if senders.head >= state.head => {
                state.core.renew(sender, *known);
                *known
            }
            // Of a sender of whom something waits the core's own state counts.
            _ if state.core.pending_nonce(sender).is_some() => Sender::default(),
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
