//! The state file on a disk that stops at any one operation, and keeps of what was not synced only some.

pub(crate) mod disk;

use super::*;
use crate::{
    store::{
        codec::SlimAccount,
        queue::{Bounds, Queue},
    },
    trie::{
        root::{AccountDelta, Parent, state_diff},
        tries::Tries,
        walk::TrieSource as _,
    },
};
use alloy_consensus::TxType;
use alloy_primitives::{U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};
use disk::Disk;
use rand::{SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, sync::LazyLock};

pub(crate) const BLOCKS: u64 = 7;
const DURABLE_EVERY: u64 = 3;
const KEPT: u64 = 2;
pub(crate) const OPTIONS: WriteOptions = WriteOptions { history_blocks: KEPT, durable_every: DURABLE_EVERY };

pub(crate) type Accounts = BTreeMap<B256, U256>;

/// Accounts after a block: 60 at first, then some change, come and go with each.
pub(crate) fn accounts(block: u64) -> &'static Accounts {
    static ALL: LazyLock<Vec<Accounts>> = LazyLock::new(|| (0..=BLOCKS).map(made).collect());
    &ALL[usize::try_from(block).unwrap()]
}

fn made(block: u64) -> Accounts {
    let mut accounts: Accounts =
        (0..60_u64).map(|n| (keccak256(n.to_be_bytes()), U256::from(n + 1))).collect();
    for block in 1..=block {
        for n in 0..12_u64 {
            let key = keccak256((block * 7 + n).to_be_bytes());
            match n % 4 {
                0 => drop(accounts.remove(&key)),
                1 => drop(accounts.insert(keccak256((block * 1000 + n).to_be_bytes()), U256::from(block))),
                _ => drop(accounts.insert(key, U256::from(block * 100 + n))),
            }
        }
    }
    accounts
}

pub(crate) fn slim(balance: Option<&U256>) -> Option<SlimAccount> {
    balance.map(|balance| SlimAccount { balance: *balance, ..SlimAccount::default() })
}

/// The transaction of a block, and who sent it.
pub(crate) fn transaction(block: u64) -> (TxHash, Address) {
    (keccak256([block.to_be_bytes(), [1; 8]].concat()), Address::left_padding_from(&block.to_be_bytes()))
}

/// The block, on the state before it.
pub(crate) fn layer(view: &StateView, block: u64, parent: B256) -> Result<Layer, LedgerError> {
    static NONE: Accounts = Accounts::new();
    let (before, after) = (block.checked_sub(1).map_or(&NONE, accounts), accounts(block));
    let mut keys: Vec<_> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let changed = keys.into_iter().filter(|key| before.get(key) != after.get(key));
    let deltas = changed.map(|account| AccountDelta {
        account,
        previous: slim(before.get(&account)),
        next: slim(after.get(&account)),
        wiped: false,
        slots: Vec::new(),
    });
    let diff = state_diff(
        &Parent { view, root: parent, tries: &Tries::within(0), ahead: None },
        deltas.collect(),
        Vec::new(),
    )?;
    let (transaction, sender) = transaction(block);
    let receipt = crate::store::codec::receipt(TxType::Legacy, true.into(), block, vec![]);
    let executed = Executed {
        hash: keccak256(block.to_be_bytes()),
        transaction_hashes: Arc::new(vec![transaction]),
        senders: Arc::new(vec![sender]),
        receipts: Arc::new(vec![receipt]),
        diff,
    };
    Ok(Layer::of_block(block, Arc::new(executed), None))
}

/// Goes on to the last block, so many at a time; the last that was made durable.
fn run(
    store: &StateStore,
    from: u64,
    mut root: B256,
    at_once: usize,
    durable: &mut Option<u64>,
) -> Result<(), LedgerError> {
    let queue = Queue::over(store.view()?, Bounds { blocks: at_once, bytes: usize::MAX });
    for block in from..=BLOCKS {
        let view = queue.add(layer(&queue.view(), block, root)?);
        let layers = queue.layers();
        root = layers.last().and_then(|layer| layer.head()).unwrap().root;
        // What waits reads as if it were written.
        check_view(&view, store.oldest()?, &StateHead { number: block, hash: B256::ZERO, root });
        if layers.len() < at_once && block < BLOCKS {
            continue;
        }
        store.write(&layers, OPTIONS)?;
        queue.written(layers.len(), store.view()?);
        let numbers = layers.iter().filter_map(|layer| layer.first());
        if numbers.into_iter().any(|number| number.is_multiple_of(DURABLE_EVERY)) {
            *durable = Some(block);
        }
    }
    Ok(())
}

