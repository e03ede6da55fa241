//! The way in: decode, check, recover, compare with state, enter, make durable.

use super::{Origin, Pool, PoolError, Pooled, admission, core::Sender, journal::Replay, raw};
use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, keccak256};
use ledger::{At, LedgerError, Recovered};
use std::sync::Arc;

/// Code that delegates to another account (EIP-7702): `0xef0100 ‖ address`.
const DELEGATION_PREFIX: [u8; 3] = [0xef, 0x01, 0x00];
const DELEGATION_BYTES: usize = 23;
/// Heads that may pass between reading a sender's state and entering the pool before the client is told to retry.
const HEAD_RACES: usize = 8;

impl Pool {
    /// Takes a transaction in. For [`Origin::Rpc`] it returns once the transaction is durable.
    pub async fn submit(&self, raw: Bytes, origin: Origin) -> Result<B256, PoolError> {
        let outcome = self.take_in(raw.clone(), origin).await;
        if matches!((&outcome, origin), (Err(PoolError::AlreadyKnown), Origin::Rpc(_))) {
            self.keep_known(raw, origin).await?;
        }
        outcome
    }

    /// Who is told that a transaction is here already relies on it as much as who sent it first: one that a peer sent
    /// is kept from now on as if it had come from the client, and the answer waits for the disk.
    async fn keep_known(&self, raw: Bytes, origin: Origin) -> Result<(), PoolError> {
        let hash = keccak256(&raw);
        let slot = self.shared.journal.slot().await?;
        let durable = {
            let mut state = self.shared.core.lock();
            if state.core.adopt(&hash, origin) { slot.append(raw) } else { slot.barrier() }
        };
        durable.await.unwrap_or(Err(super::JournalError::Closed))?;
        Ok(())
    }

    async fn take_in(&self, raw: Bytes, origin: Origin) -> Result<B256, PoolError> {
        let admissions = match origin {
            Origin::Peer(_) => &self.shared.peer_admissions,
            Origin::Rpc(_) | Origin::Journal => &self.shared.admissions,
        };
        let permit = Arc::clone(admissions).acquire_owned().await;
        let permit = permit.map_err(|_| PoolError::Stopping)?;
        let pool = self.clone();
        let admit = move || {
            let pooled = pool.recover(raw, origin)?;
            let (sender, head) = pool.read_sender(&pooled)?;
            drop(permit);
            Ok::<_, PoolError>((pooled, sender, head))
        };
        let (pooled, sender, head) =
            tokio::task::spawn_blocking(admit).await.map_err(|_| PoolError::Stopping)??;
        let hash = pooled.recovered.hash;
        // A task of its own: a client that hangs up now must not leave a transaction here that is never announced.
        let pool = self.clone();
        let entered = tokio::spawn(async move {
            pool.enter(Arc::clone(&pooled), sender, head).await?;
            // Nobody listening is fine: a node without peers.
            let _ = pool.shared.accepted.send(pooled);
            Ok::<_, PoolError>(())
        });
        entered.await.map_err(|_| PoolError::Stopping)??;
        Ok(hash)
    }

    /// Enters the core and, for a local transaction, waits for the disk.
    async fn enter(&self, pooled: Arc<Pooled>, sender: Sender, head: u64) -> Result<(), PoolError> {
        if !pooled.is_local() {
            return self.insert(&pooled, sender, head).map(drop);
        }
        let slot = self.shared.journal.slot().await?;
        let durable = {
            let state = self.insert(&pooled, sender, head)?;
            // Queued under the lock: a compaction queued later has seen this entry, an earlier one comes first.
            let durable = slot.append(pooled.raw.clone());
            self.compact_if_due(&state.core);
            drop(state);
            durable
        };
        let stored = durable.await.unwrap_or(Err(super::JournalError::Closed));
        if let Err(error) = stored {
            self.discard(&pooled.recovered.hash);
            return Err(error.into());
        }
        Ok(())
    }

    /// Inserts, reading the sender anew while blocks overtake us; the lock is held on return.
    fn insert(
        &self,
        pooled: &Arc<Pooled>,
        mut sender: Sender,
        mut head: u64,
    ) -> Result<parking_lot::MutexGuard<'_, super::State>, PoolError> {
        for _ in 0..HEAD_RACES {
            let mut state = self.shared.core.lock();
            if head >= state.head {
                state.core.insert(Arc::clone(pooled), sender, self.now_s())?;
                return Ok(state);
            }
            drop(state);
            (sender, head) = self.read_sender(pooled)?;
        }
        Err(PoolError::Ledger("blocks arrive faster than the account can be read, send it again".into()))
    }

    /// Everything before state: decoding, rules, and the one signature recovery of a transaction's life.
    fn recover(&self, raw: Bytes, origin: Origin) -> Result<Arc<Pooled>, PoolError> {
        if self.contains(&keccak256(&raw)) {
            return Err(PoolError::AlreadyKnown);
        }
        let tx = raw::decode(&raw)?;
        let mut rules = *self.shared.rules.read();
        if origin == Origin::Journal {
            rules = rules.without_passing();
        }
        admission::check(&tx, &rules)?;
        let recovered = recovered(tx)?;
        Ok(Arc::new(Pooled { recovered, raw, origin }))
    }

    /// The sender's state and the head it belongs to.
    fn read_sender(&self, pooled: &Pooled) -> Result<(Sender, u64), PoolError> {
        let address = pooled.recovered.sender;
        let read = || -> Result<_, LedgerError> {
            let head = self.shared.ledger.head().number;
            let account = self.shared.ledger.account(address, At::Number(head))?;
            Ok((account, head))
        };
        let (account, head) = read().map_err(|error| PoolError::Ledger(error.to_string()))?;
        if account.code_hash != KECCAK256_EMPTY && account.code_hash != B256::ZERO {
            self.check_code(address, account.code_hash, head)?;
        }
        Ok((Sender { nonce: account.nonce, balance: account.balance }, head))
    }

    /// EIP-3607: contracts do not send, but accounts that delegate (EIP-7702) do.
    fn check_code(&self, address: Address, code_hash: B256, head: u64) -> Result<(), PoolError> {
        let code = self.shared.ledger.code(address, At::Number(head));
        let code = code.map_err(|error| PoolError::Ledger(error.to_string()))?;
        let delegates = code.len() == DELEGATION_BYTES && code.starts_with(&DELEGATION_PREFIX);
        if code.is_empty() || delegates {
            Ok(())
        } else {
            Err(PoolError::SenderNotEoa { address, code_hash })
        }
    }

    /// Re-admits what the journal held; what no longer fits (mined, mostly) is left out.
    pub(super) fn replay(&self, replay: Replay) {
        if replay.torn_bytes > 0 {
            tracing::warn!(
                bytes = replay.torn_bytes,
                "pool journal had a torn tail, cut off: it was never confirmed"
            );
        }
        let found = replay.transactions.len();
        let mut refused = 0_usize;
        for raw in replay.transactions {
            let entered = self.recover(raw, Origin::Journal).and_then(|pooled| {
                let (sender, head) = self.read_sender(&pooled)?;
                self.insert(&pooled, sender, head).map(drop)
            });
            if let Err(error) = entered {
                refused += 1;
                tracing::debug!(%error, "journalled transaction not re-admitted");
            }
        }
        if found > 0 {
            tracing::info!(found, waiting = found - refused, "pool journal read");
        }
    }
}

fn recovered(tx: TxEnvelope) -> Result<Recovered, PoolError> {
    let (sender, hash) = (admission::recover(&tx)?, *tx.tx_hash());
    Ok(Recovered { tx: Arc::new(tx), sender, hash })
}
