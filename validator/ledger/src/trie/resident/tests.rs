use super::*;
use crate::trie::walk::tests::{Memory, batch, without_root_hash};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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
        let (next, delta) = trie.apply(&tables, &changes(&tables, &batch), step, &Opened::default()).unwrap();
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
        let (next, delta) = trie.apply(&tables, &changes(&tables, &batch), step, &Opened::default()).unwrap();
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
    let (trie, delta) = Trie::unread(EMPTY_ROOT_HASH)
        .apply(&tables, &changes(&tables, &batch), 0, &Opened::default())
        .unwrap();
    let root = trie.root();
    tables.take(&batch, delta);
    let key = *tables.leaves.keys().next().unwrap();
    // Below its place in the root, everything is lost.
    let lost = Nibbles::from_nibbles([key.0[0] >> 4]);
    tables.nodes.retain(|path, _| !path.starts_with(&lost));
    tables.leaves.retain(|key, _| !Nibbles::unpack(key).starts_with(&lost));
    let change = Change { key, existed: true, value: Some(vec![1]) };
    let failed = Trie::unread(root).apply(&tables, &[change], 1, &Opened::default());
    assert!(matches!(failed, Err(LedgerError::Corrupt { .. })));
}

/// Tables that count what is read of them.
#[derive(Default)]
struct Counted {
    tables: Memory,
    reads: AtomicUsize,
}

impl Counted {
    fn read(&self) -> &Memory {
        self.reads.fetch_add(1, Relaxed);
        &self.tables
    }
}

impl TrieSource for Counted {
    fn leaves(&self, from: &B256, to: Option<&B256>) -> Result<Vec<(B256, Vec<u8>)>, LedgerError> {
        self.read().leaves(from, to)
    }

    fn first_node(&self, from: &Nibbles) -> Result<Option<(Nibbles, BranchNodeCompact)>, LedgerError> {
        self.read().first_node(from)
    }

    fn node(&self, path: &Nibbles) -> Result<Option<BranchNodeCompact>, LedgerError> {
        self.read().node(path)
    }
}

#[test]
fn every_batch_gives_the_root_and_branches_of_a_full_rebuild_whatever_was_opened_before() {
    for seed in 600..750 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tables = Memory::default();
        let mut trie = Trie::unread(EMPTY_ROOT_HASH);
        for step in 0..10 {
            let (batch, opened) = (batch(&mut random, &tables), Opened::default());
            for (key, _) in &batch {
                if random.random_bool(0.5) {
                    trie.open(&tables, key, step, &opened).unwrap();
                }
                if let Some(other) = tables.leaves.keys().nth(random.random_range(0..100)) {
                    trie.open(&tables, other, step, &opened).unwrap();
                }
            }
            let (next, delta) = trie.apply(&tables, &changes(&tables, &batch), step, &opened).unwrap();
            tables.take(&batch, delta);
            let (root, nodes) = tables.rebuilt();
            assert_eq!(next.root(), root, "seed {seed} step {step}");
            assert_eq!(
                without_root_hash(&tables.nodes),
                without_root_hash(&nodes),
                "seed {seed} step {step}"
            );
            trie = next.within(random.random_range(0..20_000));
        }
    }
}

fn many(random: &mut StdRng, count: usize) -> Vec<(B256, Option<Vec<u8>>)> {
    let keys: std::collections::BTreeSet<B256> =
        (0..count).map(|_| B256::from(random.random::<[u8; 32]>())).collect();
    keys.into_iter().map(|key| (key, Some(vec![7; 70]))).collect()
}

