//! The tries kept in memory from block to block, found by the root they must have: a version of another state is never
//! mistaken for the one that is asked for.

use super::resident::Trie;
use alloy_primitives::B256;
use lru::LruCache;
use parking_lot::Mutex;

/// What an entry of the cache takes beside its trie.
const ENTRY: usize = 128;

/// The account trie and storage tries of the head, as far as they fit.
pub(crate) struct Tries {
    /// For the account trie, and as much again for all storage tries.
    bytes: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    epoch: u64,
    accounts: Option<Trie>,
    storage: LruCache<B256, Trie>,
    /// Of `storage`.
    weight: usize,
}

/// Tries after a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewTries {
    pub(crate) accounts: Option<Trie>,
    /// By account; none where the storage was wiped.
    pub(crate) storage: Vec<(B256, Option<Trie>)>,
}

impl Tries {
    /// Nothing in memory yet, and at most `bytes` later, nearly; twice that between a block and the next trim.
    pub(crate) fn within(bytes: usize) -> Self {
        let inner = Inner { epoch: 0, accounts: None, storage: LruCache::unbounded(), weight: 0 };
        Self { bytes: bytes / 2, inner: Mutex::new(inner) }
    }

    /// Blocks so far: what is made or read now counts as touched then.
    pub(crate) fn epoch(&self) -> u64 {
        self.inner.lock().epoch
    }

    /// The account trie of this root.
    pub(crate) fn accounts(&self, root: B256) -> Trie {
        let known = self.inner.lock().accounts.clone();
        known.filter(|trie| trie.root() == root).unwrap_or_else(|| Trie::unread(root))
    }

    /// An account's storage trie of this root.
    pub(crate) fn storage(&self, account: &B256, root: B256) -> Trie {
        let known = self.inner.lock().storage.get(account).cloned();
        known.filter(|trie| trie.root() == root).unwrap_or_else(|| Trie::unread(root))
    }

    /// Takes over the tries of a committed block. What they took the place of is handed back: letting go of it takes as long
    /// as making it, so that is left to who has the time.
    pub(crate) fn adopt(&self, new: &NewTries) -> Option<Trie> {
        let mut inner = self.inner.lock();
        inner.epoch += 1;
        let mut retired = None;
        if let Some(accounts) = &new.accounts {
            // Above the bound it is thinned by [`Self::trim`]; far above, here.
            let accounts = accounts.clone().within(self.bytes.saturating_mul(2));
            retired = inner.accounts.replace(accounts);
        }
        for (account, trie) in &new.storage {
            let trie = trie.clone().map(|trie| trie.within(self.bytes));
            inner.put(*account, trie);
        }
        inner.shrink(self.bytes);
        retired
    }

    /// Brings the account trie back within its bound, if it is above and no block comes between.
    pub(crate) fn trim(&self) {
        let known = self.inner.lock().accounts.clone();
        let Some(trie) = known.filter(|trie| trie.weight() > self.bytes) else { return };
        let thin = trie.clone().within(self.bytes);
        let mut inner = self.inner.lock();
        if inner.accounts.as_ref().is_some_and(|now| now.root() == trie.root()) {
            let _fat = inner.accounts.replace(thin);
            drop(inner);
        }
    }
}

impl Inner {
    fn put(&mut self, account: B256, trie: Option<Trie>) {
        let added = trie.as_ref().map_or(0, |trie| trie.weight() + ENTRY);
        let old = match trie {
            Some(trie) => self.storage.put(account, trie),
            None => self.storage.pop(&account),
        };
        let removed = old.map_or(0, |trie| trie.weight() + ENTRY);
        self.weight = (self.weight + added).saturating_sub(removed);
    }

    fn shrink(&mut self, bytes: usize) {
        while self.weight > bytes {
            let Some((_, trie)) = self.storage.pop_lru() else { return };
            self.weight = self.weight.saturating_sub(trie.weight() + ENTRY);
        }
    }
}
