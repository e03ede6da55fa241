//! Subtrees read from the tables: stored branches by path, and leaves where no branch is stored.

use super::{
    Branch, Child, Link,
    apply::{Effects, Item, Pass},
};
use crate::{
    LedgerError,
    trie::walk::{TrieSource, joined, lowest, next},
};
use alloy_trie::{BranchNodeCompact, Nibbles, nodes::RlpNode};

impl<S: TrieSource + Sync> Pass<'_, S> {
    /// The branch in exactly this place, which its parent knows by this reference.
    pub(super) fn read_branch(
        &self,
        path: &Nibbles,
        reference: &RlpNode,
        stored: bool,
    ) -> Result<Link, LedgerError> {
        let opened = self.opened.branch(path);
        if let Some(link) = opened.filter(|link| link.branch.path == *path && link.reference == *reference) {
            return Ok(link);
        }
        let node = if stored { self.source.node(path)? } else { None };
        let branch = match node {
            Some(node) => Some(Child::Branch(self.stored(*path, &node)?)),
            None => self.read_leaves(path)?,
        };
        match branch {
            Some(Child::Branch(link)) if link.branch.path == *path && link.reference == *reference => {
                Ok(link)
            }
            _ => Err(LedgerError::Corrupt { what: "trie: a branch that its table does not hold" }),
        }
    }

    /// Whatever hangs at a path. The topmost stored branch below it is its topmost branch: one above would be stored too.
    pub(super) fn read_subtree(&self, at: &Nibbles) -> Result<Option<Child>, LedgerError> {
        if let Some((path, node)) = self.source.first_node(at)?.filter(|(path, _)| path.starts_with(at)) {
            return Ok(Some(Child::Branch(self.stored(path, &node)?)));
        }
        self.read_leaves(at)
    }

    /// The same where no branch is stored.
    fn read_leaves(&self, at: &Nibbles) -> Result<Option<Child>, LedgerError> {
        let leaves = self.source.leaves(&lowest(at), next(at).as_ref())?;
        let leaves: Vec<Item> = leaves.into_iter().map(|(key, value)| Item::Leaf(key, value)).collect();
        self.build(at, &leaves, &mut Effects::default())
    }

    fn stored(&self, path: Nibbles, node: &BranchNodeCompact) -> Result<Link, LedgerError> {
        let mut children = Vec::with_capacity(16);
        let mut nibble = 0;
        while nibble < 16 {
            let place = joined(&path, nibble);
            let stored = node.tree_mask.is_bit_set(nibble);
            if node.hash_mask.is_bit_set(nibble) {
                let reference = RlpNode::word_rlp(&node.hash_for_nibble(nibble));
                children.push((nibble, Child::Cold { reference, stored }));
            } else if stored {
                children.extend(self.read_subtree(&place)?.map(|child| (nibble, child)));
            } else if node.state_mask.is_bit_set(nibble) {
                let last = end_of_leaves(node, nibble);
                self.leaves(&path, nibble, last, &mut children)?;
                nibble = last;
            }
            nibble += 1;
        }
        Ok(Branch::of(path, children, self.epoch).0)
    }

    /// Neighbouring children without stored branches, read at once.
    fn leaves(
        &self,
        path: &Nibbles,
        first: u8,
        last: u8,
        children: &mut Vec<(u8, Child)>,
    ) -> Result<(), LedgerError> {
        let (from, to) = (lowest(&joined(path, first)), next(&joined(path, last)));
        let leaves = self.source.leaves(&from, to.as_ref())?;
        let leaves: Vec<Item> = leaves.into_iter().map(|(key, value)| Item::Leaf(key, value)).collect();
        for group in leaves.chunk_by(|a, b| a.nibble(path.len()) == b.nibble(path.len())) {
            let Some(nibble) = group.first().and_then(|leaf| leaf.nibble(path.len())) else { continue };
            let child = self.build(&joined(path, nibble), group, &mut Effects::default())?;
            children.extend(child.map(|child| (nibble, child)));
        }
        Ok(())
    }
}

/// The last of the neighbouring children that have neither a hash nor anything stored.
fn end_of_leaves(node: &BranchNodeCompact, first: u8) -> u8 {
    let other = node.hash_mask | node.tree_mask;
    (first..16).take_while(|nibble| !other.is_bit_set(*nibble)).last().unwrap_or(first)
}

impl Item {
    fn nibble(&self, at: usize) -> Option<u8> {
        self.path().get(at)
    }
}
