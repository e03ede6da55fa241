//! One trie in memory, as much of it as was touched lately (`node-facts` D.4, D.5).
//!
//! Nodes are shared and never change: applying changes copies the path to each of them and leaves the trie it started
//! from as it was, so a candidate is a root pointer, committing it a swap, discarding it a drop. Of a leaf only its
//! reference is kept; of a subtree that was not read yet, or was given up for memory, only its branch's hash.

mod apply;
mod budget;
mod load;
mod opened;

pub(crate) use opened::Opened;

use super::walk::{TrieDelta, TrieSource};
use crate::LedgerError;
use alloy_primitives::{B256, keccak256};
use alloy_trie::{
    BranchNodeCompact, EMPTY_ROOT_HASH, Nibbles, TrieMask,
    nodes::{BranchNodeRef, ExtensionNodeRef, LeafNodeRef, RlpNode},
};
use std::sync::Arc;

/// A changed leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: B256,
    /// Whether the trie holds this key; spares reading which key a leaf in its place has.
    pub(crate) existed: bool,
    /// In RLP; none when it is gone.
    pub(crate) value: Option<Vec<u8>>,
}

/// A version of one trie.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    root: B256,
    top: Top,
}

/// What hangs at the root.
#[derive(Clone, Debug)]
enum Top {
    /// Nothing of it was needed so far.
    Unread,
    Empty,
    Node(Child),
}

/// What hangs in one place of a branch. A leaf is as seen from there; a branch may be further down, behind an extension.
#[derive(Clone, Debug)]
enum Child {
    Leaf(RlpNode),
    /// A branch in exactly this place that is not in memory, and whether it has branches below (`node-facts` D.2).
    Cold {
        reference: RlpNode,
        stored: bool,
    },
    Branch(Link),
}

/// A branch, and beside it what its parent asks of it: making a branch anew must not read all its children from memory.
#[derive(Clone, Debug)]
struct Link {
    branch: Arc<Branch>,
    /// Of the branch alone, without an extension above it.
    reference: RlpNode,
    /// Bytes of it and all that is in memory below.
    weight: u32,
    /// Nibbles of its path.
    depth: u8,
    /// Whether it has branches below; the tables hold those that have such below.
    stored: bool,
}

#[derive(Debug)]
struct Branch {
    path: Nibbles,
    state: TrieMask,
    children: Box<[Child]>,
    /// When it was made or read.
    epoch: u64,
}

impl Trie {
    /// The trie of this root, nothing of it in memory yet.
    pub(crate) fn unread(root: B256) -> Self {
        let top = if root == EMPTY_ROOT_HASH { Top::Empty } else { Top::Unread };
        Self { root, top }
    }

    pub(crate) const fn root(&self) -> B256 {
        self.root
    }

    /// The trie after `changes`, which are sorted by key without duplicates, and what that changes in the tables.
    /// `source` holds this version, some of which may be in `opened`. `epoch` is kept in whatever is made or read.
    pub(crate) fn apply(
        &self,
        source: &(impl TrieSource + Sync),
        changes: &[Change],
        epoch: u64,
        opened: &Opened,
    ) -> Result<(Self, TrieDelta), LedgerError> {
        apply::apply(self, source, changes, epoch, opened)
    }
}

/// Root hash of what hangs at the top.
fn root_of(top: Option<&Child>) -> B256 {
    let Some(top) = top else { return EMPTY_ROOT_HASH };
    let reference = top.reference(0);
    reference.as_hash().unwrap_or_else(|| keccak256(&reference))
}

/// Reference of a leaf whose place is `depth` nibbles below the root.
fn leaf_reference(key: &B256, depth: usize, value: &[u8]) -> RlpNode {
    let rest = Nibbles::unpack(key).slice(depth..);
    LeafNodeRef::new(&rest, value).rlp(&mut Vec::with_capacity(value.len() + 40))
}

impl Child {
    /// As a branch holds it whose children are `depth` nibbles below the root.
    fn reference(&self, depth: usize) -> RlpNode {
        match self {
            Self::Leaf(reference) | Self::Cold { reference, .. } => reference.clone(),
            Self::Branch(link) if usize::from(link.depth) == depth => link.reference.clone(),
            Self::Branch(link) => {
                let extension = link.branch.path.slice(depth..);
                ExtensionNodeRef::new(&extension, &link.reference).rlp(&mut Vec::with_capacity(72))
            }
        }
    }

    /// Its hash, if it is a branch in exactly this place that has one.
    fn branch_hash(&self, depth: usize) -> Option<B256> {
        match self {
            Self::Cold { reference, .. } => reference.as_hash(),
            Self::Branch(link) if usize::from(link.depth) == depth => link.reference.as_hash(),
            Self::Leaf(_) | Self::Branch(_) => None,
        }
    }

    fn is_stored(&self) -> bool {
        match self {
            Self::Leaf(_) => false,
            Self::Cold { stored, .. } => *stored,
            Self::Branch(link) => link.stored,
        }
    }

    fn weight(&self) -> usize {
        // Beyond four gigabytes it is given up in any case.
        if let Self::Branch(link) = self { usize::try_from(link.weight).unwrap_or(usize::MAX) } else { 0 }
    }
}

impl Branch {
    /// Whether the tables hold it.
    fn is_listed(&self) -> bool {
        self.children.iter().any(Child::is_stored)
    }

    /// A branch of two children or more, each with its nibble, in order; and the record of it if the tables hold one.
    fn of(path: Nibbles, children: Vec<(u8, Child)>, epoch: u64) -> (Link, Option<BranchNodeCompact>) {
        let depth = path.len() + 1;
        let [mut state, mut tree, mut hash] = [0_u16; 3];
        let (mut references, mut hashes) = (Vec::with_capacity(children.len()), Vec::new());
        for (nibble, child) in &children {
            let bit = 1 << nibble;
            state |= bit;
            if child.is_stored() {
                tree |= bit;
            }
            if let Some(branch) = child.branch_hash(depth) {
                hash |= bit;
                hashes.push(branch);
            }
            references.push(child.reference(depth));
        }
        let state = TrieMask::new(state);
        let reference = BranchNodeRef::new(&references, state).rlp(&mut Vec::with_capacity(544));
        let stored = tree | hash != 0;
        let record = (tree != 0)
            .then(|| BranchNodeCompact::new(state, TrieMask::new(tree), TrieMask::new(hash), hashes, None));
        let children: Box<[Child]> = children.into_iter().map(|(_, child)| child).collect();
        (Self { path, state, children, epoch }.linked(reference, stored), record)
    }

    fn linked(self, reference: RlpNode, stored: bool) -> Link {
        let weight = u32::try_from(budget::weight(&self.children)).unwrap_or(u32::MAX);
        // A path is at most 64 nibbles, which its type guarantees.
        let depth = u8::try_from(self.path.len()).unwrap_or(u8::MAX);
        Link { branch: Arc::new(self), reference, weight, depth, stored }
    }
}

#[cfg(test)]
mod tests;
