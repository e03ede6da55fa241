use super::*;
use alloy_trie::HashBuilder;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) leaves: BTreeMap<B256, Vec<u8>>,
    pub(crate) nodes: BTreeMap<Nibbles, BranchNodeCompact>,
}

impl TrieSource for Memory {
    fn leaves(&self, from: &B256, to: Option<&B256>) -> Result<Vec<(B256, Vec<u8>)>, LedgerError> {
        let range = self.leaves.range::<B256, _>(from..).take_while(|(key, _)| to.is_none_or(|to| *key < to));
        Ok(range.map(|(key, value)| (*key, value.clone())).collect())
    }

    fn first_node(&self, from: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError> {
        Ok(self.nodes.range::<Nibbles, _>(from..).next().map(|(path, node)| (*path, node.clone())))
    }

    fn node(&self, path: &Nibbles) -> Result<Option<BranchNodeCompact>, LedgerError> {
        Ok(self.nodes.get(path).cloned())
    }
}

impl Memory {
    fn apply(&mut self, changes: &[LeafChange]) -> B256 {
        let delta = walk(self, changes).unwrap();
        let root = delta.root;
        self.take(changes, delta);
        root
    }

    /// Writes what changed, as the state file does.
    pub(crate) fn take(&mut self, changes: &[LeafChange], delta: TrieDelta) {
        for (key, value) in changes {
            match value {
                Some(value) => self.leaves.insert(*key, value.clone()),
                None => self.leaves.remove(key),
            };
        }
        for path in delta.delete {
            self.nodes.remove(&path);
        }
        self.nodes.extend(delta.put);
    }

    pub(crate) fn rebuilt(&self) -> (B256, BTreeMap<Nibbles, BranchNodeCompact>) {
        let mut builder = HashBuilder::default().with_updates(true);
        for (key, value) in &self.leaves {
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        let root = builder.root();
        (root, builder.split().1.into_iter().filter(|(_, node)| is_listed(node)).collect())
    }
}

/// Keys share prefixes of every length, so that branches split, collapse and become extensions.
fn key(random: &mut StdRng) -> B256 {
    let mut key = B256::ZERO;
    let free = random.random_range(1..=32);
    for byte in key.0.iter_mut().rev().take(free) {
        *byte = if random.random_bool(0.5) { random.random() } else { random.random_range(0..3) };
    }
    key
}

pub(crate) fn batch(random: &mut StdRng, trie: &Memory) -> Vec<LeafChange> {
    let mut changes = BTreeMap::new();
    for _ in 0..random.random_range(1..60) {
        let existing = trie.leaves.keys().nth(random.random_range(0..trie.leaves.len().max(1)));
        let key = existing.filter(|_| random.random_bool(0.6)).copied().unwrap_or_else(|| key(random));
        let value = random.random_bool(0.55).then(|| {
            let length = random.random_range(1..80);
            (0..length).map(|_| random.random_range(1..=255)).collect()
        });
        changes.insert(key, value);
    }
    changes.into_iter().collect()
}

pub(crate) fn without_root_hash(
    nodes: &BTreeMap<Nibbles, BranchNodeCompact>,
) -> BTreeMap<Nibbles, BranchNodeCompact> {
    let strip = |node: &BranchNodeCompact| BranchNodeCompact { root_hash: None, ..node.clone() };
    nodes.iter().map(|(path, node)| (*path, strip(node))).collect()
}

#[test]
fn every_batch_of_inserts_updates_and_deletes_gives_the_root_and_branches_of_a_full_rebuild() {
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut trie = Memory::default();
        for step in 0..8 {
            let changes = batch(&mut random, &trie);
            let root = trie.apply(&changes);
            let (want, nodes) = trie.rebuilt();
            assert_eq!(root, want, "root, seed {seed} step {step}");
            assert_eq!(
                without_root_hash(&trie.nodes),
                without_root_hash(&nodes),
                "branches, seed {seed} step {step}"
            );
        }
        let all: Vec<_> = trie.leaves.keys().map(|key| (*key, None)).collect();
        assert_eq!(trie.apply(&all), alloy_trie::EMPTY_ROOT_HASH, "seed {seed}");
        assert!(trie.nodes.is_empty(), "seed {seed}");
    }
}
