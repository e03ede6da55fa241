//! When a peer was last heard.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Between two Pings of a node that sends one every second, on a slow path.
const OFTEN_MS: u64 = 2000;
/// How long a path stays suspected: one that comes and goes lets a byte through now and then, and that proves little.
const SUSPECTED: Duration = Duration::from_secs(10);

/// Clock of one session's incoming direction.
pub(crate) struct Activity {
    opened: Instant,
    heard_ms: AtomicU64,
    /// When the last Ping came, and the time between the last two.
    pinged_ms: AtomicU64,
    ping_gap_ms: AtomicU64,
    /// Pings of ours, and Pongs: they come in the order of the Pings.
    pings_sent: AtomicU64,
    pongs: AtomicU64,
    suspected_until_ms: AtomicU64,
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
            pings_sent: AtomicU64::new(0),
            pongs: AtomicU64::new(0),
            suspected_until_ms: AtomicU64::new(0),
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

    /// A Ping of ours is sent. Gives its number.
    pub(crate) fn ping_sent(&self) -> u64 {
        self.pings_sent.fetch_add(1, Relaxed) + 1
    }

    /// A Pong came.
    pub(crate) fn ponged(&self) {
        self.pongs.fetch_add(1, Relaxed);
    }

    /// Whether the Ping of this number was answered.
    pub(crate) fn answered(&self, ping: u64) -> bool {
        self.pongs.load(Relaxed) >= ping
    }

    /// The path seems to be cut. True when it was not suspected already.
    pub(crate) fn suspect(&self) -> bool {
        let now = self.open_ms();
        let until = now + u64::try_from(SUSPECTED.as_millis()).unwrap_or(u64::MAX);
        self.suspected_until_ms.swap(until, Relaxed) <= now
    }

    /// Whether the path seemed to be cut a short while ago.
    pub(crate) fn is_suspected(&self) -> bool {
        self.open_ms() < self.suspected_until_ms.load(Relaxed)
    }

    /// Time since the session began.
    pub(crate) fn age(&self) -> Duration {
        self.opened.elapsed()
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
