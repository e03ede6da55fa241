//! Transactions that wait for a block.
//!
//! ```text
//! RPC ─┐                                ┌─► journal (RPC only, fsync) ─► hash returned, gossip
//!      ├─► admission ─► state checks ─► core ─► best() ─► builder
//! peer ┘    (pure)                       ▲
//!                                        └── on_new_head: mined and stale ones leave
//! ```
//!
//! A transaction counts as accepted when RPC returned its hash, and is then in the journal. Nothing accepted is
//! evicted; a full pool refuses.

pub mod admission;
pub mod core;
mod error;
pub mod journal;
mod limits;
pub mod raw;
mod submit;

pub use self::core::{Content, Stats, Turns};
pub use error::PoolError;
pub use limits::Limits;

use self::core::{Core, Sender};
use crate::{signatures::Keys, threads};
use admission::Rules;
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, B512, Bytes, TxHash};
use journal::{Journal, JournalError};
use ledger::{At, CommittedBlock, KnownSenders, Ledger, LedgerError, Recovered};
use parking_lot::{Mutex, RwLock};
use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
    path::Path,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
pub use submit::Arrival;
use submit::Intake;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, broadcast, watch},
};

/// Where a transaction came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client of this node's RPC, by address.
    Rpc(IpAddr),
    /// A peer, by node id.
    Peer(B512),
    /// The journal, at start; such transactions are local again.
    Journal,
}

/// Whom a transaction is counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An RPC client: its host, or its /64 of IPv6.
    Client(IpAddr),
    /// A peer.
    Peer(B512),
    /// Everything re-admitted from the journal.
    Journal,
}

impl Origin {
    /// Whom it is counted against.
    pub fn source(&self) -> Source {
        match *self {
            Self::Rpc(address) => Source::Client(host(address)),
            Self::Peer(id) => Source::Peer(id),
            Self::Journal => Source::Journal,
        }
    }
}

/// As whom an address is counted, by the pool and by the limits of connections: one host may have a whole /64 of IPv6, and IPv4 may
/// come mapped into it.
pub(crate) fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// A waiting transaction: decoded and recovered once, shared by everybody.
#[derive(Clone, Debug)]
pub struct Pooled {
    /// Transaction, sender and hash.
    pub recovered: Recovered,
    /// EIP-2718 bytes as received.
    pub raw: Bytes,
    /// Where it came from.
    pub origin: Origin,
}

impl Pooled {
    /// Whether this node promised somebody to keep it.
    pub fn is_local(&self) -> bool {
        !matches!(self.origin, Origin::Peer(_))
    }
}

/// A transaction that was accepted and has become executable just now, for gossip and subscriptions.
pub type Accepted = Arc<Pooled>;

/// Why the pool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The chain.
    #[error("chain could not be read: {0}")]
    Ledger(#[from] LedgerError),
}

/// The pool; cheap to clone.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Ledger,
    /// Ordered before the journal's queue: appends and compaction are queued under it.
    core: Mutex<State>,
    rules: RwLock<Rules>,
    journal: Journal,
    accepted: broadcast::Sender<Accepted>,
    /// Of what was submitted here, that which came among so many arrivals is on disk.
    durable: AtomicU64,
    intake: Arc<Intake>,
    /// Keys of senders that peers named.
    keys: Keys,
    peer_admissions: Arc<Semaphore>,
    /// Where submissions are entered: a thread that stands back must not be the one that holds the lock on the core.
    runtime: Option<Handle>,
    /// Where signatures are looked at.
    threads: Option<rayon::ThreadPool>,
    heads: watch::Sender<u64>,
    started: Instant,
}

/// The core and the block that its account states belong to.
#[derive(Debug)]
struct State {
    core: Core,
    head: u64,
    /// Since the start, by label.
    refused: BTreeMap<&'static str, u64>,
}

