//! What a block adds to the index.

use super::store::{Appearance, IndexError};
use alloy_consensus::Transaction;
use alloy_primitives::Address;
use ledger::{At, CallError, Ledger, LedgerError, Touched, TraceError};

/// Rows of a few blocks, in memory until they are written.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) appearances: Vec<(Address, Appearance)>,
    pub(super) sent: Vec<((Address, u64), Appearance)>,
    pub(super) made: Vec<(Address, Appearance, Address)>,
    /// Where calls between contracts begin to be known, if that is later than was thought.
    pub(super) calls_from: Option<u64>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.appearances.len() + self.sent.len() + self.made.len()
    }

    /// Notes down a block of the chain.
    pub(super) fn add(&mut self, ledger: &Ledger, block: u64) -> Result<(), IndexError> {
        let failed = |reason: String| IndexError::Chain { block, reason };
        let read = |error: LedgerError| failed(error.to_string());
        let body = ledger.body(At::Number(block)).map_err(read)?.unwrap_or_default();
        if body.transactions.is_empty() {
            return Ok(());
        }
        let senders = ledger.senders(At::Number(block)).map_err(read)?.unwrap_or_default();
        let touched = match ledger.touched(block) {
            Err(TraceError::Call(CallError::Ledger(LedgerError::StatePruned { .. }))) => {
                self.calls_from = Some(block + 1);
                ledger.touched_visibly(block).map_err(read)?
            }
            other => other.map_err(|error| failed(error.to_string()))?,
        };
        let rows = body.transactions.iter().zip(senders).zip(touched).zip(0..);
        for (((tx, sender), Touched { addresses, created }), index) in rows {
            let place = Appearance { block, index };
            self.sent.push(((sender, tx.nonce()), place));
            self.appearances.extend(addresses.into_iter().map(|address| (address, place)));
            self.made.extend(created.into_iter().map(|(contract, creator)| (contract, place, creator)));
        }
        Ok(())
    }

    /// In the order of the tables, which then grow from left to right.
    pub(super) fn sort(&mut self) {
        self.appearances.sort_unstable();
        self.sent.sort_unstable();
    }
}
