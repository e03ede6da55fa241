//! When a peer was last heard.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Between two Pings of a node that sends one every three seconds, on a slow path.
const OFTEN_MS: u64 = 4000;

/// Clock of one session's incoming direction.
pub(crate) struct Activity {
    opened: Instant,
    heard_ms: AtomicU64,
    /// When the last Ping came, and the time between the last two.
    pinged_ms: AtomicU64,
    ping_gap_ms: AtomicU64,
    owner_busy: AtomicBool,
    probe: Notify,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            opened: Instant::now(),
            heard_ms: AtomicU64::new(0),
            pinged_ms: AtomicU64::new(0),
            ping_gap_ms: AtomicU64::new(u64::MAX),
            owner_busy: AtomicBool::new(false),
            probe: Notify::new(),
        }
    }

    /// A message came.
    pub(crate) fn heard(&self) {
        self.heard_ms.store(self.open_ms(), Relaxed);
    }

    /// A Ping came.
    pub(crate) fn pinged(&self) {
        let now = self.open_ms();
        let last = self.pinged_ms.swap(now, Relaxed);
        let gap = if last == 0 { u64::MAX } else { now.saturating_sub(last) };
        self.ping_gap_ms.store(gap, Relaxed);
    }

    /// Whether its last two Pings were as close as this node's are: then it sends whether or not it reads.
    pub(crate) fn pings_often(&self) -> bool {
        self.ping_gap_ms.load(Relaxed) <= OFTEN_MS
    }

    /// While the owner does not take events nothing is read, so silence says nothing about the peer.
    pub(crate) fn owner_busy(&self, busy: bool) {
        self.heard();
        self.owner_busy.store(busy, Relaxed);
    }

    /// Time since the peer was last heard.
    pub(crate) fn silence(&self) -> Duration {
        if self.owner_busy.load(Relaxed) {
            return Duration::ZERO;
        }
        Duration::from_millis(self.open_ms().saturating_sub(self.heard_ms.load(Relaxed)))
    }

    /// Asks for a check that the peer is still there.
    pub(crate) fn ask_probe(&self) {
        self.probe.notify_one();
    }

    /// Ready when a check was asked for.
    pub(crate) async fn probe_asked(&self) {
        self.probe.notified().await;
    }

    fn open_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
