//! Reverse differences: what each changed key held before each block (`node-facts` D.5).

use super::{
    codec::{encode_slot, history_key, slot_key},
    tables::{
        ACCOUNT_HISTORY, AccountHistoryKey, CHANGED, META, PRUNED, SLOT_HISTORY, SlotHistoryKey, SlotKey,
    },
};
use crate::{LedgerError, trie::root::StateDiff};
use redb::{ReadableTable, WriteTransaction};

/// Blocks pruned for each one committed at most, so that a shortened history never makes a block late.
pub(crate) const PRUNED_PER_BLOCK: u64 = 4;

/// Keeps what `diff` overwrites.
pub(crate) fn record(write: &WriteTransaction, block: u64, diff: &StateDiff) -> Result<(), LedgerError> {
    // Number of accounts, account keys, slot keys.
    let count =
        u32::try_from(diff.accounts.len()).map_err(|_| LedgerError::Corrupt { what: "state difference" })?;
    let mut changed = count.to_be_bytes().to_vec();
    if !diff.accounts.is_empty() {
        record_changes(write, block, diff, &mut changed)?;
    }
    write.open_table(CHANGED)?.insert(block, changed.as_slice())?;
    Ok(())
}

fn record_changes(
    write: &WriteTransaction,
    block: u64,
    diff: &StateDiff,
    changed: &mut Vec<u8>,
) -> Result<(), LedgerError> {
    let mut accounts = write.open_table(ACCOUNT_HISTORY)?;
    for change in &diff.accounts {
        let key: AccountHistoryKey = history_key(&change.account.0, block);
        accounts
            .insert(&key, change.previous.map(|account| account.encode()).unwrap_or_default().as_slice())?;
        changed.extend_from_slice(change.account.as_slice());
    }
    let mut history = write.open_table(SLOT_HISTORY)?;
    for (account, slots) in &diff.slots {
        for (slot, previous, _) in slots {
            let slot = slot_key(account, slot);
            let key: SlotHistoryKey = history_key(&slot, block);
            history.insert(&key, encode_slot(*previous).as_slice())?;
            changed.extend_from_slice(&slot);
        }
    }
    Ok(())
}

/// Forgets blocks that fell out of the history, at most so many of them.
pub(crate) fn prune(write: &WriteTransaction, head: u64, keep: u64, most: u64) -> Result<(), LedgerError> {
    let Some(upto) = head.checked_sub(keep).filter(|_| keep > 0) else { return Ok(()) };
    let mut pruned = None;
    for _ in 0..most {
        let mut changed = write.open_table(CHANGED)?;
        let first = changed.first()?.map(|(block, keys)| (block.value(), keys.value().to_vec()));
        let Some((block, keys)) = first.filter(|(block, _)| *block <= upto) else { break };
        forget(write, block, &keys)?;
        changed.remove(block)?;
        pruned = Some(block);
    }
    if let Some(block) = pruned {
        write.open_table(META)?.insert(PRUNED, block.to_be_bytes().as_slice())?;
    }
    Ok(())
}

/// Account keys and slot keys of a row of `CHANGED`.
pub(crate) fn changed_keys(row: &[u8]) -> Result<(&[[u8; 32]], &[SlotKey]), LedgerError> {
    let corrupt = || LedgerError::Corrupt { what: "changed keys" };
    let (count, keys) = row.split_first_chunk::<4>().ok_or_else(corrupt)?;
    let accounts_end = usize::try_from(u32::from_be_bytes(*count)).map_err(|_| corrupt())?.saturating_mul(32);
    let (accounts, slots) = keys.split_at_checked(accounts_end).ok_or_else(corrupt)?;
    Ok((accounts.as_chunks().0, slots.as_chunks().0))
}

fn forget(write: &WriteTransaction, block: u64, row: &[u8]) -> Result<(), LedgerError> {
    let (accounts, slots) = changed_keys(row)?;
    let mut history = write.open_table(ACCOUNT_HISTORY)?;
    for account in accounts {
        let key: AccountHistoryKey = history_key(account, block);
        history.remove(&key)?;
    }
    let mut history = write.open_table(SLOT_HISTORY)?;
    for slot in slots {
        let key: SlotHistoryKey = history_key(slot, block);
        history.remove(&key)?;
    }
    Ok(())
}
