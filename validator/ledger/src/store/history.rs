//! Reverse differences: what each changed key held before each block (`node-facts` D.5).

use super::{
    codec::{encode_slot, history_key, slot_key},
    tables::{
        ACCOUNT_HISTORY, AccountHistoryKey, CHANGED, CHANGED_MORE, META, PRUNED, SLOT_HISTORY,
        SlotHistoryKey, SlotKey,
    },
};
use crate::{LedgerError, trie::root::StateDiff};
use redb::{ReadableTable, WriteTransaction};

/// Keys of one row of `CHANGED`, and of one part of `CHANGED_MORE`, at most.
const KEYS_PER_ROW: usize = 4096;
/// Keys forgotten with each block beside twice as many as it adds, so that a shortened history never makes one late.
const PRUNED_AT_LEAST: usize = 2000;

/// Keeps what `diff` overwrites; how many keys.
pub(crate) fn record(write: &WriteTransaction, block: u64, diff: &StateDiff) -> Result<usize, LedgerError> {
    let mut accounts = write.open_table(ACCOUNT_HISTORY)?;
    for change in &diff.accounts {
        let key: AccountHistoryKey = history_key(&change.account.0, block);
        accounts
            .insert(&key, change.previous.map(|account| account.encode()).unwrap_or_default().as_slice())?;
    }
    let (mut history, mut slots) = (write.open_table(SLOT_HISTORY)?, Vec::new());
    for (account, changes) in &diff.slots {
        for (slot, previous, _) in changes {
            let slot = slot_key(account, slot);
            let key: SlotHistoryKey = history_key(&slot, block);
            history.insert(&key, encode_slot(*previous).as_slice())?;
            slots.push(slot);
        }
    }
    let accounts: Vec<[u8; 32]> = diff.accounts.iter().map(|change| change.account.0).collect();
    let mut rows = accounts.chunks(KEYS_PER_ROW).map(|accounts| row(accounts, &[])).collect::<Vec<_>>();
    rows.extend(slots.chunks(KEYS_PER_ROW).map(|slots| row(&[], slots)));
    if accounts.len() + slots.len() <= KEYS_PER_ROW {
        rows = vec![row(&accounts, &slots)];
    }
    let mut rows = rows.into_iter();
    write.open_table(CHANGED)?.insert(block, rows.next().unwrap_or_default().as_slice())?;
    let mut more = write.open_table(CHANGED_MORE)?;
    for (part, row) in (0..).zip(rows) {
        more.insert((block, part), row.as_slice())?;
    }
    Ok(accounts.len() + slots.len())
}

/// Number of accounts, account keys, slot keys.
fn row(accounts: &[[u8; 32]], slots: &[SlotKey]) -> Vec<u8> {
    let count = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
    [&count.to_be_bytes()[..], accounts.as_flattened(), slots.as_flattened()].concat()
}

/// Forgets what fell out of the history, the oldest first: about twice as many keys as were `added` by `blocks`, and somewhat more.
/// A block of many keys goes in parts; its state cannot be read from the first on.
pub(crate) fn prune(
    write: &WriteTransaction,
    head: u64,
    keep: u64,
    (blocks, added): (usize, usize),
) -> Result<(), LedgerError> {
    let Some(upto) = head.checked_sub(keep).filter(|_| keep > 0) else { return Ok(()) };
    let mut left = PRUNED_AT_LEAST.saturating_mul(blocks).saturating_add(added.saturating_mul(2));
    let (mut changed, mut more) = (write.open_table(CHANGED)?, write.open_table(CHANGED_MORE)?);
    let mut pruned = None;
    while left > 0 {
        let first = changed.first()?.map(|(block, keys)| (block.value(), keys.value().to_vec()));
        let Some((block, keys)) = first.filter(|(block, _)| *block <= upto) else { break };
        pruned = Some(block);
        let part = more.range((block, 0)..=(block, u32::MAX))?.next_back().transpose()?;
        let part = part.map(|(key, keys)| (key.value(), keys.value().to_vec()));
        let forgotten = if let Some((key, keys)) = part {
            more.remove(key)?;
            forget(write, block, &keys)?
        } else {
            changed.remove(block)?;
            forget(write, block, &keys)?
        };
        left = left.saturating_sub(forgotten.max(1));
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

fn forget(write: &WriteTransaction, block: u64, row: &[u8]) -> Result<usize, LedgerError> {
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
    Ok(accounts.len() + slots.len())
}

#[cfg(test)]
mod tests;
