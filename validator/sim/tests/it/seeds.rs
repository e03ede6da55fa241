//! Seeds are schedules: the same twice, and none of a slice breaks a promise.

use qbft_sim::draw::{MAX_SEATS, Profile, draw};

const FOUR: Profile = Profile::fixed(4, 20);

#[test]
fn two_runs_of_a_seed_are_identical() {
    for seed in 0..40 {
        assert_eq!(qbft_sim::run(seed, FOUR), qbft_sim::run(seed, FOUR), "seed {seed}");
    }
}

#[test]
fn two_seeds_are_two_schedules() {
    assert_ne!(qbft_sim::run(1, FOUR).trace, qbft_sim::run(2, FOUR).trace);
}

#[test]
fn no_seed_of_a_slice_breaks_a_promise_whatever_the_number_of_seats() {
    for seats in [1, 2, 3, 4, 5, 6, 7] {
        for seed in 0..40 {
            let outcome = qbft_sim::run(seed, Profile::fixed(seats, 10));
            assert_eq!(outcome.violation, None, "`make sim SEED={seed} NODES={seats} HEIGHTS=10`");
        }
    }
}

#[test]
fn the_slice_really_suffers() {
    let outcomes: Vec<_> = (0..60).map(|seed| qbft_sim::run(seed, FOUR)).collect();
    assert!(outcomes.iter().any(|outcome| outcome.crashes > 5));
    assert!(outcomes.iter().any(|outcome| outcome.round_changes > 20));
    assert!(outcomes.iter().any(|outcome| outcome.sat_out > 0));
}

#[test]
fn every_size_and_every_actor_and_every_fault_is_drawn() {
    let drawn: Vec<_> = (0..4_000).map(|seed| draw(seed, Profile::default())).collect();
    for seats in 1..=MAX_SEATS {
        assert!(drawn.iter().any(|scenario| scenario.seats == seats), "{seats} seats");
    }
    let text: Vec<String> = drawn.iter().map(ToString::to_string).collect();
    let text = text.join(" ");
    for actor in qbft_sim::scenario::Actor::ALL {
        assert!(text.contains(actor.name()), "{}", actor.name());
    }
    for fault in [
        "crash-node=",
        "crash-at=",
        "lose-disk=",
        "cut=",
        "delay=",
        "loss=",
        "clock=",
        "slow-disk=",
        "freeze=",
    ] {
        assert!(text.contains(&format!(" {fault}")), "{fault}");
    }
}
