//! Merkle proofs of accounts and slots (`eth_getProof`, EIP-1186), at the head and some blocks behind it.

use crate::{Account, At, Ledger, LedgerError};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, proof::ProofNodes};

/// An account with the way from the state root to it, or to where it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// As the state holds it; all zero when it does not exist.
    pub account: Account,
    /// Whether it exists.
    pub exists: bool,
    /// Nodes from the root down, each in RLP.
    pub nodes: Vec<Bytes>,
    /// Slots, in the order asked for.
    pub slots: Vec<SlotProof>,
}

/// A slot with the way from its account's storage root to it, or to where it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotProof {
    /// Which.
    pub slot: B256,
    /// Zero when unset.
    pub value: U256,
    /// Nodes from the root down, each in RLP; none when the account has no storage.
    pub nodes: Vec<Bytes>,
}

impl Ledger {
    /// Proof of an account and of some of its slots after a block.
    pub fn proof(&self, address: Address, slots: &[B256], at: At) -> Result<AccountProof, LedgerError> {
        let past = self.past(at)?;
        let hashed = keccak256(address);
        let nodes = way(&past.prove_account(hashed)?, &hashed);
        let known = past.view.account(&hashed)?;
        let account = Account::from(known.unwrap_or_default());
        let mut keys: Vec<B256> = slots.iter().map(keccak256).collect();
        keys.sort_unstable();
        keys.dedup();
        let storage = if account.storage_root == EMPTY_ROOT_HASH || keys.is_empty() {
            None
        } else {
            Some(past.prove_slots(hashed, account.storage_root, &keys)?)
        };
        let one = |slot: &B256| {
            let key = keccak256(slot);
            let nodes = storage.as_ref().map(|storage| way(storage, &key)).unwrap_or_default();
            Ok(SlotProof { slot: *slot, value: past.view.slot(&hashed, &key)?, nodes })
        };
        let slots = slots.iter().map(one).collect::<Result<_, LedgerError>>()?;
        Ok(AccountProof { account, exists: known.is_some(), nodes, slots })
    }
}

fn way(nodes: &ProofNodes, key: &B256) -> Vec<Bytes> {
    nodes.matching_nodes_sorted(&Nibbles::unpack(key)).into_iter().map(|(_, node)| node).collect()
}
