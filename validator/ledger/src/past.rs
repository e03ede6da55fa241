//! Tries of an older state: the newest ones with what changed since put back, from the reverse differences.
//!
//! The tables hold the branches of the newest tries only. What a block changed is known by key, and what the older state
//! had under each key is in the history, so the older trie is the newest one with those leaves laid over it; the work
//! grows with the number of keys that changed, and is bounded.

use crate::{
    At, Ledger, LedgerError,
    store::{
        codec::{SlimAccount, encode_slot},
        view::StateView,
    },
    trie::{
        root::AccountDelta,
        walk::{EmptyTrie, LeafChange, prove, walk},
    },
};
use alloy_consensus::Header;
use alloy_primitives::{B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, proof::ProofNodes};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Blocks that tries, and so proofs, go back from the head.
pub const PROOF_BLOCKS: u64 = 128;
/// Keys that may have changed since.
const MAX_KEYS: usize = 100_000;

/// One state with its tries.
pub(crate) struct Past {
    /// The newest state, whose tries are stored.
    newest: StateView,
    /// The state itself.
    pub(crate) view: StateView,
    /// Header of its block.
    pub(crate) header: Arc<Header>,
    accounts: BTreeSet<B256>,
    slots: BTreeMap<B256, BTreeSet<B256>>,
}

impl Ledger {
    /// The state after a block with its tries.
    pub(crate) fn past(&self, at: At) -> Result<Past, LedgerError> {
        let head = self.chain.head();
        let unknown = || LedgerError::UnknownBlock(at.to_string());
        let number = match at {
            At::Head => head.info.number,
            other => self.number(other)?.ok_or_else(unknown)?,
        };
        let (view, header) = self.state_on(&head, number)?;
        let newest = head.view.clone();
        let mut past = Past { newest, view, header, accounts: BTreeSet::new(), slots: BTreeMap::new() };
        let pruned = || LedgerError::TriePruned { block: number, limit: PROOF_BLOCKS };
        if head.info.number - number > PROOF_BLOCKS {
            return Err(pruned());
        }
        let mut keys = 0;
        for block in number + 1..=head.info.number {
            keys += past.changed_by(block)?;
            if keys > MAX_KEYS {
                return Err(pruned());
            }
        }
        Ok(past)
    }
}

impl Past {
    /// Takes note of what a later block changed; how many keys.
    fn changed_by(&mut self, block: u64) -> Result<usize, LedgerError> {
        let (accounts, slots) = self.newest.changed_by(block)?;
        let keys = accounts.len() + slots.len();
        self.accounts.extend(accounts);
        for slot in slots {
            let (account, slot) = slot.split_at(32);
            self.slots.entry(B256::from_slice(account)).or_default().insert(B256::from_slice(slot));
        }
        Ok(keys)
    }

    /// The way to an account in the account trie.
    pub(crate) fn prove_account(&self, account: B256) -> Result<ProofNodes, LedgerError> {
        let mut leaves = self.account_leaves()?;
        leaves.insert(account, self.view.account(&account)?.map(|account| account.leaf()));
        let leaves: Vec<LeafChange> = leaves.into_iter().collect();
        let (root, nodes) = prove(&self.newest.account_trie(), &leaves, &[account])?;
        if root == self.header.state_root { Ok(nodes) } else { Err(CORRUPT) }
    }

    /// The ways to slots in an account's storage trie, whose root is `root`.
    pub(crate) fn prove_slots(
        &self,
        account: B256,
        root: B256,
        slots: &[B256],
    ) -> Result<ProofNodes, LedgerError> {
        let mut leaves = self.slot_leaves(account)?;
        for slot in slots {
            leaves.insert(*slot, slot_leaf(self.view.slot(&account, slot)?));
        }
        let leaves: Vec<LeafChange> = leaves.into_iter().collect();
        let (got, nodes) = prove(&self.newest.storage_trie(account), &leaves, slots)?;
        if got == root { Ok(nodes) } else { Err(CORRUPT) }
    }

    /// The state root after `deltas`.
    pub(crate) fn root_after(&self, deltas: &[AccountDelta]) -> Result<B256, LedgerError> {
        let mut leaves = self.account_leaves()?;
        for delta in deltas {
            let next = match delta.next {
                Some(next) => Some(SlimAccount { storage_root: self.storage_root(delta)?, ..next }.leaf()),
                None => None,
            };
            leaves.insert(delta.account, next);
        }
        if leaves.is_empty() {
            return Ok(self.header.state_root);
        }
        let leaves: Vec<LeafChange> = leaves.into_iter().collect();
        Ok(walk(&self.newest.account_trie(), &leaves)?.root)
    }

    fn storage_root(&self, delta: &AccountDelta) -> Result<B256, LedgerError> {
        let changes = delta.slots.iter().map(|(slot, _, value)| (*slot, slot_leaf(*value)));
        if delta.wiped {
            return Ok(walk(&EmptyTrie, &changes.collect::<Vec<_>>())?.root);
        }
        if delta.slots.is_empty() {
            return Ok(delta.previous.map_or(EMPTY_ROOT_HASH, |account| account.storage_root));
        }
        let mut leaves = self.slot_leaves(delta.account)?;
        leaves.extend(changes);
        let leaves: Vec<LeafChange> = leaves.into_iter().collect();
        Ok(walk(&self.newest.storage_trie(delta.account), &leaves)?.root)
    }

    /// What the account trie had where it changed since.
    fn account_leaves(&self) -> Result<BTreeMap<B256, Option<Vec<u8>>>, LedgerError> {
        let leaf = |account: &B256| Ok((*account, self.view.account(account)?.map(|account| account.leaf())));
        self.accounts.iter().map(leaf).collect()
    }

    /// What a storage trie had where it changed since.
    fn slot_leaves(&self, account: B256) -> Result<BTreeMap<B256, Option<Vec<u8>>>, LedgerError> {
        let leaf = |slot: &B256| Ok((*slot, slot_leaf(self.view.slot(&account, slot)?)));
        self.slots.get(&account).into_iter().flatten().map(leaf).collect()
    }
}

const CORRUPT: LedgerError = LedgerError::Corrupt { what: "trie" };

fn slot_leaf(value: U256) -> Option<Vec<u8>> {
    (!value.is_zero()).then(|| alloy_rlp::encode(encode_slot(value).as_slice()))
}
