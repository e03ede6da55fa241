//! Branches of one version of a trie that were read before the pass that needs them, by whoever had the time.

use super::{
    Branch, Child, Link, Top, Trie,
    apply::{Pass, warm},
};
use crate::{
    LedgerError,
    trie::walk::{TrieSource, joined},
};
use alloy_primitives::{B256, map::HashMap};
use alloy_trie::Nibbles;
use parking_lot::RwLock;

/// What was read, by its place. A pass takes a branch from here only if it has the reference that its parent knows.
#[derive(Default)]
pub(crate) struct Opened(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// What hangs at the root, if nothing of the trie was in memory.
    top: Option<Child>,
    branches: HashMap<Nibbles, Link>,
}

impl Opened {
    pub(super) fn top(&self) -> Option<Child> {
        self.0.read().top.clone()
    }

    pub(super) fn branch(&self, path: &Nibbles) -> Option<Link> {
        self.0.read().branches.get(path).cloned()
    }
}

impl Trie {
    /// Reads into `opened` what lies on the way to `key` and is not in memory, and says how many bytes that were. `source`
    /// holds this version.
    pub(crate) fn open(
        &self,
        source: &(impl TrieSource + Sync),
        key: &B256,
        epoch: u64,
        opened: &Opened,
    ) -> Result<usize, LedgerError> {
        let pass = Pass { source, changes: &[], epoch, opened };
        let (root, key) = (Nibbles::default(), Nibbles::unpack(key));
        match &self.top {
            Top::Empty => Ok(0),
            Top::Node(top) => pass.open(&root, top, &key),
            Top::Unread => {
                if let Some(top) = opened.top() {
                    return pass.open(&root, &top, &key);
                }
                let Some(top) = pass.read_subtree(&root)? else { return Ok(0) };
                opened.0.write().top = Some(top.clone());
                Ok(top.weight() + pass.open(&root, &top, &key)?)
            }
        }
    }
}

impl<S: TrieSource + Sync> Pass<'_, S> {
    fn open(&self, at: &Nibbles, child: &Child, key: &Nibbles) -> Result<usize, LedgerError> {
        match child {
            Child::Leaf(_) => Ok(0),
            Child::Branch(link) => self.open_below(&link.branch, key),
            Child::Cold { reference, stored } => {
                if let Some(link) = self.opened.branch(at) {
                    return self.open_below(&link.branch, key);
                }
                let link = self.read_branch(at, reference, *stored)?;
                self.opened.0.write().branches.insert(*at, link.clone());
                let weight = usize::try_from(link.weight).unwrap_or(usize::MAX);
                Ok(self.open_below(&link.branch, key)?.saturating_add(weight))
            }
        }
    }

    fn open_below(&self, branch: &Branch, key: &Nibbles) -> Result<usize, LedgerError> {
        // The pass will copy it.
        warm(&branch.children);
        let below = key.get(branch.path.len()).filter(|_| key.starts_with(&branch.path));
        let child = below.and_then(|nibble| Some((nibble, branch.child(nibble)?)));
        child.map_or(Ok(0), |(nibble, child)| self.open(&joined(&branch.path, nibble), child, key))
    }
}

impl Branch {
    fn child(&self, nibble: u8) -> Option<&Child> {
        let before = self.state.get() & ((1 << nibble) - 1);
        let at = usize::try_from(before.count_ones()).unwrap_or(usize::MAX);
        self.children.get(at).filter(|_| self.state.is_bit_set(nibble))
    }
}
