//! Seeds are schedules: the same twice, and none of a slice breaks a promise.

#[test]
fn two_runs_of_a_seed_are_identical() {
    for seed in 0..40 {
        assert_eq!(qbft_sim::run(seed, 4, 20), qbft_sim::run(seed, 4, 20), "seed {seed}");
    }
}

#[test]
fn two_seeds_are_two_schedules() {
    assert_ne!(qbft_sim::run(1, 4, 20).trace, qbft_sim::run(2, 4, 20).trace);
}

#[test]
fn no_seed_of_a_slice_breaks_a_promise_whatever_the_number_of_seats() {
    for seats in [1, 2, 3, 4, 5, 7] {
        for seed in 0..60 {
            let outcome = qbft_sim::run(seed, seats, 10);
            assert_eq!(outcome.violation, None, "seats {seats}, seed {seed}: `make sim SEED={seed}`");
        }
    }
}

#[test]
fn the_slice_really_suffers() {
    let outcomes: Vec<_> = (0..60).map(|seed| qbft_sim::run(seed, 4, 20)).collect();
    assert!(outcomes.iter().any(|outcome| outcome.crashes > 5));
    assert!(outcomes.iter().any(|outcome| outcome.round_changes > 20));
}
