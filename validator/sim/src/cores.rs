//! Jobs on every core of the machine.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

/// Runs jobs 0, 1, 2, … on every core for as long as `goes_on` says so of the next one; what they returned, by job.
pub fn on_every_core<T: Send>(
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

/// The same until a job returns something: none begins after that, those under way end.
pub fn until_found<T: Send>(
    goes_on: impl Fn(u64) -> bool + Sync,
    job: impl Fn(u64) -> Option<T> + Sync,
) -> Vec<(u64, T)> {
    let is_found = AtomicBool::new(false);
    on_every_core(
        |index| !is_found.load(Ordering::Relaxed) && goes_on(index),
        |index| job(index).inspect(|_| is_found.store(true, Ordering::Relaxed)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_runs_once_and_results_are_in_order() {
        let even = on_every_core(|index| index < 100, |index| (index % 2 == 0).then_some(index * 10));
        assert_eq!(even, (0..100).step_by(2).map(|index| (index, index * 10)).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_begins_after_the_first_find() {
        let begun = AtomicU64::new(0);
        let found = until_found(
            |_| true,
            |index| {
                begun.fetch_add(1, Ordering::Relaxed);
                (index == 5).then_some("found")
            },
        );
        assert_eq!(found, [(5, "found")]);
        assert!(begun.into_inner() >= 6);
        assert_eq!(until_found(|index| index < 3, |_| None::<()>), []);
    }
}