impl Pool {
    /// Opens the journal in `dir` and re-admits what has not been mined. Blocking: call it off the async threads.
    pub fn open(dir: &Path, ledger: Ledger, limits: Limits) -> Result<Self, OpenError> {
        let (journal, replay) = Journal::open(dir)?;
        let head = ledger.head();
        let shared = Shared {
            core: Mutex::new(State { core: Core::new(limits), head: head.number, refused: BTreeMap::new() }),
            rules: RwLock::new(Rules::after(ledger.genesis(), &head.header)),
            journal,
            accepted: broadcast::Sender::new(limits.accepted_backlog),
            durable: AtomicU64::new(0),
            intake: Arc::new(Intake::new(limits.concurrent_admissions)),
            keys: Keys::default(),
            peer_admissions: Arc::new(Semaphore::new(limits.concurrent_peer_admissions)),
            runtime: Handle::try_current().ok(),
            threads: threads::admission(),
            heads: watch::Sender::new(head.number),
            started: Instant::now(),
            ledger,
        };
        let pool = Self { shared: Arc::new(shared) };
        pool.shared.ledger.use_known_senders(pool.known_senders());
        pool.replay(&replay);
        pool.is_durable_to(pool.shared.core.lock().core.arrivals());
        Ok(pool)
    }

    /// Executable transactions, fair across sources and senders, nonces in order; a snapshot.
    pub fn best(&self) -> impl Iterator<Item = Recovered> + Send + use<> {
        self.shared.core.lock().core.best().map(|pooled| pooled.recovered.clone())
    }

    /// The same after so many arrivals, of senders of whom something came since, and how many came in until now. Of what was
    /// submitted here, only what came among the first `settled`.
    pub fn best_since(
        &self,
        arrivals: u64,
        settled: u64,
    ) -> (impl Iterator<Item = Recovered> + Send + use<>, u64) {
        let state = self.shared.core.lock();
        let turns = state.core.best_since(arrivals, settled).map(|pooled| pooled.recovered.clone());
        (turns, state.core.arrivals())
    }

    /// Follows the chain: call it after every commit, in order. Blocking.
    pub fn on_new_head(&self, committed: &CommittedBlock) -> Result<(), LedgerError> {
        self.on_new_heads(std::slice::from_ref(committed))
    }

    /// The same after several blocks at once, of which the last is the head.
    pub fn on_new_heads<B: Borrow<CommittedBlock>>(&self, committed: &[B]) -> Result<(), LedgerError> {
        let Some(head) = committed.last().map(|last| &last.borrow().block.header) else { return Ok(()) };
        let number = head.number;
        *self.shared.rules.write() = Rules::after(self.shared.ledger.genesis(), head);
        let authors: BTreeSet<Address> =
            committed.iter().flat_map(|block| block.borrow().senders.iter().copied()).collect();
        let touched = authors
            .into_iter()
            .map(|address| Ok((address, self.sender_at(address, At::Number(number))?)))
            .collect::<Result<Vec<_>, LedgerError>>()?;

        let mut state = self.shared.core.lock();
        let mined: Vec<B256> =
            committed.iter().flat_map(|block| block.borrow().transaction_hashes.iter().copied()).collect();
        let closed = state.core.on_new_head(&mined, &touched);
        state.core.expire(self.now_s());
        let told = state.core.tell(closed, self.durable());
        state.head = number;
        self.compact_if_due(&state.core);
        drop(state);
        self.announce(&told);
        self.shared.heads.send_replace(number);
        Ok(())
    }

    /// The head that the pool follows, and every one after it.
    pub fn subscribe_heads(&self) -> watch::Receiver<u64> {
        self.shared.heads.subscribe()
    }

    /// Keeps the journal's file within twice what waits; called under the lock, after blocks and submissions, so that
    /// a chain that stands does not let it grow.
    fn compact_if_due(&self, core: &Core) {
        if self.shared.journal.should_compact(core.local()) {
            self.shared.journal.compact(|| living(core));
        }
    }

    /// Submitted executable transactions that peers were not told of for `heads` blocks, at most `most`; they count
    /// as told from now on.
    pub fn untold(&self, heads: u64, most: usize) -> Vec<Arc<Pooled>> {
        self.shared.core.lock().core.untold(heads, most, self.durable())
    }

    /// Takes out a transaction that a builder found impossible to include, whatever comes next.
    pub fn discard(&self, hash: &B256) {
        self.shared.core.lock().core.remove(hash);
    }

    /// Whether it waits here.
    pub fn contains(&self, hash: &B256) -> bool {
        self.shared.core.lock().core.get(hash).is_some()
    }

