//! The state root from every leaf, and the branches that the tables keep.

use super::{Progress, SnapshotError, percent};
use crate::{
    LedgerError,
    store::{
        bulk::{Flat, FlatEntry},
        codec::{SlimAccount, encode_slot},
        state::StateStore,
    },
    trie::walk::{TrieDelta, is_listed},
};
use alloy_primitives::{B256, KECCAK256_EMPTY, U256};
use alloy_trie::{BranchNodeCompact, EMPTY_ROOT_HASH, HashBuilder, Nibbles};

/// Branches held in memory before they are written.
const NODES: usize = 100_000;
/// Accounts between two reports.
const REPORT: u64 = 100_000;

/// Works out the root of what the flat tables hold, checks every storage root and that no code is missing, and stores the
/// branches.
pub(super) fn store_tries(
    state: &StateStore,
    flat: &Flat,
    bytes: u64,
    mut progress: impl FnMut(&Progress),
) -> Result<B256, SnapshotError> {
    let mut builder = Builder {
        accounts: HashBuilder::default().with_updates(true),
        open: None,
        nodes: Vec::new(),
        held: 0,
        at: Progress { bytes, hashing: true, ..Progress::default() },
    };
    let [all, ..] = flat.counts()?;
    flat.each(|entry| {
        match entry {
            FlatEntry::Slot(key, value) => builder.slot(&key, value),
            FlatEntry::Account(key, account) => {
                if account.code_hash != KECCAK256_EMPTY && !flat.has_code(&account.code_hash)? {
                    let what = format!("code of account {key}");
                    return Err(SnapshotError::Root { what, got: KECCAK256_EMPTY, want: account.code_hash });
                }
                builder.account(key, account)?;
                if builder.at.accounts.is_multiple_of(REPORT) {
                    builder.at.percent = percent(builder.at.accounts, all);
                    progress(&builder.at);
                }
                if builder.is_full() {
                    builder.write(state)?;
                }
            }
        }
        Ok(())
    })?;
    builder.close()?;
    let root = builder.accounts.root();
    builder.write(state)?;
    Ok(root)
}

struct Builder {
    accounts: HashBuilder,
    /// The account whose slots are coming in.
    open: Option<(B256, SlimAccount, HashBuilder)>,
    nodes: Vec<(B256, TrieDelta)>,
    held: usize,
    at: Progress,
}

impl Builder {
    fn account(&mut self, key: B256, account: SlimAccount) -> Result<(), SnapshotError> {
        self.close()?;
        self.open = Some((key, account, HashBuilder::default().with_updates(true)));
        self.at.accounts += 1;
        Ok(())
    }

    fn slot(&mut self, key: &B256, value: U256) {
        self.at.slots += 1;
        if let Some((_, _, slots)) = &mut self.open {
            slots.add_leaf(Nibbles::unpack(key), &alloy_rlp::encode(encode_slot(value).as_slice()));
        }
    }

    /// The open account's storage is complete: its root must be the one in its record.
    fn close(&mut self) -> Result<(), SnapshotError> {
        let Some((key, account, mut slots)) = self.open.take() else { return Ok(()) };
        let got = slots.root();
        if got != account.storage_root {
            let what = format!("storage root of account {key}");
            return Err(SnapshotError::Root { what, got, want: account.storage_root });
        }
        if got != EMPTY_ROOT_HASH {
            let (_, nodes) = slots.split();
            self.held += nodes.len();
            self.nodes.push((key, delta(nodes)));
        }
        self.accounts.add_leaf(Nibbles::unpack(key), &account.leaf());
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.held + self.accounts.updates_len() >= NODES
    }

    fn write(&mut self, state: &StateStore) -> Result<(), LedgerError> {
        let nodes = self
            .accounts
            .updated_branch_nodes
            .replace(alloy_primitives::map::HashMap::default())
            .unwrap_or_default();
        state.put_nodes(&delta(nodes), &std::mem::take(&mut self.nodes))?;
        self.held = 0;
        Ok(())
    }
}

fn delta(nodes: impl IntoIterator<Item = (Nibbles, BranchNodeCompact)>) -> TrieDelta {
    let mut put: Vec<_> = nodes.into_iter().filter(|(_, node)| is_listed(node)).collect();
    put.sort_unstable_by_key(|(path, _)| *path);
    TrieDelta { put, ..TrieDelta::default() }
}
