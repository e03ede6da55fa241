//! The way in: decode, check, recover, compare with state, enter, make durable; many at once.
//!
//! Whatever waits when a worker is free is admitted as one batch: one look at the pool for what is known, signatures in
//! parallel, each sender's state read once, one lock to enter all, one frame of the journal.

mod batch;
mod intake;

pub use batch::Arrival;
pub(super) use intake::Intake;

use super::{Origin, Pool, PoolError, Pooled, core::Sender, journal::Replay};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY};
use ledger::{At, LedgerError};
use std::sync::Arc;

/// Code that delegates to another account (EIP-7702): `0xef0100 ‖ address`.
const DELEGATION_PREFIX: [u8; 3] = [0xef, 0x01, 0x00];
const DELEGATION_BYTES: usize = 23;
/// Journalled transactions read back at once.
const REPLAY: usize = 1024;

impl Pool {
    /// Takes a transaction in. For [`Origin::Rpc`] it returns once the transaction is durable, and so does the answer
    /// that it is known already: who gets it relies on it as much as who sent it first.
    pub async fn submit(&self, raw: Bytes, origin: Origin) -> Result<B256, PoolError> {
        match origin {
            Origin::Rpc(_) | Origin::Journal => self.take_turn(raw, origin).await,
            Origin::Peer(_) => self
                .submit_all(vec![Arrival { raw, origin, signer: None }])
                .await
                .pop()
                .unwrap_or(Err(PoolError::Stopping)),
        }
    }

    /// Takes in what peers sent, in order; an answer for each.
    pub async fn submit_all(&self, batch: Vec<Arrival>) -> Vec<Result<B256, PoolError>> {
        let count = batch.len();
        let stopping = || (0..count).map(|_| Err(PoolError::Stopping)).collect();
        let Ok(permit) = Arc::clone(&self.shared.peer_admissions).acquire_owned().await else {
            return stopping();
        };
        let pool = self.clone();
        let admit = move || {
            let durable = pool.durable();
            let entered = pool.admit_then(batch, |state, entered| state.tell(&entered.fresh, durable));
            drop(permit);
            entered
        };
        let Ok((entered, told)) = tokio::task::spawn_blocking(admit).await else { return stopping() };
        self.announce(&told);
        entered.outcomes
    }

    /// Tells subscribers of what was accepted.
    pub(super) fn announce(&self, accepted: &[Arc<Pooled>]) {
        for pooled in accepted {
            // Nobody listening is fine: a node without peers.
            let _ = self.shared.accepted.send(Arc::clone(pooled));
        }
    }

    /// The sender's state after block `head`; refuses contracts (EIP-3607).
    fn read_sender(&self, address: Address, head: u64) -> Result<Sender, PoolError> {
        let failed = |error: LedgerError| PoolError::Ledger(error.to_string());
        let account = self.shared.ledger.account(address, At::Number(head)).map_err(failed)?;
        if account.code_hash != KECCAK256_EMPTY && account.code_hash != B256::ZERO {
            let code = self.shared.ledger.code(address, At::Number(head)).map_err(failed)?;
            let delegates = code.len() == DELEGATION_BYTES && code.starts_with(&DELEGATION_PREFIX);
            if !code.is_empty() && !delegates {
                return Err(PoolError::SenderNotEoa { address, code_hash: account.code_hash });
            }
        }
        Ok(Sender { nonce: account.nonce, balance: account.balance })
    }

    /// Re-admits what the journal held; what no longer fits (mined, mostly) is left out.
    pub(super) fn replay(&self, replay: &Replay) {
        if replay.torn_bytes > 0 {
            tracing::warn!(
                bytes = replay.torn_bytes,
                "pool journal had a torn tail, cut off: it was never confirmed"
            );
        }
        let found = replay.transactions.len();
        let mut refused = 0_usize;
        for raw in replay.transactions.chunks(REPLAY) {
            let entered = self.admit(raw.iter().map(journalled).collect());
            for error in entered.outcomes.into_iter().filter_map(Result::err) {
                refused += 1;
                tracing::debug!(%error, "journalled transaction not re-admitted");
            }
        }
        if found > 0 {
            tracing::info!(found, waiting = found - refused, "pool journal read");
        }
    }
}

fn journalled(raw: &Bytes) -> Arrival {
    Arrival { raw: raw.clone(), origin: Origin::Journal, signer: None }
}
