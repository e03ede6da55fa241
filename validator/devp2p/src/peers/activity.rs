//! When a peer was last heard.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Clock of one session's incoming direction.
pub(crate) struct Activity {
    opened: Instant,
    heard_ms: AtomicU64,
    owner_busy: AtomicBool,
    probe: Notify,
}

impl Activity {
    pub(crate) fn new() -> Self {
        let heard_ms = AtomicU64::new(0);
        Self { opened: Instant::now(), heard_ms, owner_busy: AtomicBool::new(false), probe: Notify::new() }
    }

    /// A message came.
    pub(crate) fn heard(&self) {
        self.heard_ms.store(self.open_ms(), Relaxed);
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