/// The store holds the state of its head, wholly, and the history behind it.
fn check(store: &StateStore) -> Option<StateHead> {
    let head = store.head().unwrap()?;
    check_view(&store.view().unwrap(), store.oldest().unwrap(), &head);
    let (transaction, sender) = transaction(head.number);
    assert_eq!(store.transaction(&transaction).unwrap(), Some((head.number, 0)));
    assert_eq!(store.senders(head.number).unwrap(), Some(vec![sender]));
    Some(head)
}

pub(crate) fn check_view(view: &StateView, oldest: u64, head: &StateHead) {
    let leaves = view.account_trie().leaves(&B256::ZERO, None).unwrap();
    let mut builder = HashBuilder::default();
    for (key, value) in &leaves {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    assert_eq!(builder.root(), head.root, "block {}", head.number);
    assert_eq!(leaves.len(), accounts(head.number).len());
    let newest = accounts(head.number);
    for block in oldest..head.number {
        let (old, then) = (view.after(block), accounts(block));
        for key in then.keys().chain(newest.keys()) {
            assert_eq!(old.account(key).unwrap(), slim(then.get(key)), "block {block} at {}", head.number);
        }
        let next = accounts(block + 1);
        let differs = |key: &&B256| then.get(*key) != next.get(*key);
        let mut changed: Vec<B256> = then.keys().chain(next.keys()).filter(differs).copied().collect();
        changed.sort_unstable();
        changed.dedup();
        assert_eq!(view.changed_by(block + 1).unwrap().0, changed, "changed by {}", block + 1);
    }
}

/// Runs on a disk that stops after each number of operations, and goes on from what is left.
fn stop_everywhere(at_once: usize) {
    let whole = Disk::default();
    let store = whole.store().unwrap();
    let created = whole.operations();
    run(&store, 0, EMPTY_ROOT_HASH, at_once, &mut None).unwrap();
    assert_eq!(check(&store).unwrap().number, BLOCKS);
    assert!(store.oldest().unwrap() > 0, "something was pruned");
    let operations = whole.operations();
    let mut random = StdRng::seed_from_u64(7);
    let mut heads = std::collections::BTreeSet::new();
    for left in created..=operations {
        let disk = Disk::default();
        disk.stop_after(left);
        let mut durable = None;
        // How many operations making the file takes may differ by a few.
        let Ok(store) = disk.store() else { continue };
        let failed = run(&store, 0, EMPTY_ROOT_HASH, at_once, &mut durable);
        // The file is left as a power cut leaves it, not closed.
        let bytes = disk.after_power_cut(&mut random);
        drop(store);
        let disk = Disk::holding(bytes);
        let store = disk.store().unwrap();
        let head = check(&store);
        let number = head.map(|head| head.number);
        assert!(
            number >= durable,
            "after {left} operations: {number:?}, durable was {durable:?} ({failed:?})"
        );
        heads.insert(number);
        let (from, root) = head.map_or((0, EMPTY_ROOT_HASH), |head| (head.number + 1, head.root));
        run(&store, from, root, at_once, &mut None).unwrap();
        assert_eq!(check(&store).unwrap().number, BLOCKS, "and goes on from there");
    }
    assert!(heads.len() >= 3, "stops before the first, between and after: {heads:?}");
}

#[test]
fn wherever_the_disk_stops_the_state_is_that_of_one_block_and_no_durable_one_is_lost() {
    stop_everywhere(1);
}

#[test]
fn a_disk_that_stops_while_several_blocks_wait_loses_all_or_none_of_those_written_at_once() {
    stop_everywhere(3);
}