    /// By hash.
    pub fn get(&self, hash: &B256) -> Option<Arc<Pooled>> {
        self.shared.core.lock().core.get(hash).map(Arc::clone)
    }

    /// What a peer that has just connected is offered: executable, and on disk if it was submitted here.
    pub fn executable(&self) -> Vec<Arc<Pooled>> {
        self.shared.core.lock().core.executable(self.durable()).map(Arc::clone).collect()
    }

    /// Everything that waits, in no order.
    pub fn all(&self) -> Vec<Arc<Pooled>> {
        self.shared.core.lock().core.all().map(Arc::clone).collect()
    }

    /// Everything that waits, by sender.
    pub fn content(&self) -> Vec<Content> {
        self.shared.core.lock().core.content().collect()
    }

    /// What waits of one sender.
    pub fn content_from(&self, sender: &Address) -> Option<Content> {
        self.shared.core.lock().core.content_from(sender)
    }

    /// The nonce after the sender's executable transactions, if any wait.
    pub fn pending_nonce(&self, sender: &Address) -> Option<u64> {
        self.shared.core.lock().core.pending_nonce(sender)
    }

    /// How many wait.
    pub fn stats(&self) -> Stats {
        self.shared.core.lock().core.stats()
    }

    /// How many were refused since the start, by reason.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.shared.core.lock().refused.iter().map(|(reason, count)| (*reason, *count)).collect()
    }

    /// Whether executable transactions wait that no block up to this one has taken; never before that block is followed.
    pub fn waits_after(&self, number: u64) -> bool {
        let state = self.shared.core.lock();
        state.head >= number && state.core.stats().pending > 0
    }

    /// Why submitted transactions are refused until a restart: the journal's disk failed.
    pub fn fault(&self) -> Option<String> {
        self.shared.journal.fault().map(ToString::to_string)
    }

    /// Every transaction accepted from now on, once it is executable and local ones durable: what waits for an earlier nonce is
    /// nobody else's to keep. A subscriber that lags loses the oldest.
    pub fn subscribe_accepted(&self) -> broadcast::Receiver<Accepted> {
        self.shared.accepted.subscribe()
    }

    /// Senders of waiting transactions, for whoever would recover them again; does not keep the pool alive.
    pub fn known_senders(&self) -> Arc<dyn KnownSenders> {
        Arc::new(Known(Arc::downgrade(&self.shared)))
    }

    fn sender_at(&self, address: Address, at: At) -> Result<Sender, LedgerError> {
        let account = self.shared.ledger.account(address, at)?;
        Ok(Sender { nonce: account.nonce, balance: account.balance })
    }

    fn durable(&self) -> u64 {
        self.shared.durable.load(Ordering::Relaxed)
    }

    fn is_durable_to(&self, arrivals: u64) {
        self.shared.durable.fetch_max(arrivals, Ordering::Relaxed);
    }

    fn now_s(&self) -> u64 {
        self.shared.started.elapsed().as_secs()
    }
}

impl State {
    /// What has become executable with these; see [`Core::tell`].
    fn tell(&mut self, fresh: &[Arc<Pooled>], durable: u64) -> Vec<Arc<Pooled>> {
        let from = fresh.iter().map(|pooled| (pooled.recovered.sender, pooled.recovered.tx.nonce()));
        self.core.tell(from, durable)
    }
}

/// What must survive a rewrite of the journal; nonces in order, so that reading it back leaves no gap.
fn living(core: &Core) -> Vec<Bytes> {
    let mut local: Vec<&Arc<Pooled>> = core.all().filter(|pooled| pooled.is_local()).collect();
    local.sort_unstable_by_key(|pooled| pooled.recovered.tx.nonce());
    local.into_iter().map(|pooled| pooled.raw.clone()).collect()
}

struct Known(Weak<Shared>);

impl KnownSenders for Known {
    fn senders(&self, hashes: &[TxHash]) -> Vec<Option<Address>> {
        let Some(shared) = self.0.upgrade() else { return vec![None; hashes.len()] };
        let state = shared.core.lock();
        let sender = |hash| state.core.get(hash).map(|pooled| pooled.recovered.sender);
        hashes.iter().map(sender).collect()
    }
}

#[cfg(test)]
mod tests;
