//! The nodes of one namespace and their chain, played in this process: the chain is the real ledger with the real
//! governance contract, and a block is made only when a quorum of seats has a running node whose key seals it. What is left
//! out is the way there: peers, rounds and messages.
//!
//! Time runs [`SPEED`] times as fast as outside, so that 30 blocks between two seats, or the silence after which a seat
//! counts as dead, do not cost a minute each. The operator takes times from the nodes' documents only.

mod chain;
mod disk;
mod fence;
mod node;
mod pool;
mod rpc;
mod votes;

pub use chain::{Chain, ChainError};
pub use disk::Disk;
pub use node::{Mounts, Node, StartError};
pub use votes::{Ballots, propose, wallet};

use ::chain::quorum::quorum;
use alloy_primitives::{Address, B256};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Seconds of the chain's time in one of ours.
pub const SPEED: u32 = 8;
/// Between two looks at whether a block is due.
const TICK: Duration = Duration::from_millis(50);
/// Chain time that a started node takes to catch up.
const SYNC_MS: u64 = 1_600;

/// What is done with a transaction that a node is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As it should be.
    Whole,
    /// It is in the pool; the answer is lost.
    ReplyLost,
    /// The answer says that it is in the pool; it is not, and never will be.
    Dropped,
    /// Neither taken nor answered.
    Refused,
    /// The answer is lost, and the pool gets it only some blocks later.
    Late,
    /// It counts as waiting, and no block takes it; once another one comes with its nonce it is let go too, some blocks later.
    Held,
    /// It counts as waiting for some blocks, and is then nowhere: its node has lost what it had.
    Forgotten,
}

/// Decides about a transaction before a node takes it.
pub trait Courier: Send + Sync {
    /// `what` describes it in a few words.
    fn deliver(&self, what: String) -> futures::future::BoxFuture<'_, Delivery>;
}

/// The nodes of one namespace.
pub struct Network {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    began: Instant,
    epoch_ms: u64,
    courier: Arc<dyn Courier>,
}

#[derive(Default)]
struct State {
    chains: HashMap<B256, Chain>,
    disks: HashMap<String, Disk>,
    /// By uid of their pod.
    nodes: BTreeMap<String, Node>,
    /// Records of identities that can move.
    records: fence::Records,
    /// Leases that are there.
    leases: BTreeSet<String>,
    /// Identities whose node the operator stopped, until one votes again.
    stopped: BTreeSet<Address>,
    violations: Vec<String>,
}

impl Network {
    /// No node yet. `courier` sees every transaction first.
    #[must_use]
    pub fn new(courier: Arc<dyn Courier>) -> Arc<Self> {
        let epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Arc::new(Self {
            state: Mutex::default(),
            changed: watch::channel(0).0,
            began: Instant::now(),
            epoch_ms: u64::try_from(epoch.as_millis()).unwrap_or_default(),
            courier,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when a node's readiness or a seat may have changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn now_ms(&self) -> u64 {
        self.epoch_ms + u64::try_from((self.began.elapsed() * SPEED).as_millis()).unwrap_or(u64::MAX)
    }

    /// Makes blocks until dropped.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if tokio::task::block_in_place(|| self.tick()) {
                self.tell();
            }
        }
    }

    /// Whether anything has changed that somebody may wait for.
    fn tick(&self) -> bool {
        let now = self.now_ms();
        let mut state = self.lock();
        let State { chains, nodes, records, leases, stopped, violations, .. } = &mut *state;
        let mut changed = false;
        for node in nodes.values_mut() {
            changed |= node.catch_up(now);
        }
        let votes = fence::settle(nodes, records, leases);
        for (uid, node) in &mut *nodes {
            changed |= node.holds(votes.get(uid).copied());
        }
        for (hash, chain) in chains {
            let voters: Vec<&Node> = nodes.values().filter(|node| node.votes_on(*hash, chain)).collect();
            for node in &voters {
                changed |= node.casts().is_some_and(|address| stopped.remove(&address));
            }
            let heard_before = chain.heard_at();
            match chain.advance(now, &voters) {
                Ok(made) => changed |= made,
                Err(error) => violations.push(format!("chain {hash}: {error}")),
            }
            let is_due = chain.heard_at() != heard_before;
            for node in nodes.values_mut() {
                if is_due && node.votes_on(*hash, chain) {
                    node.vote();
                }
                node.see(*hash, chain.height());
            }
        }
        changed
    }

    /// What went wrong that no operator may bring about: two chains, two nodes of one identity.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// What is wrong with stopping a node now, if anything: for good, or for a restart.
    #[must_use]
    pub fn wrong_to_stop(&self, name: &str, for_good: bool) -> Option<String> {
        let state = self.lock();
        let node = state.nodes.values().find(|node| node.name == name)?;
        let address = node.casts().or_else(|| node.address())?;
        let seats = state.chains.get(&node.genesis)?.seats();
        if !seats.contains(&address) {
            return None;
        }
        let (live, needed) = (state.live(node.genesis), quorum(seats.len()));
        let others = state.stopped.iter().filter(|other| **other != address).count();
        if for_good {
            return Some(format!("{name} is stopped for good while its identity holds a seat"));
        }
        if others > 0 {
            return Some(format!("{name} is restarted while {others} other is down by choice"));
        }
        // With N = Q every restart pauses the network, and is done all the same. Nobody has yet counted on a node that has
        // not voted since it started.
        let counts = node.has_voted() && live.contains(&address);
        let breaks = counts && needed < seats.len() && live.len() <= needed;
        breaks.then(|| {
            format!("{name} is restarted with {} of {} seats live, {needed} needed", live.len(), seats.len())
        })
    }

    /// The operator has stopped a node: down by choice until its identity votes again.
    pub fn stopped(&self, name: &str) {
        let mut state = self.lock();
        let address = state
            .nodes
            .values()
            .find(|node| node.name == name)
            .and_then(|node| node.casts().or_else(|| node.address()));
        state.stopped.extend(address);
    }

    /// Remembers what no operator may bring about.
    pub fn blame(&self, what: String) {
        self.lock().violations.push(what);
    }

    /// Before a seat is added or given up: whether those live afterwards are a quorum of those seated afterwards.
    fn moving(&self, hash: B256, moved: &chain::SeatMove) -> Option<String> {
        let state = self.lock();
        let chain = state.chains.get(&hash)?;
        let (mut seats, mut live) = (chain.seats(), state.live(hash));
        match moved {
            chain::SeatMove::Seat(identity) => {
                seats.insert(*identity);
                let up = |node: &Node| node.address() == Some(*identity) && node.is_synced();
                if state.nodes.values().any(up) {
                    live.insert(*identity);
                }
            }
            chain::SeatMove::Unseat(identity) => {
                seats.remove(identity);
                live.remove(identity);
            }
            chain::SeatMove::Other => return None,
        }
        let needed = quorum(seats.len());
        (live.len() < needed).then(|| {
            format!("{moved:?} leaves {} of {} seats live, {needed} needed", live.len(), seats.len())
        })
    }
}

impl State {
    /// Seated identities with a node that votes.
    fn live(&self, hash: B256) -> BTreeSet<Address> {
        let Some(chain) = self.chains.get(&hash) else { return BTreeSet::new() };
        let voting = self.nodes.values().filter(|node| node.votes_on(hash, chain));
        voting.filter_map(Node::casts).collect()
    }
}
