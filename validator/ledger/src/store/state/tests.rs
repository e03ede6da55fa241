//! The state file on a disk that stops at any one operation, and keeps of what was not synced only some.

use super::*;
use crate::{
    store::codec::SlimAccount,
    trie::{
        root::{AccountDelta, state_diff},
        tries::Tries,
        walk::TrieSource as _,
    },
};
use alloy_primitives::{U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};
use rand::{Rng, SeedableRng, rngs::StdRng};
use redb::{Builder, StorageBackend};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

const BLOCKS: u64 = 7;
const DURABLE_EVERY: u64 = 3;
const KEPT: u64 = 2;

/// What a disk was told, in order.
#[derive(Clone, Debug)]
enum Told {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
}

#[derive(Debug, Default)]
struct Platter {
    /// As the running process sees it.
    bytes: Vec<u8>,
    told: Vec<Told>,
    /// Operations until none succeeds.
    left: Option<usize>,
}

/// A disk that fails from some operation on.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Platter { bytes, ..Platter::default() })))
    }

    fn tell(&self, told: Told) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        if let Some(left) = &mut platter.left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("the disk stopped"))?;
        }
        match &told {
            Told::Write(offset, data) => put(&mut platter.bytes, *offset, data),
            Told::Length(length) => platter.bytes.resize(usize::try_from(*length).unwrap(), 0),
            Told::Sync => {}
        }
        platter.told.push(told);
        Ok(())
    }

    /// What is there after the power went: all that was synced, and of the rest what chance left, a torn write included.
    fn after_power_cut(&self, random: &mut StdRng) -> Vec<u8> {
        let platter = self.0.lock().unwrap();
        let synced = platter.told.iter().rposition(|told| matches!(told, Told::Sync)).map_or(0, |at| at + 1);
        let mut bytes = Vec::new();
        for (index, told) in platter.told.iter().enumerate() {
            match told {
                Told::Write(offset, data) if index < synced => put(&mut bytes, *offset, data),
                Told::Write(offset, data) => {
                    let kept = data.len() * random.random_range(0..=4) / 4;
                    put(&mut bytes, *offset, &data[..kept]);
                }
                Told::Length(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
                Told::Sync => {}
            }
        }
        bytes
    }

    fn store(&self) -> Result<StateStore, LedgerError> {
        let database = Builder::new().create_with_backend(self.clone());
        StateStore::over(database.map_err(|error| LedgerError::Storage(Box::new(error.into())))?)
    }

    fn operations(&self) -> usize {
        self.0.lock().unwrap().told.len()
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let from = usize::try_from(offset).unwrap();
    bytes.resize(bytes.len().max(from + data.len()), 0);
    bytes[from..from + data.len()].copy_from_slice(data);
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        out.copy_from_slice(platter.bytes.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.tell(Told::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.tell(Told::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.tell(Told::Write(offset, data.to_vec()))
    }
}

type Accounts = BTreeMap<B256, U256>;

/// Accounts after a block: 60 at first, then some change, come and go with each.
fn accounts(block: u64) -> Accounts {
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

fn slim(balance: Option<&U256>) -> Option<SlimAccount> {
    balance.map(|balance| SlimAccount { balance: *balance, ..SlimAccount::default() })
}

fn apply(store: &StateStore, block: u64, parent: B256) -> Result<B256, LedgerError> {
    let (before, after) = (if block == 0 { Accounts::new() } else { accounts(block - 1) }, accounts(block));
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
    let diff = state_diff(&store.view()?, &Tries::within(0), parent, deltas.collect(), Vec::new())?;
    let head = StateHead { number: block, hash: keccak256(block.to_be_bytes()), root: diff.root };
    let effects = BlockEffects { head, diff: &diff, receipts: &[], senders: &[], transaction_hashes: &[] };
    let durable = block.is_multiple_of(DURABLE_EVERY);
    store.apply(&effects, WriteOptions { history_blocks: KEPT, durable })?;
    Ok(diff.root)
}

/// Goes on to the last block; the last that was made durable.
fn run(store: &StateStore, from: u64, mut root: B256, durable: &mut Option<u64>) -> Result<(), LedgerError> {
    for block in from..=BLOCKS {
        root = apply(store, block, root)?;
        if block.is_multiple_of(DURABLE_EVERY) {
            *durable = Some(block);
        }
    }
    Ok(())
}

/// The store holds the state of its head, wholly, and the history behind it.
fn check(store: &StateStore) -> Option<StateHead> {
    let head = store.head().unwrap()?;
    let view = store.view().unwrap();
    let leaves = view.account_trie().leaves(&B256::ZERO, None).unwrap();
    let mut builder = HashBuilder::default();
    for (key, value) in &leaves {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    assert_eq!(builder.root(), head.root, "block {}", head.number);
    assert_eq!(leaves.len(), accounts(head.number).len());
    for block in store.oldest().unwrap()..head.number {
        let (old, then) = (view.after(block), accounts(block));
        for key in then.keys().chain(accounts(head.number).keys()) {
            assert_eq!(old.account(key).unwrap(), slim(then.get(key)), "block {block} at {}", head.number);
        }
    }
    Some(head)
}

#[test]
fn wherever_the_disk_stops_the_state_is_that_of_one_block_and_no_durable_one_is_lost() {
    let whole = Disk::default();
    let store = whole.store().unwrap();
    let created = whole.operations();
    run(&store, 0, EMPTY_ROOT_HASH, &mut None).unwrap();
    assert_eq!(check(&store).unwrap().number, BLOCKS);
    assert!(store.oldest().unwrap() > 0, "something was pruned");
    let operations = whole.operations();
    let mut random = StdRng::seed_from_u64(7);
    let mut heads = std::collections::BTreeSet::new();
    for left in created..=operations {
        let disk = Disk::default();
        disk.0.lock().unwrap().left = Some(left);
        let mut durable = None;
        // How many operations making the file takes may differ by a few.
        let Ok(store) = disk.store() else { continue };
        let failed = run(&store, 0, EMPTY_ROOT_HASH, &mut durable);
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
        run(&store, from, root, &mut None).unwrap();
        assert_eq!(check(&store).unwrap().number, BLOCKS, "and goes on from there");
    }
    assert!(heads.len() >= 3, "stops before the first, between and after: {heads:?}");
}
