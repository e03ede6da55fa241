//! The reference model decides who validates.

use qbft_sim::{
    Outcome,
    governance::consortium::{Course, Trend},
    governed::GovernedChain,
    scenario::Scenario,
    world::World,
};

fn world(scenario: Scenario, course: Course) -> World<GovernedChain> {
    let chain = GovernedChain::new(&scenario, course).unwrap();
    World::with_flavour(scenario, chain)
}

fn sizes(world: &World<GovernedChain>) -> Vec<usize> {
    let chain = world.chain();
    let hashes = (0..=chain.height()).filter_map(|height| chain.hash(height));
    hashes.filter_map(|hash| Some(world.flavour().model(hash)?.seats.len())).collect()
}

#[test]
fn a_set_grows_from_one_seat_to_31() {
    let course = Course { first: 1, members: 3, calls: 4, trend: Trend::Grow };
    let mut world = world(Scenario::calm(31, 40), course);
    world.run_until(u64::MAX);
    assert_eq!(world.violation(), None);
    let sizes = sizes(&world);
    assert_eq!((sizes.first(), sizes.iter().max()), (Some(&1), Some(&31)), "{sizes:?}");
}

#[test]
fn a_set_shrinks_from_31_seats_to_one() {
    let course = Course { first: 31, members: 3, calls: 6, trend: Trend::Shrink };
    let mut world = world(Scenario::calm(31, 60), course);
    world.run_until(u64::MAX);
    assert_eq!(world.violation(), None);
    let sizes = sizes(&world);
    assert_eq!((sizes.first(), sizes.iter().min()), (Some(&31), Some(&1)), "{sizes:?}");
}

#[test]
fn no_seed_of_a_slice_breaks_a_promise_while_its_set_changes() {
    for seed in 0..120 {
        let scenario = qbft_sim::draw::draw(seed, 7, 20);
        let trend = [Trend::Churn, Trend::Grow, Trend::Shrink][usize::try_from(seed % 3).unwrap()];
        let course = Course { first: 4, members: 3, calls: 3, trend };
        let outcome: Outcome = world(scenario, course).run();
        assert_eq!(outcome.violation, None, "seed {seed}");
    }
}
