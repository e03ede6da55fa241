//! Memory: what was not touched for longest is given up for its hash.

use super::{Branch, Child, Link, Top, Trie};
use std::collections::BTreeMap;

/// What an allocation with two counters takes beside its content.
const SHARED: usize = 16;

/// Bytes of a branch with these children, and of all below them.
pub(super) fn weight(children: &[Child]) -> usize {
    let below: usize = children.iter().map(Child::weight).sum();
    size_of::<Branch>() + SHARED + size_of_val(children) + below
}

impl Trie {
    /// Bytes held.
    pub(crate) fn weight(&self) -> usize {
        let below = if let Top::Node(top) = &self.top { top.weight() } else { 0 };
        size_of::<Self>() + below
    }

    /// The same trie in at most `bytes`, if it holds more: then half of them, the newest, so that the next time is far.
    pub(crate) fn within(self, bytes: usize) -> Self {
        if self.weight() <= bytes {
            return self;
        }
        let Top::Node(Child::Branch(top)) = &self.top else { return Self::unread(self.root) };
        let mut ages = BTreeMap::new();
        weigh(top, &mut ages);
        let mut left = bytes / 2;
        let newest = ages.into_iter().rev().take_while(|(_, weight)| {
            let fits = *weight <= left;
            left = left.saturating_sub(*weight);
            fits
        });
        // Not even what one block touched fits: start over from the tables.
        let Some((from, _)) = newest.last() else { return Self::unread(self.root) };
        Self { root: self.root, top: Top::Node(Child::Branch(thinned(top, from))) }
    }
}

/// Bytes by epoch.
fn weigh(link: &Link, ages: &mut BTreeMap<u64, usize>) {
    let branch = &link.branch;
    let below: usize = branch.children.iter().map(Child::weight).sum();
    *ages.entry(branch.epoch).or_default() += weight(&branch.children) - below;
    for child in &branch.children {
        if let Child::Branch(child) = child {
            weigh(child, ages);
        }
    }
}

/// The branch without what was last touched before `from`. A branch is as new as the newest below it.
fn thinned(link: &Link, from: u64) -> Link {
    let branch = &link.branch;
    let depth = branch.path.len() + 1;
    let children: Box<[Child]> = branch
        .children
        .iter()
        .map(|child| match child {
            Child::Branch(below) if below.branch.epoch >= from => Child::Branch(thinned(below, from)),
            Child::Branch(below) if usize::from(below.depth) == depth && below.reference.is_hash() => {
                Child::Cold { reference: below.reference.clone(), stored: below.stored }
            }
            other => other.clone(),
        })
        .collect();
    let Branch { path, state, epoch, .. } = **branch;
    Branch { path, state, children, epoch }.linked(link.reference.clone(), link.stored)
}
