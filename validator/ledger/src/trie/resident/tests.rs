use super::*;
use crate::trie::walk::tests::{Memory, batch, without_root_hash};
use rand::{Rng, SeedableRng, rngs::StdRng};

fn changes(trie: &Memory, batch: &[(B256, Option<Vec<u8>>)]) -> Vec<Change> {
    let change = |(key, value): &(B256, Option<Vec<u8>>)| Change {
        key: *key,
        existed: trie.leaves.contains_key(key),
        value: value.clone(),
    };
    batch.iter().map(change).collect()
}

/// Lets `steps` batches run over a trie that gives up memory as `budget` says after each; root and branches must be those
/// of a trie built from all leaves.
fn run(seed: u64, steps: u64, budget: impl Fn(&mut StdRng) -> usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut tables = Memory::default();
    let mut trie = Trie::unread(EMPTY_ROOT_HASH);
    for step in 0..steps {
        let batch = batch(&mut random, &tables);
        let before = trie.root();
        let (next, delta) = trie.apply(&tables, &changes(&tables, &batch), step).unwrap();
        assert_eq!(trie.root(), before, "the version it started from stays");
        assert_eq!(next.root(), delta.root);
        tables.take(&batch, delta);
        let (root, nodes) = tables.rebuilt();
        assert_eq!(next.root(), root, "seed {seed} step {step}");
        assert_eq!(without_root_hash(&tables.nodes), without_root_hash(&nodes), "seed {seed} step {step}");
        let bytes = budget(&mut random);
        trie = next.within(bytes);
        assert_eq!(trie.root(), root);
        assert!(trie.weight() <= bytes.max(size_of::<Trie>()), "seed {seed} step {step}");
    }
}

#[test]
fn every_batch_gives_the_root_and_branches_of_a_full_rebuild_while_all_stays_in_memory() {
    (0..150).for_each(|seed| run(seed, 8, |_| usize::MAX));
}

#[test]
fn every_batch_gives_the_root_and_branches_of_a_full_rebuild_from_the_tables_alone() {
    (200..350).for_each(|seed| run(seed, 8, |_| 0));
}

#[test]
fn every_batch_gives_the_root_and_branches_of_a_full_rebuild_while_memory_comes_and_goes() {
    (400..550).for_each(|seed| run(seed, 12, |random| random.random_range(0..30_000)));
}

#[test]
fn a_batch_large_enough_for_many_threads_gives_the_root_of_a_full_rebuild() {
    let mut random = StdRng::seed_from_u64(9);
    let mut tables = Memory::default();
    let mut trie = Trie::unread(EMPTY_ROOT_HASH);
    for step in 0..6 {
        let mut batch = std::collections::BTreeMap::new();
        for key in tables.leaves.keys() {
            if random.random_bool(0.4) {
                batch.insert(*key, random.random_bool(0.5).then(|| random.random::<[u8; 40]>().to_vec()));
            }
        }
        batch.extend((0..2000).map(|_| (B256::from(random.random::<[u8; 32]>()), Some(vec![7; 70]))));
        let batch: Vec<_> = batch.into_iter().collect();
        let (next, delta) = trie.apply(&tables, &changes(&tables, &batch), step).unwrap();
        tables.take(&batch, delta);
        let (root, nodes) = tables.rebuilt();
        assert_eq!(next.root(), root);
        assert_eq!(without_root_hash(&tables.nodes), without_root_hash(&nodes));
        trie = next.within(500_000);
    }
}

#[test]
fn a_branch_that_its_table_does_not_hold_is_an_error_and_not_another_root() {
    let mut random = StdRng::seed_from_u64(3);
    let mut tables = Memory::default();
    let batch: Vec<_> =
        (0..4000).map(|_| (B256::from(random.random::<[u8; 32]>()), Some(vec![7; 70]))).collect();
    let batch: Vec<_> = std::collections::BTreeMap::from_iter(batch).into_iter().collect();
    let (trie, delta) = Trie::unread(EMPTY_ROOT_HASH).apply(&tables, &changes(&tables, &batch), 0).unwrap();
    let root = trie.root();
    tables.take(&batch, delta);
    let key = *tables.leaves.keys().next().unwrap();
    // Below its place in the root, everything is lost.
    let lost = Nibbles::from_nibbles([key.0[0] >> 4]);
    tables.nodes.retain(|path, _| !path.starts_with(&lost));
    tables.leaves.retain(|key, _| !Nibbles::unpack(key).starts_with(&lost));
    let change = Change { key, existed: true, value: Some(vec![1]) };
    let failed = Trie::unread(root).apply(&tables, &[change], 1);
    assert!(matches!(failed, Err(LedgerError::Corrupt { .. })));
}
