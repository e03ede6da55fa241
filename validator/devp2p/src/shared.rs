//! State that all tasks of the network share.

use crate::{
    Audience, ChainReader, NetworkOptions, PeerId,
    counters::Counters,
    dial::Targets,
    eth::{BlockRange, ClaimedHead, EthVersion, Status},
    event::Weighed,
    own::held::Held,
    peers::{peer::Peer, seen::HashMemory, table::Table},
};
use alloy_primitives::{B256, U256};
use parking_lot::{Mutex, RwLock};
use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Consensus payloads remembered as delivered.
const DELIVERED: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// Bytes of messages that may wait for the owner, in KiB: several of the longest, and no more memory than a pod has.
pub(crate) const EVENT_KIB: u32 = 64 * 1024;
/// Blocks beyond what the clock allows that a claim may be ahead: clocks differ by some seconds.
const CLOCK_SLACK: u64 = 16;
/// Blocks above our head that the announcements of a doubted peer count for: enough to be asked again.
const DOUBTED_LEAD: u64 = 2;

/// State that all tasks of the network share.
pub(crate) struct Shared {
    pub(crate) options: NetworkOptions,
    pub(crate) local_id: PeerId,
    pub(crate) local_address: SocketAddr,
    /// Whom this node dials.
    pub(crate) targets: Mutex<Targets>,
    pub(crate) reader: Arc<dyn ChainReader>,
    pub(crate) table: Table,
    pub(crate) events: mpsc::Sender<Weighed>,
    pub(crate) event_kib: Arc<Semaphore>,
    pub(crate) counters: Counters,
    pub(crate) delivered: Mutex<HashMemory>,
    pub(crate) audience: RwLock<Audience>,
    /// Payloads that were passed on without their transactions.
    pub(crate) held: Mutex<Held>,
    /// Newest block that peers were told of in a BlockRangeUpdate.
    pub(crate) range_told: AtomicU64,
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
        events: mpsc::Sender<Weighed>,
    ) -> Self {
        let local_id = options.key.id();
        Self {
            local_id,
            local_address,
            targets: Mutex::default(),
            reader,
            table: Table::new(local_id, options.max_peers),
            events,
            event_kib: Arc::new(Semaphore::new(EVENT_KIB as usize)),
            counters: Counters::new(),
            delivered: Mutex::new(HashMemory::new(DELIVERED)),
            audience: RwLock::default(),
            held: Mutex::default(),
            range_told: AtomicU64::new(0),
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

    /// Blocks that can have been made since our head: timestamps rise by a second at least.
    fn possible_lead(head_timestamp: u64) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        now.saturating_sub(head_timestamp).saturating_add(CLOCK_SLACK)
    }

    /// The highest number that an announcement of this peer can prove.
    pub(crate) fn believable(&self, peer: &Peer) -> u64 {
        let chain = self.reader.status();
        let lead = if peer.is_doubted() { DOUBTED_LEAD } else { Self::possible_lead(chain.head_timestamp) };
        chain.head_number.saturating_add(lead)
    }

    /// The claimed total difficulty if the clock allows it, our own otherwise.
    fn believable_difficulty(&self, claimed: U256) -> U256 {
        let chain = self.reader.status();
        let most =
            chain.total_difficulty.saturating_add(U256::from(Self::possible_lead(chain.head_timestamp)));
        if claimed > most { chain.total_difficulty } else { claimed }
    }

    /// What a peer's Status says of its head, as far as the clock allows it: hash, number, total difficulty.
    pub(crate) fn believable_head(&self, claimed: ClaimedHead) -> (B256, u64, U256) {
        match claimed {
            ClaimedHead::Difficulty { total_difficulty, hash } => {
                (hash, 0, self.believable_difficulty(total_difficulty))
            }
            ClaimedHead::Range(BlockRange { latest, latest_hash, .. }) => {
                let chain = self.reader.status();
                let most = chain.head_number.saturating_add(Self::possible_lead(chain.head_timestamp));
                // Who claims what cannot be is asked as if it had said nothing.
                let number = if latest > most { 0 } else { latest };
                (latest_hash, number, chain.total_difficulty_of(number))
            }
        }
    }

    /// Takes a peer's claim back to our head.
    pub(crate) fn doubt(&self, peer: &Peer) {
        let chain = self.reader.status();
        peer.doubt(chain.head_number, chain.total_difficulty);
    }

    /// Status to send, and the head time that its fork id was made with.
    pub(crate) fn status(&self, version: EthVersion) -> (Status, u64, u64) {
        let chain = self.reader.status();
        let forks = &self.options.forks;
        let head = if version.has_ranges() {
            ClaimedHead::Range(BlockRange {
                earliest: chain.earliest,
                latest: chain.head_number,
                latest_hash: chain.head_hash,
            })
        } else {
            ClaimedHead::Difficulty { total_difficulty: chain.total_difficulty, hash: chain.head_hash }
        };
        let status = Status {
            version: version.number(),
            network_id: self.options.network_id,
            genesis_hash: forks.genesis_hash,
            fork_id: forks.current(chain.head_number, chain.head_timestamp),
            head,
        };
        (status, chain.head_number, chain.head_timestamp)
    }
}
