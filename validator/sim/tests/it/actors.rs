//! Seats that lie: up to f of them break nothing, f + 1 do.

use qbft_sim::{
    oracle::Violation,
    scenario::{Actor, Link, Scenario},
    world::{Outcome, World},
};

fn run(seed: u64, scenario: Scenario) -> Outcome {
    let link = Link { loss: 30, ..Link::delay(1, 200) };
    World::new(Scenario { seed, link, timely_from: 8_000, ..scenario }).run()
}

#[test]
fn no_actor_alone_among_four_breaks_a_promise() {
    for actor in Actor::ALL {
        for seed in 0..8 {
            let outcome = run(seed, Scenario::calm(4, 12).with_actor(1, actor));
            assert_eq!(outcome.violation, None, "{} {seed}", actor.name());
        }
    }
}

#[test]
fn any_two_actors_among_seven_break_no_promise() {
    for (index, first) in Actor::ALL.into_iter().enumerate() {
        for second in &Actor::ALL[index..] {
            let outcome = run(1, Scenario::calm(7, 5).with_actor(2, first).with_actor(5, *second));
            assert_eq!(outcome.violation, None, "{} {}", first.name(), second.name());
        }
    }
}

#[test]
fn every_actor_makes_a_difference() {
    let honest = run(3, Scenario::calm(4, 8)).trace;
    for actor in Actor::ALL {
        let lying = run(3, Scenario::calm(4, 8).with_actor(1, actor)).trace;
        assert_ne!(lying, honest, "{}", actor.name());
    }
}

#[test]
fn more_liars_than_f_make_a_fork_and_the_oracle_sees_it() {
    let scenario = Scenario::calm(4, 10).with_actor(2, Actor::Equivocator).with_actor(3, Actor::Equivocator);
    let forks =
        (0..20).filter(|seed| matches!(run(*seed, scenario.clone()).violation, Some(Violation::Fork { .. })));
    assert!(forks.count() > 0);
}

#[test]
fn more_silent_seats_than_f_stop_the_network_and_the_oracle_sees_it() {
    let scenario = Scenario::calm(4, 10).with_actor(0, Actor::Silent).with_actor(3, Actor::Silent);
    assert!(matches!(run(1, scenario).violation, Some(Violation::Stuck { .. })));
}
