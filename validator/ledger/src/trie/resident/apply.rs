//! Changes applied: the subtrees that hold a changed key are made anew, in parallel where many keys changed.

use super::{Branch, Change, Child, Link, Opened, Top, Trie, leaf_reference, root_of};
use crate::{
    LedgerError,
    trie::walk::{TrieDelta, TrieSource, joined, lowest, next},
};
use alloy_primitives::B256;
use alloy_trie::{BranchNodeCompact, Nibbles};
use rayon::prelude::*;
use std::{ops::Range, sync::Arc};

/// Changes below a branch from which its subtrees are worth other threads: about half a millisecond of work.
const PARALLEL: usize = 64;

/// What a pass leaves for the tables.
#[derive(Default)]
pub(super) struct Effects {
    put: Vec<(Nibbles, BranchNodeCompact)>,
    /// Stored branches that were opened; those not put again are gone.
    opened: Vec<Nibbles>,
}

/// What a subtree is made of.
pub(super) enum Item {
    Leaf(B256, Vec<u8>),
    Branch(Link),
}

/// One pass over one trie.
pub(super) struct Pass<'a, S> {
    pub(super) source: &'a S,
    pub(super) changes: &'a [Change],
    pub(super) epoch: u64,
    pub(super) opened: &'a Opened,
}

pub(super) fn apply<S: TrieSource + Sync>(
    trie: &Trie,
    source: &S,
    changes: &[Change],
    epoch: u64,
    opened: &Opened,
) -> Result<(Trie, TrieDelta), LedgerError> {
    let pass = Pass { source, changes, epoch, opened };
    let root = Nibbles::default();
    let top = match &trie.top {
        Top::Node(top) => Some(top.clone()),
        Top::Empty => None,
        Top::Unread => match opened.top().filter(|top| root_of(Some(top)) == trie.root) {
            Some(top) => Some(top),
            None => pass.read_subtree(&root)?,
        },
    };
    let mut effects = Effects::default();
    let top = pass.slot(&root, top, 0..changes.len(), &mut effects)?;
    let Effects { mut put, opened } = effects;
    put.par_sort_unstable_by_key(|(path, _)| *path);
    let is_put = |path: &Nibbles| put.binary_search_by_key(path, |(path, _)| *path).is_ok();
    let delete = opened.into_iter().filter(|path| !is_put(path)).collect();
    let root = root_of(top.as_ref());
    let top = top.map_or(Top::Empty, Top::Node);
    Ok((Trie { root, top }, TrieDelta { root, put, delete }))
}

