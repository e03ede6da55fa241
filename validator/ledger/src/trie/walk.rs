//! One trie: its new root from sorted changes, the flat leaves and the stored branches (`node-facts` D.3).
//!
//! Only subtrees that hold a changed key are opened; every other child stands in by the hash its parent stores. A branch
//! is in the tables if it has branches two levels below it: of the two lowest levels the leaves are read again, which
//! stand side by side and are few.

use crate::LedgerError;
use alloy_primitives::B256;
use alloy_trie::{
    BranchNodeCompact, HashBuilder, Nibbles,
    proof::{ProofNodes, ProofRetainer},
};

/// Where unchanged leaves and stored branches come from.
pub(crate) trait TrieSource {
    /// Leaves with `from <= key < to` in order, values as the trie holds them (RLP).
    fn leaves(&self, from: &B256, to: Option<&B256>) -> Result<Vec<(B256, Vec<u8>)>, LedgerError>;
    /// The first stored branch at or after `from`.
    fn first_node(&self, from: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError>;
    /// The stored branch in exactly this place.
    fn node(&self, path: &Nibbles) -> Result<Option<BranchNodeCompact>, LedgerError>;
}

/// Whether a branch is in the tables: below at least one of its children is a branch that has branches.
pub(crate) fn is_listed(node: &BranchNodeCompact) -> bool {
    !node.tree_mask.is_empty()
}

/// A trie without leaves: what a new or wiped trie starts from.
pub(crate) struct EmptyTrie;

impl TrieSource for EmptyTrie {
    fn leaves(&self, _: &B256, _: Option<&B256>) -> Result<Vec<(B256, Vec<u8>)>, LedgerError> {
        Ok(Vec::new())
    }

    fn first_node(&self, _: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError> {
        Ok(None)
    }

    fn node(&self, _: &Nibbles) -> Result<Option<BranchNodeCompact>, LedgerError> {
        Ok(None)
    }
}

/// A changed leaf: its key, and its new value in RLP or none when it is gone.
pub(crate) type LeafChange = (B256, Option<Vec<u8>>);

/// What changes in the stored branches, and the root that results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrieDelta {
    pub(crate) root: B256,
    /// Branches to store, in order of path.
    pub(crate) put: Vec<(Nibbles, BranchNodeCompact)>,
    /// Branches that are gone.
    pub(crate) delete: Vec<Nibbles>,
}

/// The root after `changes`, which are sorted by key without duplicates.
pub(crate) fn walk(source: &impl TrieSource, changes: &[LeafChange]) -> Result<TrieDelta, LedgerError> {
    let (mut builder, visited) = rebuild(source, changes, HashBuilder::default().with_updates(true))?;
    let root = builder.root();
    let (_, mut updates) = builder.split();
    updates.retain(|_, node| is_listed(node));
    let delete = visited.into_iter().filter(|path| !updates.contains_key(path)).collect();
    let mut put: Vec<_> = updates.into_iter().collect();
    put.sort_unstable_by_key(|(path, _)| *path);
    Ok(TrieDelta { root, put, delete })
}

/// The root after `changes`, and the nodes on the way to each of `targets`, which must be among the changed keys.
pub(crate) fn prove(
    source: &impl TrieSource,
    changes: &[LeafChange],
    targets: &[B256],
) -> Result<(B256, ProofNodes), LedgerError> {
    let retainer: ProofRetainer = targets.iter().map(Nibbles::unpack).collect();
    let builder = HashBuilder::default().with_proof_retainer(retainer);
    let (mut builder, _) = rebuild(source, changes, builder)?;
    Ok((builder.root(), builder.take_proof_nodes()))
}

/// Feeds the trie with its changes to `builder`; also gives the stored branches that were opened.
fn rebuild(
    source: &impl TrieSource,
    changes: &[LeafChange],
    builder: HashBuilder,
) -> Result<(HashBuilder, Vec<Nibbles>), LedgerError> {
    let mut walker = Walker { source, changes, builder, visited: Vec::new() };
    walker.subtrie(&Nibbles::default())?;
    Ok((walker.builder, walker.visited))
}

struct Walker<'a, S> {
    source: &'a S,
    changes: &'a [LeafChange],
    builder: HashBuilder,
    visited: Vec<Nibbles>,
}

impl<S: TrieSource> Walker<'_, S> {
    /// Everything below `path`; below it at most one stored branch is topmost, or there is none.
    fn subtrie(&mut self, path: &Nibbles) -> Result<(), LedgerError> {
        let stored = self.source.first_node(path)?.filter(|(at, _)| at.starts_with(path));
        let Some((at, node)) = stored else {
            return self.leaves(lowest(path), next(path));
        };
        if at != *path {
            self.leaves(lowest(path), Some(lowest(&at)))?;
        }
        self.branch(&at, &node)?;
        match next(&at) {
            Some(after) if at != *path => self.leaves(after, next(path)),
            _ => Ok(()),
        }
    }

    fn branch(&mut self, path: &Nibbles, node: &BranchNodeCompact) -> Result<(), LedgerError> {
        self.visited.push(*path);
        for nibble in 0..16 {
            let child = joined(path, nibble);
            let exists = node.state_mask.is_bit_set(nibble);
            let changed = self.is_changed(&child);
            if exists && !changed && node.hash_mask.is_bit_set(nibble) {
                let stored = node.tree_mask.is_bit_set(nibble);
                self.builder.add_branch(child, node.hash_for_nibble(nibble), stored);
            } else if exists || changed {
                if node.tree_mask.is_bit_set(nibble) {
                    self.subtrie(&child)?;
                } else {
                    self.leaves(lowest(&child), next(&child))?;
                }
            }
        }
        Ok(())
    }

    /// Adds the leaves of a range, changes laid over what is stored.
    fn leaves(&mut self, from: B256, to: Option<B256>) -> Result<(), LedgerError> {
        let start = self.changes.partition_point(|(key, _)| *key < from);
        let end = to.map_or(self.changes.len(), |to| self.changes.partition_point(|(key, _)| *key < to));
        let mut changes = self.changes.get(start..end).unwrap_or_default().iter().peekable();
        for (key, value) in self.source.leaves(&from, to.as_ref())? {
            while let Some((changed, new)) = changes.next_if(|(changed, _)| *changed < key) {
                self.leaf(changed, new.as_deref());
            }
            match changes.next_if(|(changed, _)| *changed == key) {
                Some((_, new)) => self.leaf(&key, new.as_deref()),
                None => self.leaf(&key, Some(&value)),
            }
        }
        for (key, new) in changes {
            self.leaf(key, new.as_deref());
        }
        Ok(())
    }

    fn leaf(&mut self, key: &B256, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.builder.add_leaf(Nibbles::unpack(key), value);
        }
    }

    fn is_changed(&self, path: &Nibbles) -> bool {
        let first = self.changes.partition_point(|(key, _)| *key < lowest(path));
        self.changes.get(first).is_some_and(|(key, _)| Nibbles::unpack(key).starts_with(path))
    }
}

/// The smallest key below a path.
pub(crate) fn lowest(path: &Nibbles) -> B256 {
    let mut key = B256::ZERO;
    path.pack_to(&mut key.0[..path.len().div_ceil(2)]);
    key
}

/// The smallest key after everything below a path.
pub(crate) fn next(path: &Nibbles) -> Option<B256> {
    path.increment().filter(|_| !path.is_empty()).map(|after| lowest(&after))
}

pub(crate) fn joined(path: &Nibbles, nibble: u8) -> Nibbles {
    let mut child = *path;
    child.push(nibble);
    child
}

#[cfg(test)]
pub(crate) mod tests;
