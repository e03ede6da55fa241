//! What the binary does.

pub(crate) mod long;
pub(crate) mod recovery;
pub(crate) mod seeds;
pub(crate) mod soak;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// Runs jobs 0, 1, 2, … on every core for as long as `goes_on` says so of the next one; what they returned, by job.
pub(crate) fn on_every_core<T: Send>(
    goes_on: impl Fn(u64) -> bool + Sync,
    job: impl Fn(u64) -> Option<T> + Sync,
) -> Vec<(u64, T)> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut results = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(index) {
                return results;
            }
            results.extend(job(index).map(|result| (index, result)));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut results: Vec<(u64, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results
}

/// A quotient for people.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn per(count: u64, of: f64) -> f64 {
    count as f64 / of.max(0.001)
}
