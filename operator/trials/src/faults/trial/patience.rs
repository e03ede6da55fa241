//! Bounds on time that the machine gave. Who is starved by others has not had their time yet, so only beats that come about when
//! they should are counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const BEAT: Duration = Duration::from_millis(100);
/// A beat that comes after this is one of a machine that does not keep up.
const LATE: Duration = Duration::from_millis(400);
/// Between two looks at whether it is over.
const LOOK: Duration = Duration::from_millis(500);
/// However starved, nobody waits longer than so many times as long.
const MOST: u32 = 5;

/// A clock of the time that was given.
#[derive(Clone)]
pub(super) struct Patience {
    given_ms: Arc<AtomicU64>,
}

impl Patience {
    /// Beats until nobody holds it.
    pub(super) fn start() -> Self {
        let given_ms = Arc::new(AtomicU64::new(0));
        let held = Arc::downgrade(&given_ms);
        tokio::spawn(async move {
            loop {
                let began = Instant::now();
                tokio::time::sleep(BEAT).await;
                let Some(given) = held.upgrade() else { return };
                given.fetch_add(counted(began.elapsed()), Ordering::Relaxed);
            }
        });
        Self { given_ms }
    }

    fn now(&self) -> u64 {
        self.given_ms.load(Ordering::Relaxed)
    }

    /// So long from now.
    pub(super) fn until(&self, patience: Duration) -> Deadline {
        let most = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        Deadline {
            clock: self.clone(),
            given_ms: self.now().saturating_add(most),
            at: Instant::now() + patience * MOST,
        }
    }
}

fn counted(beat: Duration) -> u64 {
    if beat < LATE { u64::try_from(beat.as_millis()).unwrap_or_default() } else { 0 }
}

/// When patience ends.
pub(super) struct Deadline {
    clock: Patience,
    given_ms: u64,
    at: Instant,
}

impl Deadline {
    pub(super) fn is_over(&self) -> bool {
        self.clock.now() >= self.given_ms || Instant::now() >= self.at
    }

    /// `None` when it is over first.
    pub(super) async fn before<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return Some(output),
                () = tokio::time::sleep(LOOK) => {}
            }
            if self.is_over() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BEAT, LATE, Patience, counted};
    use std::time::Duration;

    #[test]
    fn a_beat_that_comes_late_is_no_time_given() {
        assert_eq!(counted(BEAT), 100);
        assert_eq!(counted(LATE), 0);
        assert_eq!(counted(Duration::from_secs(30)), 0);
    }

    #[tokio::test]
    async fn what_comes_in_time_is_handed_on_and_what_never_comes_is_given_up() {
        let patience = Patience::start();
        assert_eq!(patience.until(Duration::from_mins(9)).before(async { 7 }).await, Some(7));
        let over = patience.until(Duration::ZERO);
        assert!(over.is_over());
        assert_eq!(over.before(std::future::pending::<()>()).await, None);
    }
}
