//! When a peer was last heard.

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Between two Pings of a node that sends one every second, in milliseconds; closer ones have waited somewhere.
const OFTEN: RangeInclusive<u64> = 500..=2000;
/// Such pauses in a row that show that it does.
const REGULAR: u64 = 2;
/// How long a path stays suspected: one that comes and goes lets a byte through now and then, and that proves little.
const SUSPECTED: Duration = Duration::from_secs(10);

/// Clock of one session's incoming direction.
pub(crate) struct Activity {
    opened: Instant,
    heard_ms: AtomicU64,
    /// When the last Ping came, how many in a row came as often as this node's, and whether enough ever did.
    pinged_ms: AtomicU64,
    regular: AtomicU64,
    pings_often: AtomicBool,
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
            regular: AtomicU64::new(0),
            pings_often: AtomicBool::new(false),
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
        let is_regular = last > 0 && OFTEN.contains(&now.saturating_sub(last));
        let regular = if is_regular { self.regular.load(Relaxed) + 1 } else { 0 };
        self.regular.store(regular, Relaxed);
        if regular >= REGULAR {
            self.pings_often();
        }
    }

    /// Notes that the peer sends Pings as often as this node: then it sends whether or not it reads.
    pub(crate) fn pings_often(&self) {
        self.pings_often.store(true, Relaxed);
    }

    /// Whether its silence says something.
    pub(crate) fn is_never_silent(&self) -> bool {
        self.pings_often.load(Relaxed)
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