#[test]
fn what_was_opened_is_not_read_again() {
    let mut random = StdRng::seed_from_u64(11);
    let mut source = Counted::default();
    let all = many(&mut random, 5000);
    let none = Opened::default();
    let (trie, delta) =
        Trie::unread(EMPTY_ROOT_HASH).apply(&source, &changes(&source.tables, &all), 0, &none).unwrap();
    source.tables.take(&all, delta);
    let batch: Vec<_> = all.iter().step_by(17).map(|(key, _)| (*key, Some(vec![9; 70]))).collect();
    let (cold, opened) = (Trie::unread(trie.root()), Opened::default());
    let read: usize = batch.iter().map(|(key, _)| cold.open(&source, key, 1, &opened).unwrap()).sum();
    assert!(read > 0);
    assert_eq!(cold.open(&source, &batch[0].0, 1, &opened).unwrap(), 0, "it is there already");
    let reads = source.reads.swap(0, Relaxed);
    assert!(reads > 100, "{reads}");
    let (next, delta) = cold.apply(&source, &changes(&source.tables, &batch), 1, &opened).unwrap();
    assert_eq!(source.reads.load(Relaxed), 0);
    source.tables.take(&batch, delta);
    assert_eq!(next.root(), source.tables.rebuilt().0);
}

#[test]
fn a_branch_opened_of_another_version_is_not_taken() {
    let mut random = StdRng::seed_from_u64(12);
    let mut tables = Memory::default();
    let (all, none, old) = (many(&mut random, 5000), Opened::default(), Opened::default());
    let (mut trie, delta) =
        Trie::unread(EMPTY_ROOT_HASH).apply(&tables, &changes(&tables, &all), 0, &none).unwrap();
    tables.take(&all, delta);
    for (key, _) in &all {
        Trie::unread(trie.root()).open(&tables, key, 1, &old).unwrap();
    }
    let every = |step: usize, value: u8| -> Vec<_> {
        all.iter().step_by(step).map(|(key, _)| (*key, Some(vec![value; 70]))).collect()
    };
    // All of it changes; then from the root alone; then with the root in memory and nothing below it but one path.
    for (batch, opened) in [(every(1, 1), &none), (every(3000, 2), &old), (every(7, 3), &old)] {
        let is_whole = batch.len() == all.len();
        let (next, delta) = trie.apply(&tables, &changes(&tables, &batch), 2, opened).unwrap();
        tables.take(&batch, delta);
        assert_eq!(next.root(), tables.rebuilt().0);
        trie = if is_whole { Trie::unread(next.root()) } else { next };
    }
}

#[test]
fn of_a_trie_that_does_not_fit_the_lowest_branches_go_first_and_the_oldest_of_them() {
    let mut random = StdRng::seed_from_u64(13);
    let mut source = Counted::default();
    let (all, none) = (many(&mut random, 20_000), Opened::default());
    let (trie, delta) =
        Trie::unread(EMPTY_ROOT_HASH).apply(&source, &changes(&source.tables, &all), 0, &none).unwrap();
    source.tables.take(&all, delta);
    let (old, new) = all.split_at(15_000);
    let touch = |trie: &Trie, source: &Counted, keys: &[(B256, _)], step| {
        let batch: Vec<_> = keys.iter().step_by(5).map(|(key, _)| (*key, Some(vec![9; 70]))).collect();
        source.reads.store(0, Relaxed);
        let (next, delta) = trie.apply(source, &changes(&source.tables, &batch), step, &none).unwrap();
        (next, delta, batch, source.reads.load(Relaxed))
    };
    let (trie, delta, batch, _) = touch(&trie, &source, new, 1);
    source.tables.take(&batch, delta);
    let bytes = trie.weight() - 1;
    let thin = trie.within(bytes);
    assert!(thin.weight() <= bytes);
    let (_, _, _, reads) = touch(&thin, &source, new, 2);
    assert_eq!(reads, 0, "the newest stay");
    let (next, delta, batch, reads) = touch(&thin, &source, old, 2);
    // A stored branch is read by its path, the leaves below a lowest one as a range: one read each, at most one a key.
    assert!(reads > 0 && reads <= batch.len(), "{reads} of {}", batch.len());
    source.tables.take(&batch, delta);
    assert_eq!(next.root(), source.tables.rebuilt().0);
}