impl<S: TrieSource + Sync> Pass<'_, S> {
    /// What hangs at `at` after the changes of `range`, all of which lie below it.
    fn slot(
        &self,
        at: &Nibbles,
        child: Option<Child>,
        range: Range<usize>,
        effects: &mut Effects,
    ) -> Result<Option<Child>, LedgerError> {
        let changes = self.changes.get(range.clone()).unwrap_or_default();
        if changes.is_empty() {
            return Ok(child);
        }
        match child {
            None => self.build(at, &set_in(changes), effects),
            Some(Child::Leaf(reference)) => {
                let mut items = set_in(changes);
                if !changes.iter().any(|change| change.existed) {
                    if items.is_empty() {
                        return Ok(Some(Child::Leaf(reference)));
                    }
                    let (key, value) = self.old_leaf(at)?;
                    let place = items.partition_point(|item| item.path() < Nibbles::unpack(key));
                    items.insert(place, Item::Leaf(key, value));
                }
                self.build(at, &items, effects)
            }
            Some(Child::Cold { reference, stored }) => {
                let branch = self.read_branch(at, &reference, stored)?;
                self.below(at, &branch, range, effects)
            }
            Some(Child::Branch(branch)) => self.below(at, &branch, range, effects),
        }
    }

    /// As [`Self::slot`] where a branch hangs, perhaps behind an extension that new leaves split.
    fn below(
        &self,
        at: &Nibbles,
        link: &Link,
        range: Range<usize>,
        effects: &mut Effects,
    ) -> Result<Option<Child>, LedgerError> {
        let branch = &link.branch;
        let inside = self.within(&branch.path, range.clone());
        let outside = |range: Range<usize>| set_in(self.changes.get(range).unwrap_or_default());
        let (mut items, after) = (outside(range.start..inside.start), outside(inside.end..range.end));
        if items.is_empty() && after.is_empty() {
            return self.branch(at, link, inside, effects);
        }
        match self.branch(&branch.path, link, inside, effects)? {
            None => {}
            Some(Child::Branch(link)) => items.push(Item::Branch(link)),
            Some(Child::Leaf(_)) => {
                let (key, value) = self.only_leaf(&branch.path)?;
                items.push(Item::Leaf(key, value));
            }
            Some(Child::Cold { reference, stored }) => {
                items.push(Item::Branch(self.read_branch(&branch.path, &reference, stored)?));
            }
        }
        items.extend(after);
        self.build(at, &items, effects)
    }

    /// A branch after changes that all lie below it, as seen from `at`.
    fn branch(
        &self,
        at: &Nibbles,
        link: &Link,
        range: Range<usize>,
        effects: &mut Effects,
    ) -> Result<Option<Child>, LedgerError> {
        if range.is_empty() {
            return Ok(Some(Child::Branch(link.clone())));
        }
        let branch = &link.branch;
        if branch.is_listed() {
            effects.opened.push(branch.path);
        }
        let mut children = self.children(branch, range, effects)?;
        if children.len() > 1 {
            return Ok(Some(self.make(branch.path, children, effects)));
        }
        let Some((nibble, last)) = children.pop() else { return Ok(None) };
        let place = joined(&branch.path, nibble);
        Ok(Some(match last {
            Child::Branch(_) => last,
            Child::Cold { reference, stored } => Child::Branch(self.read_branch(&place, &reference, stored)?),
            Child::Leaf(_) => {
                let (key, value) = self.only_leaf(&place)?;
                Child::Leaf(leaf_reference(&key, at.len(), &value))
            }
        }))
    }

    /// Children that are left, each with its nibble.
    fn children(
        &self,
        branch: &Branch,
        range: Range<usize>,
        effects: &mut Effects,
    ) -> Result<Vec<(u8, Child)>, LedgerError> {
        let many = range.len() >= PARALLEL;
        warm(&branch.children);
        let mut old = branch.children.iter();
        let (mut children, mut touched) = (Vec::with_capacity(16), Vec::new());
        let mut start = range.start;
        for nibble in 0..16 {
            let child = branch.state.is_bit_set(nibble).then(|| old.next().cloned()).flatten();
            let rest = self.changes.get(start..range.end).unwrap_or_default();
            let is_below = |change: &&Change| nibble_of(&change.key, branch.path.len()) == nibble;
            let changed = start..start + rest.iter().take_while(is_below).count();
            start = changed.end;
            if changed.is_empty() {
                children.extend(child.map(|child| (nibble, child)));
            } else if many {
                touched.push((nibble, child, changed));
            } else {
                let child = self.slot(&joined(&branch.path, nibble), child, changed, effects)?;
                children.extend(child.map(|child| (nibble, child)));
            }
        }
        if !touched.is_empty() {
            let done = touched.into_par_iter().map(|(nibble, child, changed)| {
                let mut effects = Effects::default();
                let child = self.slot(&joined(&branch.path, nibble), child, changed, &mut effects)?;
                Ok((nibble, child, effects))
            });
            for (nibble, child, mut part) in done.collect::<Result<Vec<_>, LedgerError>>()? {
                effects.put.append(&mut part.put);
                effects.opened.append(&mut part.opened);
                children.extend(child.map(|child| (nibble, child)));
            }
            children.sort_unstable_by_key(|(nibble, _)| *nibble);
        }
        Ok(children)
    }

    /// The smallest subtree that holds these items, in order of path; none is below another.
    pub(super) fn build(
        &self,
        at: &Nibbles,
        items: &[Item],
        effects: &mut Effects,
    ) -> Result<Option<Child>, LedgerError> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(None) };
        if items.len() == 1 {
            return Ok(Some(match first {
                Item::Leaf(key, value) => Child::Leaf(leaf_reference(key, at.len(), value)),
                Item::Branch(link) => Child::Branch(link.clone()),
            }));
        }
        let path = first.path();
        let path = path.slice(..path.common_prefix_length(&last.path()));
        let nibble_of = |item: &Item| item.path().get(path.len());
        let mut children = Vec::with_capacity(16);
        for items in items.chunk_by(|a, b| nibble_of(a) == nibble_of(b)) {
            let nibble = items.first().and_then(nibble_of);
            let nibble = nibble.ok_or(LedgerError::Corrupt { what: "trie: one node below another" })?;
            let child = self.build(&joined(&path, nibble), items, effects)?;
            children.extend(child.map(|child| (nibble, child)));
        }
        Ok(Some(self.make(path, children, effects)))
    }

    fn make(&self, path: Nibbles, children: Vec<(u8, Child)>, effects: &mut Effects) -> Child {
        let (link, record) = Branch::of(path, children, self.epoch);
        effects.put.extend(record.map(|record| (path, record)));
        Child::Branch(link)
    }

    /// Key and value of the leaf that alone is left below a place.
    fn only_leaf(&self, place: &Nibbles) -> Result<(B256, Vec<u8>), LedgerError> {
        let changes = self.below_place(place);
        match changes.iter().find_map(|c| c.value.clone().map(|value| (c.key, value))) {
            Some(set) => Ok(set),
            None => self.old_leaf(place),
        }
    }

    /// Key and value of the leaf below a place that no change touches.
    fn old_leaf(&self, place: &Nibbles) -> Result<(B256, Vec<u8>), LedgerError> {
        let changes = self.below_place(place);
        let is_changed = |key: &B256| changes.binary_search_by_key(key, |change| change.key).is_ok();
        let leaves = self.source.leaves(&lowest(place), next(place).as_ref())?;
        let left = leaves.into_iter().find(|(key, _)| !is_changed(key));
        left.ok_or(LedgerError::Corrupt { what: "trie: a leaf that its table does not hold" })
    }

    fn below_place(&self, place: &Nibbles) -> &[Change] {
        self.changes.get(self.within(place, 0..self.changes.len())).unwrap_or_default()
    }

    /// Those of the changes in `range` that lie below a path.
    fn within(&self, path: &Nibbles, range: Range<usize>) -> Range<usize> {
        let changes = self.changes.get(range.clone()).unwrap_or_default();
        let from = lowest(path);
        let start = changes.partition_point(|change| change.key < from);
        let end = next(path).map_or(changes.len(), |to| changes.partition_point(|change| change.key < to));
        range.start + start..range.start + end.max(start)
    }
}

/// Reads the counters of branches that are about to be shared: these reads wait for memory together, raising the counters
/// would wait for one after the other.
pub(super) fn warm(children: &[Child]) {
    let counters = children.iter().map(|child| match child {
        Child::Branch(link) => Arc::strong_count(&link.branch),
        _ => 0,
    });
    std::hint::black_box(counters.sum::<usize>());
}

fn nibble_of(key: &B256, depth: usize) -> u8 {
    let byte = key.0.get(depth / 2).copied().unwrap_or_default();
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
}

/// The leaves that changes set.
fn set_in(changes: &[Change]) -> Vec<Item> {
    changes.iter().filter_map(|c| c.value.clone().map(|value| Item::Leaf(c.key, value))).collect()
}

impl Item {
    pub(super) fn path(&self) -> Nibbles {
        match self {
            Self::Leaf(key, _) => Nibbles::unpack(key),
            Self::Branch(link) => link.branch.path,
        }
    }
}
