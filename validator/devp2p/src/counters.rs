//! Counts for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One counter: a fixed label and its value since start.
pub type CounterSnapshot = (&'static str, u64);

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident => $label:literal,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Count { $($(#[$doc])* $name,)+ }

        const LABELS: &[&str] = &[$($label,)+];
        const SIZE: usize = LABELS.len();
    };
}

counters! {
    /// Inbound connections accepted for a handshake.
    InboundAccepted => "inbound_accepted",
    /// Inbound sockets closed because too many handshakes were pending.
    InboundPendingFull => "inbound_pending_full",
    /// Inbound sockets closed because their address holds enough connections.
    InboundAddressFull => "inbound_address_full",
    /// Bytes that are no RLPx handshake.
    HandshakeGarbage => "handshake_garbage",
    /// Handshake stages that took too long.
    HandshakeTimeout => "handshake_timeout",
    /// Sockets closed during the handshake.
    HandshakeClosed => "handshake_closed",
    /// Hellos refused.
    HelloRefused => "hello_refused",
    /// Statuses of another network, genesis or fork history.
    StatusRefused => "status_refused",
    /// Peers that said goodbye during the handshake.
    GoodbyeEarly => "goodbye_early",
    /// Second connections closed.
    Duplicate => "duplicate_connection",
    /// Peers refused because all slots are taken.
    TooManyPeers => "too_many_peers",
    /// Peers refused or dropped because the network's allow list does not name them.
    NotListed => "not_in_allow_list",
    /// Strangers refused because all read-only slots are taken.
    ReadOnlyFull => "read_only_slots_full",
    /// Messages of strangers that are taken of members only.
    StrangerIgnored => "stranger_ignored",
    /// Dials begun.
    Dialled => "dialled",
    /// Dials that found no name, no route or no listener.
    DialFailed => "dial_failed",
    /// Sessions that became peers.
    PeerUp => "peer_up",
    /// Peers dropped because they broke the protocol.
    Breach => "peer_breach",
    /// Peers dropped because they did not take messages.
    Slow => "peer_slow",
    /// Peers dropped because nothing came from them.
    Idle => "peer_idle",
    /// Peers dropped because the owner found them misbehaving.
    Penalised => "peer_penalised",
    /// Consensus payloads delivered to the owner.
    ConsensusDelivered => "consensus_delivered",
    /// Consensus payloads received again and dropped.
    ConsensusDuplicate => "consensus_duplicate",
    /// Consensus payloads put together from the pool.
    CompactJoined => "compact_joined",
    /// Transactions asked for, because a payload named them and the pool did not hold them.
    CompactMissing => "compact_missing",
    /// Payloads asked for in full after all.
    CompactWhole => "compact_whole",
    /// Notices dropped because their sender sends too many.
    NoticeDropped => "notice_dropped",
    /// Requests of peers answered.
    RequestsServed => "requests_served",
    /// Own requests that ran out of time.
    RequestTimeout => "request_timeout",
    /// Answers that came after their time.
    LateReply => "late_reply",
    /// Bytes of frames written to peers.
    BytesSent => "bytes_sent",
}

/// All counters of a network.
#[derive(Debug)]
pub(crate) struct Counters([AtomicU64; SIZE]);

impl Counters {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    pub(crate) fn add(&self, what: Count) {
        self.add_many(what, 1);
    }

    pub(crate) fn add_many(&self, what: Count, count: u64) {
        self.0[what as usize].fetch_add(count, Relaxed);
    }

    pub(crate) fn get(&self, what: Count) -> u64 {
        self.0[what as usize].load(Relaxed)
    }

    pub(crate) fn snapshot(&self) -> Vec<CounterSnapshot> {
        LABELS.iter().copied().zip(self.0.iter().map(|v| v.load(Relaxed))).collect()
    }
}
