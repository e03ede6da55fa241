//! Hashes of transactions that came in, once for all filters: who does not poll keeps no transaction in memory.

use crate::pool::Accepted;
use alloy_primitives::B256;
use std::collections::VecDeque;
use tokio::sync::broadcast::{self, error::TryRecvError};

/// Hashes kept, 512 KiB: as many as the pool keeps transactions for a subscriber that lags.
const MOST: usize = 16_384;

/// The newest hashes; each arrival has a number.
#[derive(Default)]
pub(super) struct Arrivals {
    accepted: Option<broadcast::Receiver<Accepted>>,
    hashes: VecDeque<B256>,
    /// Number of the first of them.
    first: u64,
}

impl Arrivals {
    /// Listens from now on; number of the next arrival.
    pub(super) fn listen(&mut self, subscribe: impl FnOnce() -> broadcast::Receiver<Accepted>) -> u64 {
        self.accepted.get_or_insert_with(subscribe);
        self.drain();
        self.next()
    }

    /// Every hash from arrival `next` on, which then is the one after them; what a slow poller missed is lost, as its
    /// transactions may be mined by now.
    pub(super) fn since(&mut self, next: &mut u64) -> Vec<B256> {
        self.drain();
        let missed = usize::try_from(next.saturating_sub(self.first)).unwrap_or(usize::MAX);
        *next = self.next();
        self.hashes.iter().skip(missed).copied().collect()
    }

    /// Takes over what came in, and lets go of the transactions themselves.
    pub(super) fn drain(&mut self) {
        let Some(accepted) = &mut self.accepted else { return };
        loop {
            match accepted.try_recv() {
                Ok(pooled) => self.hashes.push_back(pooled.recovered.hash),
                Err(TryRecvError::Lagged(_)) => continue,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
            if self.hashes.len() > MOST {
                self.hashes.pop_front();
                self.first = self.first.saturating_add(1);
            }
        }
    }

    fn next(&self) -> u64 {
        self.first.saturating_add(self.hashes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Origin, Pooled};
    use alloy_consensus::{SignableTransaction as _, TxEnvelope, TxLegacy};
    use alloy_primitives::{Address, Bytes, Signature, U256};
    use ledger::Recovered;
    use std::sync::Arc;

    fn arrival(number: usize) -> Accepted {
        let tx = TxEnvelope::from(TxLegacy::default().into_signed(Signature::test_signature()));
        let hash = B256::from(U256::from(number));
        let recovered = Recovered { tx: Arc::new(tx), sender: Address::ZERO, hash };
        Arc::new(Pooled { recovered, raw: Bytes::new(), origin: Origin::Journal })
    }

    #[test]
    fn of_transactions_only_a_bounded_number_of_hashes_is_kept_and_each_poller_gets_every_hash_once() {
        let accepted = broadcast::Sender::new(8);
        let mut arrivals = Arrivals::default();
        let mut early = arrivals.listen(|| accepted.subscribe());
        let first = arrival(0);
        accepted.send(Arc::clone(&first)).unwrap();
        let mut late = arrivals.listen(|| unreachable!("it listens already"));
        assert_eq!(Arc::strong_count(&first), 1, "nobody keeps the transaction");
        for number in 1..=MOST {
            accepted.send(arrival(number)).unwrap();
            arrivals.drain();
        }
        assert_eq!(arrivals.hashes.len(), MOST);
        let hashes = |from: usize| (from..=MOST).map(|n| B256::from(U256::from(n))).collect::<Vec<_>>();
        assert_eq!(arrivals.since(&mut early), hashes(1), "the oldest made room");
        assert_eq!(arrivals.since(&mut late), hashes(1));
        accepted.send(arrival(MOST + 1)).unwrap();
        assert_eq!(arrivals.since(&mut late), [B256::from(U256::from(MOST + 1))]);
        assert!(arrivals.since(&mut late).is_empty());
    }
}
