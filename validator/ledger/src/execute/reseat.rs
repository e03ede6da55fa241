//! The first thing that a block with a recovery record does: its seats stand in the contract before any transaction runs.

use super::overlay::Overlay;
use crate::{LedgerError, ledger::Chain};
use alloy_consensus::Header;
use chain::{
    Extra,
    genesis::Engine,
    governance::{GOVERNANCE, reseat_storage},
};
use revm::Database;

/// Writes the seats of the record in this header, if it carries one; whether it may was checked with the header.
pub(super) fn write<'a>(
    mut overlay: Overlay<'a>,
    chain: &Chain,
    header: &Header,
) -> Result<Overlay<'a>, LedgerError> {
    if chain.genesis.engine != Engine::Qbft {
        return Ok(overlay);
    }
    let Some(reseat) = Extra::decode_exact(&header.extra_data).ok().and_then(|extra| extra.reseat) else {
        return Ok(overlay);
    };
    let words = reseat_storage(&reseat.seats, header.number, |slot| overlay.storage(GOVERNANCE, slot))?;
    for (slot, value) in words {
        overlay.set_slot(GOVERNANCE, slot, value)?;
    }
    Ok(overlay)
}
