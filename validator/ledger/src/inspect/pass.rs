//! A pass over one trie, part by part: every stored branch is compared with the one that follows from the leaves.

use super::InspectError;
use crate::{
    LedgerError,
    trie::walk::{LeafChange, TrieSource, is_listed, joined, lowest, next, walk},
};
use alloy_primitives::B256;
use alloy_trie::{BranchNodeCompact, HashBuilder, Nibbles};
use std::collections::BTreeMap;

/// Parts that a trie with stored branches is read in: by its first two nibbles.
pub(super) const PARTS: u16 = 256;

/// Leaves of a part, in order.
pub(super) type Leaves = Vec<(B256, Vec<u8>)>;

/// How far a trie was found right.
pub(super) struct Pass<'a, S> {
    name: &'a str,
    source: &'a S,
    parts: Vec<Nibbles>,
    /// Parts so far.
    pub(super) done: u16,
    /// Over the leaves so far.
    pub(super) whole: HashBuilder,
    /// The first leaf of each part that has one.
    pub(super) firsts: Vec<LeafChange>,
}

impl<'a, S: TrieSource> Pass<'a, S> {
    pub(super) fn over(name: &'a str, source: &'a S) -> Result<Self, LedgerError> {
        let (parts, whole) = (parts(source)?, HashBuilder::default());
        Ok(Self { name, source, parts, done: 0, whole, firsts: Vec::new() })
    }

    /// Whether there are several parts.
    pub(super) const fn is_parted(&self) -> bool {
        self.parts.len() > 1
    }

    /// Checks the branches of the next part; its leaves, or none after the last part.
    pub(super) fn next_part(&mut self) -> Result<Option<Leaves>, InspectError> {
        let Some(part) = self.parts.get(usize::from(self.done)) else { return Ok(None) };
        let leaves = self.source.leaves(&lowest(part), next(part).as_ref())?;
        let mut builder = HashBuilder::default().with_updates(true);
        for (key, value) in &leaves {
            self.whole.add_leaf(Nibbles::unpack(key), value);
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        builder.root();
        let is_below = |path: &Nibbles| path.len() >= part.len();
        let follow = builder.split().1.into_iter().filter(|(path, node)| is_below(path) && is_listed(node));
        self.right(compare(&stored_below(self.source, part)?, &follow.collect()))?;
        self.firsts.extend(leaves.first().map(|(key, value)| (*key, Some(value.clone()))));
        self.done += 1;
        Ok(Some(leaves))
    }

    /// The root that follows from all leaves, after the branches above the parts were compared too.
    pub(super) fn root(mut self) -> Result<B256, InspectError> {
        if self.is_parted() {
            self.right(compare_top(self.source, &self.firsts)?)?;
        }
        Ok(self.whole.root())
    }

    fn right(&self, wrong: Option<Nibbles>) -> Result<(), InspectError> {
        match wrong {
            Some(path) => Err(InspectError::Branch { trie: self.name.to_string(), path }),
            None => Ok(()),
        }
    }
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
