//! One connected peer, as the rest of the network sees it.

use super::{
    activity::Activity,
    outbound::{Frame, Outbound, OutboundReader, channel},
    pending::Pending,
    seen::Seen,
};
use crate::{
    DownReason, PeerId, PeerInfo, RequestError, Standing,
    eth::{Reply, message::Query},
    identity::address,
    own::{compact::Partial, searches::Searches},
    rlpx::{capability::Shared as Capabilities, compression::compress},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use parking_lot::Mutex;
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long an answer may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How this program names itself.
const OWN_CLIENT: &str = "quorate/";

/// A session that has become a peer.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    /// Account of its key: who votes with its p2p key has a seat under this address.
    pub(crate) address: Address,
    /// Distinguishes sessions with one id.
    pub(crate) session: u64,
    pub(crate) capabilities: Capabilities,
    /// It says that it runs this program: what others need and it does not is left out. A lie harms only who tells it.
    pub(crate) is_ours: bool,
    pub(crate) info: Mutex<PeerInfo>,
    pub(crate) seen: Mutex<Seen>,
    pub(crate) pending: Pending,
    pub(crate) activity: Activity,
    pub(crate) outbound: Outbound,
    /// A consensus payload of which transactions were asked for.
    pub(crate) partial: Mutex<Option<Partial>>,
    /// Looks over the pool for transactions that it named.
    searches: Mutex<Searches>,
    /// Notices that it sent.
    notices: Mutex<Searches>,
    /// Payloads that were unlike what it announced.
    unlike: AtomicU32,
    doubted: AtomicBool,
    reason: OnceLock<DownReason>,
    stop: CancellationToken,
}

impl Peer {
    pub(crate) fn new(session: u64, info: PeerInfo, capabilities: Capabilities) -> (Self, OutboundReader) {
        let (outbound, reader) = channel();
        let peer = Self {
            id: info.id,
            address: address(&info.id),
            session,
            capabilities,
            is_ours: info.client.starts_with(OWN_CLIENT),
            info: Mutex::new(info),
            seen: Mutex::new(Seen::new()),
            pending: Pending::new(),
            activity: Activity::new(),
            outbound,
            partial: Mutex::default(),
            searches: Mutex::new(Searches::new(Instant::now())),
            notices: Mutex::new(Searches::new(Instant::now())),
            unlike: AtomicU32::new(0),
            doubted: AtomicBool::new(false),
            reason: OnceLock::new(),
            stop: CancellationToken::new(),
        };
        (peer, reader)
    }

    /// Ends the session; the first reason counts.
    pub(crate) fn stop(&self, reason: DownReason) {
        // A session that is already stopping keeps its reason.
        let _ = self.reason.set(reason);
        self.stop.cancel();
    }

    /// True once the session is ending.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the session must end.
    pub(crate) async fn stopped(&self) -> DownReason {
        self.stop.cancelled().await;
        self.down_reason()
    }

    /// Why the session ended or ends.
    pub(crate) fn down_reason(&self) -> DownReason {
        self.reason.get().cloned().unwrap_or(DownReason::Shutdown)
    }

    /// Queues a compressed eth message; a peer that takes no more is dropped.
    pub(crate) fn send_eth(&self, id: u8, data: Bytes) -> bool {
        self.send(self.capabilities.eth_base + id, data)
    }

    /// Queues a compressed consensus payload; false when the peer does not speak `istanbul/100`.
    pub(crate) fn send_consensus(&self, code: u8, data: Bytes) -> bool {
        self.capabilities.istanbul_base.is_some_and(|base| self.send(base + code, data))
    }

    /// Queues a compressed message of `quorate/1`; false when the peer does not speak it.
    pub(crate) fn send_own(&self, id: u8, data: Bytes) -> bool {
        self.capabilities.own_base.is_some_and(|base| self.send(base + id, data))
    }

    /// Whether it holds a read-only slot.
    pub(crate) fn is_stranger(&self) -> bool {
        self.info.lock().standing == Standing::Stranger
    }

    /// Whether it is sent transactions in full.
    pub(crate) const fn takes_transactions(&self) -> bool {
        self.capabilities.own_base.is_some() || self.capabilities.istanbul_base.is_some()
    }

    fn send(&self, id: u8, data: Bytes) -> bool {
        let sent = self.outbound.push(Frame { id, data }).is_ok();
        if !sent {
            self.stop(DownReason::Slow);
        }
        sent
    }

    /// Whether the pool is searched once more for what it names; counts as done.
    pub(crate) fn may_search(&self) -> bool {
        self.searches.lock().take(Instant::now())
    }

    /// Whether one more notice of it is looked at; counts as done.
    pub(crate) fn may_notify(&self) -> bool {
        self.notices.lock().take(Instant::now())
    }

    /// Counts a payload that was unlike what it announced: how many there were.
    pub(crate) fn counts_unlike(&self) -> u32 {
        self.unlike.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Whether it claimed a head that it could not show.
    pub(crate) fn is_doubted(&self) -> bool {
        self.doubted.load(Relaxed)
    }

    /// Caps what it claims, and doubts what it announces from now on.
    pub(crate) fn doubt(&self, head: u64, total_difficulty: U256) {
        self.doubted.store(true, Relaxed);
        let mut info = self.info.lock();
        info.head_number = info.head_number.min(head);
        info.total_difficulty = info.total_difficulty.min(total_difficulty);
    }

    /// Ends the doubt.
    pub(crate) fn believe(&self) {
        self.doubted.store(false, Relaxed);
    }

    /// Notes a block that the peer has; the info keeps the highest number that is no more than `most`.
    pub(crate) fn has_block(&self, hash: B256, number: u64, most: u64) {
        self.seen.lock().blocks.insert(hash);
        let mut info = self.info.lock();
        if number > info.head_number && number <= most {
            info.head_number = number;
            info.head_hash = hash;
        }
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(&self, query: &Query) -> Result<Reply, RequestError> {
        let late = |_| RequestError::Timeout { after: REQUEST_TIMEOUT };
        let slot = timeout(REQUEST_TIMEOUT, self.pending.slots.acquire()).await.map_err(late)?;
        let _slot = slot.map_err(|_| RequestError::Closed)?;
        let mut ticket = self.pending.open(query);
        let (id, data) = query.encode(ticket.id);
        let data = compress(&data).map_err(|_| RequestError::Slow)?;
        if !self.send_eth(id, data.into()) {
            return Err(RequestError::Slow);
        }
        tokio::select! {
            answer = timeout(REQUEST_TIMEOUT, &mut ticket.answer) => answer.map_err(late)?.map_err(|_| RequestError::Closed),
            _ = self.stopped() => Err(RequestError::Closed),
        }
    }
}
