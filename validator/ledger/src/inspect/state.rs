//! Whether the stored state is that of its block: every root worked out from the leaves again, and every stored branch
//! compared with the one that follows from them.

use super::{Files, InspectError};
use crate::{
    LedgerError,
    store::{codec::SlimAccount, state::StateHead, view::StateView},
    trie::walk::{LeafChange, TrieSource, is_listed, joined, lowest, next, walk},
};
use alloy_primitives::{B256, KECCAK256_EMPTY, keccak256};
use alloy_trie::{BranchNodeCompact, HashBuilder, Nibbles};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Parts that a trie with stored branches is read in: by its first two nibbles.
const PARTS: u16 = 256;

/// What was found right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Block whose state it is.
    pub block: u64,
    /// Accounts.
    pub accounts: u64,
    /// Slots.
    pub slots: u64,
}

impl Files {
    /// Checks the state: storage roots, code, the state root, and the branches between. `progress` hears of the parts
    /// checked and of how many there are.
    pub fn verify_state(&self, mut progress: impl FnMut(u16, u16)) -> Result<Verified, InspectError> {
        let head = self.state_head()?.ok_or(InspectError::NoState)?;
        let (header, hash) =
            self.blocks.header(head.number)?.ok_or(InspectError::NoBlock { number: head.number })?;
        let check = |what: &str, got: B256, want: B256| same(&head, what, got, want);
        check("block hash", head.hash, hash)?;
        check("state root", head.root, header.state_root)?;
        let view = self.state.view()?;
        let mut verified = Verified { block: head.number, ..Verified::default() };
        let root = check_trie("account", &view.account_trie(), |part, leaves| {
            let slots = check_accounts(&view, &head, leaves)?;
            verified.accounts += leaves.len() as u64;
            verified.slots += slots;
            progress(part, PARTS);
            Ok(())
        })?;
        check("state root worked out from the accounts", root, header.state_root)?;
        Ok(verified)
    }
}

/// Storage and code of some accounts; how many slots they have.
fn check_accounts(
    view: &StateView,
    head: &StateHead,
    leaves: &[(B256, Vec<u8>)],
) -> Result<u64, InspectError> {
    let one = |(account, _): &(B256, Vec<u8>)| {
        let stored = view.account(account)?.unwrap_or_default();
        check_code(view, head, &stored)?;
        if !stored.has_storage() {
            return Ok(0);
        }
        let mut slots = 0;
        let root =
            check_trie(&format!("storage of {account}"), &view.storage_trie(*account), |_, leaves| {
                slots += leaves.len() as u64;
                Ok(())
            })?;
        same(head, &format!("storage root of {account}"), root, stored.storage_root)?;
        Ok(slots)
    };
    leaves.par_iter().map(one).sum()
}

fn check_code(view: &StateView, head: &StateHead, account: &SlimAccount) -> Result<(), InspectError> {
    if account.code_hash == KECCAK256_EMPTY {
        return Ok(());
    }
    let code = view.code(&account.code_hash)?;
    same(head, "code hash", code.map_or(B256::ZERO, keccak256), account.code_hash)
}

/// The root that follows from the leaves, after comparing every stored branch with the one that follows from them.
fn check_trie<S: TrieSource>(
    name: &str,
    source: &S,
    mut each: impl FnMut(u16, &[(B256, Vec<u8>)]) -> Result<(), InspectError>,
) -> Result<B256, InspectError> {
    let right = |wrong: Option<Nibbles>| match wrong {
        Some(path) => Err(InspectError::Branch { trie: name.to_string(), path }),
        None => Ok(()),
    };
    let parts = parts(source)?;
    let mut whole = HashBuilder::default();
    let (mut index, mut firsts) = (0, Vec::new());
    for part in &parts {
        let leaves = source.leaves(&lowest(part), next(part).as_ref())?;
        let mut builder = HashBuilder::default().with_updates(true);
        for (key, value) in &leaves {
            whole.add_leaf(Nibbles::unpack(key), value);
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        builder.root();
        let is_below = |path: &Nibbles| path.len() >= part.len();
        let follow = builder.split().1.into_iter().filter(|(path, node)| is_below(path) && is_listed(node));
        right(compare(&stored_below(source, part)?, &follow.collect()))?;
        index += 1;
        each(index, &leaves)?;
        firsts.extend(leaves.into_iter().next().map(|(key, value)| (key, Some(value))));
    }
    if parts.len() > 1 {
        right(compare_top(source, &firsts)?)?;
    }
    Ok(whole.root())
}

/// The whole where no branch is stored, else one part for each pair of first nibbles.
fn parts(source: &impl TrieSource) -> Result<Vec<Nibbles>, LedgerError> {
    let root = Nibbles::default();
    if source.first_node(&root)?.is_none() {
        return Ok(vec![root]);
    }
    let pairs = (0..16).flat_map(|first| (0..16).map(move |second| (first, second)));
    Ok(pairs.map(|(first, second)| joined(&joined(&root, first), second)).collect())
}

type Branches = BTreeMap<Nibbles, BranchNodeCompact>;

fn stored_below(source: &impl TrieSource, part: &Nibbles) -> Result<Branches, LedgerError> {
    let mut stored = Branches::new();
    let mut from = *part;
    while let Some((path, node)) = source.first_node(&from)?.filter(|(path, _)| path.starts_with(part)) {
        // Nothing sorts between a path and its first extension.
        from = joined(&path, 0);
        stored.insert(path, node);
    }
    Ok(stored)
}

/// Branches above the parts: opened by changes that change nothing, they must come out as they are stored.
fn compare_top<S: TrieSource>(source: &S, firsts: &[LeafChange]) -> Result<Option<Nibbles>, LedgerError> {
    let root = Nibbles::default();
    let mut stored = Branches::new();
    for at in std::iter::once(root).chain((0..16).map(|nibble| joined(&root, nibble))) {
        stored.extend(source.first_node(&at)?.filter(|(path, _)| *path == at));
    }
    let follow = walk(source, firsts)?.put.into_iter().filter(|(path, _)| path.len() < 2);
    Ok(compare(&stored, &follow.collect()))
}

/// The first path whose branch is not the same in both.
fn compare(stored: &Branches, follow: &Branches) -> Option<Nibbles> {
    let parts = |node: &BranchNodeCompact| {
        (node.state_mask, node.tree_mask, node.hash_mask, node.hashes.as_ref().clone())
    };
    let differs = |path: &&Nibbles| stored.get(*path).map(parts) != follow.get(*path).map(parts);
    stored.keys().chain(follow.keys()).find(differs).copied()
}

fn same(head: &StateHead, what: &str, got: B256, want: B256) -> Result<(), InspectError> {
    if got == want {
        return Ok(());
    }
    let (got, want) = (got.to_string(), want.to_string());
    Err(InspectError::State { number: head.number, what: what.to_string(), got, want })
}
