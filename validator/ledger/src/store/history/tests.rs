use crate::{
    execute::block::Executed,
    store::{
        Place,
        codec::SlimAccount,
        layer::Layer,
        state::{StateStore, WriteOptions},
        tables::{ACCOUNT_HISTORY, CHANGED_MORE, SLOT_HISTORY},
    },
    trie::root::{AccountChange, StateDiff},
};
use alloy_primitives::{B256, U256};
use redb::{ReadableDatabase as _, ReadableTableMetadata as _};
use std::sync::Arc;

fn key(number: u64) -> B256 {
    U256::from(number).into()
}

/// A block that makes accounts, each with a slot, from `first` on.
fn write(store: &StateStore, block: u64, first: u64, count: u64) {
    let keys = || (first..first + count).map(key);
    let change = |account| AccountChange { account, previous: None, next: Some(SlimAccount::default()) };
    let diff = StateDiff {
        accounts: keys().map(change).collect(),
        slots: keys().map(|account| (account, vec![(key(1), U256::ZERO, U256::from(block))])).collect(),
        ..StateDiff::default()
    };
    let (transaction_hashes, senders, receipts) = Default::default();
    let executed = Executed { hash: key(block), transaction_hashes, senders, receipts, diff };
    let layer = Arc::new(Layer::of_block(block, Arc::new(executed), None));
    store.write(&[layer], WriteOptions { history_blocks: 2, durable_every: 1 }).unwrap();
}

/// Rows of account and slot history, and of parts of keys.
fn rows(store: &StateStore) -> [u64; 3] {
    let read = store.database.begin_read().unwrap();
    [
        read.open_table(ACCOUNT_HISTORY).unwrap().len().unwrap(),
        read.open_table(SLOT_HISTORY).unwrap().len().unwrap(),
        read.open_table(CHANGED_MORE).unwrap().len().unwrap(),
    ]
}

#[test]
fn a_block_of_many_keys_is_forgotten_a_part_at_a_time_and_not_read_from_the_first_on() {
    let store = StateStore::open(Place::Memory, 16 << 20).unwrap();
    write(&store, 1, 1, 10_000);
    let (accounts, slots) = store.view().unwrap().changed_by(1).unwrap();
    assert_eq!(
        (accounts.len(), slots.len()),
        (10_000, 10_000),
        "a block's keys are all known, whatever their number"
    );
    assert_eq!(accounts.last(), Some(&key(10_000)));
    assert_eq!(rows(&store), [10_000, 10_000, 5]);
    write(&store, 2, 20_000, 1);
    assert_eq!((store.oldest().unwrap(), rows(&store)[0]), (0, 10_001), "still within the history");
    let mut before = 20_000;
    let mut writes = 0;
    for block in 3.. {
        write(&store, block, 20_000 + block, 1);
        assert!((1..=block - 2).contains(&store.oldest().unwrap()));
        let [accounts, slots, parts] = rows(&store);
        let left = (accounts + slots).saturating_sub(2 * (block - 1));
        assert!(before - left <= 2 * 4096, "one commit forgets no more than it can do in passing");
        before = left;
        writes += 1;
        if parts == 0 && left == 0 {
            break;
        }
        assert!(writes < 20, "{left} keys are left");
    }
    assert!(writes >= 3, "several commits share the work");
}
