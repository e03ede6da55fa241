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

    /// The same trie in at most `bytes`, if it holds more: without the oldest of the lowest branches, which are many and
    /// cost one read of their leaves, and if all others do not leave room for some of these, without whatever is oldest.
    /// Only half of the room is filled, so that the next time is far.
    pub(crate) fn within(self, bytes: usize) -> Self {
        if self.weight() <= bytes {
            return self;
        }
        let Top::Node(Child::Branch(top)) = &self.top else { return Self::unread(self.root) };
        let mut ages = Ages::default();
        ages.weigh(top, 0);
        let upper: usize = ages.upper.values().sum::<usize>() + size_of::<Self>();
        let kept = if upper <= bytes - bytes / 4 {
            Kept { upper: 0, lowest: newest(&ages.lowest, (bytes - upper) / 2).unwrap_or(u64::MAX) }
        } else {
            for (epoch, weight) in ages.lowest {
                *ages.upper.entry(epoch).or_default() += weight;
            }
            // Not even what one block touched fits: start over from the tables.
            let Some(from) = newest(&ages.upper, bytes / 2) else { return Self::unread(self.root) };
            Kept { upper: from, lowest: from }
        };
        Self { root: self.root, top: Top::Node(Child::Branch(kept.of(top))) }
    }
}

/// The epoch from which on everything takes at most `bytes`; none if not even the last does.
fn newest(ages: &BTreeMap<u64, usize>, bytes: usize) -> Option<u64> {
    let mut left = bytes;
    let fit = ages.iter().rev().take_while(|(_, weight)| {
        let fits = **weight <= left;
        left = left.saturating_sub(**weight);
        fits
    });
    fit.last().map(|(from, _)| *from)
}

/// Bytes by epoch.
#[derive(Default)]
struct Ages {
    /// Of branches that have branches below, or cannot be given up for their hash.
    upper: BTreeMap<u64, usize>,
    lowest: BTreeMap<u64, usize>,
}

impl Ages {
    fn weigh(&mut self, link: &Link, depth: usize) {
        let branch = &link.branch;
        let below: usize = branch.children.iter().map(Child::weight).sum();
        let is_lowest = !link.stored && link.has_hash_at(depth);
        let ages = if is_lowest { &mut self.lowest } else { &mut self.upper };
        *ages.entry(branch.epoch).or_default() += weight(&branch.children) - below;
        for child in &branch.children {
            if let Child::Branch(child) = child {
                self.weigh(child, branch.path.len() + 1);
            }
        }
    }
}

impl Link {
    /// Whether a parent whose children are `depth` nibbles below the root can hold its hash instead.
    fn has_hash_at(&self, depth: usize) -> bool {
        usize::from(self.depth) == depth && self.reference.is_hash()
    }
}

/// The epochs from which on branches stay. A branch is as new as the newest below it.
struct Kept {
    upper: u64,
    lowest: u64,
}

impl Kept {
    fn of(&self, link: &Link) -> Link {
        let branch = &link.branch;
        let depth = branch.path.len() + 1;
        let children: Box<[Child]> = branch
            .children
            .iter()
            .map(|child| match child {
                Child::Branch(below) if self.stays(below) => Child::Branch(self.of(below)),
                Child::Branch(below) if below.has_hash_at(depth) => {
                    Child::Cold { reference: below.reference.clone(), stored: below.stored }
                }
                other => other.clone(),
            })
            .collect();
        let Branch { path, state, epoch, .. } = **branch;
        Branch { path, state, children, epoch }.linked(link.reference.clone(), link.stored)
    }

    fn stays(&self, link: &Link) -> bool {
        link.branch.epoch >= if link.stored { self.upper } else { self.lowest }
    }
}
