//! State that all tasks of the network share.

use crate::{
    ChainReader, Event, NetworkOptions, PeerId,
    counters::Counters,
    eth::{EthVersion, Status},
    peers::{seen::HashMemory, table::Table},
};
use parking_lot::Mutex;
use std::{
    collections::HashSet,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Consensus payloads remembered as delivered.
const DELIVERED: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// State that all tasks of the network share.
pub(crate) struct Shared {
    pub(crate) options: NetworkOptions,
    pub(crate) local_id: PeerId,
    pub(crate) local_address: SocketAddr,
    pub(crate) static_ids: HashSet<PeerId>,
    pub(crate) reader: Arc<dyn ChainReader>,
    pub(crate) table: Table,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) counters: Counters,
    pub(crate) delivered: Mutex<HashMemory>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) started: Instant,
    sessions: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        options: NetworkOptions,
        local_address: SocketAddr,
        reader: Arc<dyn ChainReader>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let local_id = options.key.id();
        Self {
            local_id,
            local_address,
            static_ids: options.peers.iter().map(|peer| peer.id).collect(),
            reader,
            table: Table::new(local_id, options.max_peers),
            events,
            counters: Counters::new(),
            delivered: Mutex::new(HashMemory::new(DELIVERED)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            started: Instant::now(),
            sessions: AtomicU64::new(0),
            options,
        }
    }

    /// Number for a new session.
    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Relaxed)
    }

    /// Status to send, and the head time that its fork id was made with.
    pub(crate) fn status(&self, version: EthVersion) -> (Status, u64, u64) {
        let chain = self.reader.status();
        let forks = &self.options.forks;
        let status = Status {
            version: version.number(),
            network_id: self.options.network_id,
            total_difficulty: chain.total_difficulty,
            head_hash: chain.head_hash,
            genesis_hash: forks.genesis_hash,
            fork_id: forks.current(chain.head_number, chain.head_timestamp),
        };
        (status, chain.head_number, chain.head_timestamp)
    }
}
