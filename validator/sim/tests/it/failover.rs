//! Identities that move: the fence keeps its promises, and what breaks them is seen.

use qbft_sim::failover::{Flaw, Violation, run};

#[test]
fn whatever_happens_to_processes_and_store_no_slot_is_signed_twice_and_no_lock_is_hidden() {
    let mut failovers = 0;
    for seed in 0..150 {
        let report = run(seed, None);
        assert_eq!(report.violation, None, "seed {seed}");
        failovers += report.failovers;
    }
    assert!(failovers > 100, "{failovers}");
}

#[test]
fn every_known_mistake_is_found() {
    for flaw in Flaw::ALL {
        let is_found = |seed| run(seed, Some(flaw)).violation.is_some_and(|found| found != Violation::Stuck);
        assert!((0..2_000).any(is_found), "{flaw:?}");
    }
}

#[test]
fn one_seed_is_one_scenario() {
    for seed in [3, 204] {
        assert_eq!(format!("{:?}", run(seed, None)), format!("{:?}", run(seed, None)));
    }
}
