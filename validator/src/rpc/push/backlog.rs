//! Bytes of notifications that wait for clients who read slowly: bounded for one connection, and for all together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// How often it is looked whether other connections made room.
const LOOK: Duration = Duration::from_millis(100);

/// What waits for all connections.
#[derive(Clone)]
pub(in crate::rpc) struct Backlogs {
    bytes: Arc<AtomicUsize>,
    most: usize,
}

impl Backlogs {
    pub(in crate::rpc) fn new(most: u32) -> Self {
        Self { bytes: Arc::default(), most: most as usize }
    }
}

/// What waits for one connection.
pub(in crate::rpc) struct Backlog {
    bytes: AtomicUsize,
    most: usize,
    all: Backlogs,
    written: Notify,
}

/// Nothing was read for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("client reads too slowly: {bytes} bytes of notifications wait for it; subscribe again")]
pub(in crate::rpc) struct Slow {
    bytes: usize,
}

impl Backlog {
    pub(in crate::rpc) fn new(most: u32, all: Backlogs) -> Self {
        Self { bytes: AtomicUsize::new(0), most: most as usize, all, written: Notify::new() }
    }

    /// Counts a notification in, once there is room for it.
    pub(in crate::rpc) async fn add(&self, bytes: usize, patience: Duration) -> Result<(), Slow> {
        let room = async {
            while !self.fits(bytes) {
                let _ = timeout(LOOK, self.written.notified()).await;
            }
        };
        timeout(patience, room).await.map_err(|_| Slow { bytes: self.bytes.load(Ordering::Relaxed) })
    }

    /// Counts out what was written. Rather too much than too little: the text around a notification was not counted in.
    pub(in crate::rpc) fn wrote(&self, bytes: usize) {
        let less = |held: usize| Some(held.saturating_sub(bytes));
        let before = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        self.all.bytes.fetch_sub(before.min(bytes), Ordering::Relaxed);
        self.written.notify_waiters();
    }

    /// One that is larger than all there is may go alone: its size has a bound of its own.
    fn fits(&self, bytes: usize) -> bool {
        let within = |most: usize| {
            move |held: usize| Some(held.saturating_add(bytes)).filter(|sum| held == 0 || *sum <= most)
        };
        let add = |counter: &AtomicUsize, most| {
            counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within(most)).is_ok()
        };
        if !add(&self.all.bytes, self.all.most) {
            return false;
        }
        let fits = add(&self.bytes, self.most);
        if !fits {
            self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_LONG: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_one_connection_and_for_all_is_bounded_in_bytes() {
        let all = Backlogs::new(150);
        let (first, second) = (Backlog::new(100, all.clone()), Backlog::new(100, all.clone()));
        first.add(60, NOT_LONG).await.unwrap();
        first.add(40, NOT_LONG).await.unwrap();
        assert_eq!(first.add(1, NOT_LONG).await, Err(Slow { bytes: 100 }));
        second.add(50, NOT_LONG).await.unwrap();
        assert_eq!(second.add(50, NOT_LONG).await, Err(Slow { bytes: 50 }), "the rest is the other's");
        first.wrote(60);
        second.add(50, NOT_LONG).await.unwrap();
        drop((first, second));
        assert_eq!(all.bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_notification_waits_until_there_is_room_and_a_giant_goes_alone() {
        let backlog = Backlog::new(100, Backlogs::new(1000));
        backlog.add(1_000_000, NOT_LONG).await.unwrap();
        let (waited, ()) = tokio::join!(backlog.add(10, NOT_LONG), async { backlog.wrote(1_000_100) });
        waited.unwrap();
        assert_eq!(backlog.bytes.load(Ordering::Relaxed), 10);
    }
}
