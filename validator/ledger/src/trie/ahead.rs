//! Reading ahead: what the root will need of the tries is read by threads that have nothing to do while transactions run
//! one after the other. Nothing depends on it: what was not read by then, is read by the pass that needs it.

use super::{
    resident::{Opened, Trie},
    tries::Tries,
};
use crate::{LedgerError, store::view::StateView};
use alloy_primitives::{B256, map::B256Map};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

/// Keys handed over together: a block that touches fewer wakes nobody.
const BATCH: usize = 32;
/// Batches that may wait; what comes then is left to the pass.
const WAITING: usize = 512;
/// Bytes that may be read ahead of one block, nearly: what it only reads is read in vain.
const BYTES: usize = 32 << 20;

/// A key that transactions came to.
#[derive(Clone, Copy)]
pub(crate) enum Touched {
    /// `keccak(address)`.
    Account(B256),
    /// In a storage trie of this root: `keccak(address)`, root, `keccak(slot)`.
    Slot(B256, B256, B256),
}

/// Collects the keys of one execution.
pub(crate) struct Ahead {
    reading: Arc<Reading>,
    batch: Vec<Touched>,
}

/// What the threads share.
pub(crate) struct Reading {
    view: StateView,
    tries: Arc<Tries>,
    epoch: u64,
    accounts: (Trie, Opened),
    storage: RwLock<B256Map<Arc<(Trie, Opened)>>>,
    queue: Mutex<Queue>,
    /// Of all that was read.
    bytes: AtomicUsize,
    /// The root is being worked out.
    is_over: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<Touched>>,
    readers: usize,
}

impl Ahead {
    /// For an execution on the state of `view`, which has this root.
    pub(crate) fn of(view: &StateView, tries: &Arc<Tries>, root: B256) -> Self {
        let reading = Reading {
            view: view.clone(),
            tries: Arc::clone(tries),
            epoch: tries.epoch(),
            accounts: (tries.accounts(root), Opened::default()),
            storage: RwLock::default(),
            queue: Mutex::default(),
            bytes: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        };
        Self { reading: Arc::new(reading), batch: Vec::new() }
    }

    pub(crate) fn touch(&mut self, key: Touched) {
        self.batch.push(key);
        if self.batch.len() >= BATCH {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        let mut queue = self.reading.queue.lock();
        if queue.waiting.len() < WAITING {
            queue.waiting.push_back(batch);
        }
        // One core runs the transactions.
        if queue.readers == 0 || queue.readers + 1 < rayon::current_num_threads() {
            queue.readers += 1;
            let reading = Arc::clone(&self.reading);
            rayon::spawn(move || reading.run());
        }
    }

    /// Ends it. What was read so far is there for the root.
    pub(crate) fn finish(self) -> Arc<Reading> {
        self.reading.is_over.store(true, Relaxed);
        self.reading
    }
}

impl Reading {
    pub(crate) fn accounts(&self) -> &Opened {
        &self.accounts.1
    }

    /// What was read of an account's storage trie.
    pub(crate) fn storage(&self, account: &B256) -> Option<Arc<(Trie, Opened)>> {
        self.storage.read().get(account).cloned()
    }

    fn run(&self) {
        while let Some(batch) = self.next() {
            for key in batch {
                if self.is_over.load(Relaxed) || self.bytes.load(Relaxed) > BYTES {
                    break;
                }
                // What cannot be read is met again by the pass, which says so.
                self.bytes.fetch_add(self.read(key).unwrap_or_default(), Relaxed);
            }
        }
    }

    fn next(&self) -> Option<Vec<Touched>> {
        let mut queue = self.queue.lock();
        let next = queue.waiting.pop_front().filter(|_| !self.is_over.load(Relaxed));
        if next.is_none() {
            queue.readers = queue.readers.saturating_sub(1);
        }
        next
    }

    fn read(&self, key: Touched) -> Result<usize, LedgerError> {
        match key {
            Touched::Account(account) => {
                let (trie, opened) = &self.accounts;
                trie.open(&self.view.account_trie(), &account, self.epoch, opened)
            }
            Touched::Slot(account, root, slot) => {
                let known = self.storage(&account);
                let known = known.unwrap_or_else(|| self.start(account, root));
                let (trie, opened) = known.as_ref();
                trie.open(&self.view.storage_trie(account), &slot, self.epoch, opened)
            }
        }
    }

    fn start(&self, account: B256, root: B256) -> Arc<(Trie, Opened)> {
        let trie = self.tries.storage(&account, root);
        let mut storage = self.storage.write();
        Arc::clone(storage.entry(account).or_insert_with(|| Arc::new((trie, Opened::default()))))
    }
}
