//! Real keys, bytes, blocks, databases, and the contract that ships.

use qbft_sim::{
    Outcome,
    governance::consortium::{Course, Trend},
    real::RealChain,
    scenario::Scenario,
    world::World,
};

fn run(scenario: Scenario, course: Course) -> Outcome {
    let chain = RealChain::new(&scenario, course).unwrap();
    World::with_flavour(scenario, chain).run()
}

const CHURN: Course = Course { first: 4, members: 2, calls: 4, trend: Trend::Churn };

#[test]
fn a_real_network_of_four_goes_on() {
    let outcome = run(Scenario::calm(5, 6), CHURN);
    assert_eq!(outcome.violation, None);
    println!("{outcome:?}");
}

#[test]
fn two_real_runs_of_a_seed_are_identical() {
    for seed in 0..4 {
        let scenario = qbft_sim::draw::draw(seed, 5, 6);
        assert_eq!(run(scenario.clone(), CHURN), run(scenario, CHURN), "seed {seed}");
    }
}
