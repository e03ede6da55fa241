//! Real keys, bytes, blocks, databases, and the contract that ships.

use qbft::Proposal;
use qbft_sim::{
    draw::{Profile, draw},
    fault::{Fault, Lost},
    flavour::{Flavour, Order, Sealed},
    governance::consortium::{Course, Trend},
    real::{RealBlock, RealChain},
    rng::Rng,
    scenario::{Actor, Scenario},
    world::{EPOCH_MS, World},
};

const CHURN: Course = Course { first: 4, members: 2, calls: 4, trend: Trend::Churn };

fn finished(scenario: Scenario) -> World<RealChain> {
    let chain = RealChain::new(&scenario).unwrap();
    let mut world = World::with_flavour(scenario, chain);
    world.run_until(u64::MAX);
    assert_eq!(world.violation(), None);
    world
}

fn set_changes(world: &World<RealChain>) -> usize {
    let chain = world.chain();
    let sets: Vec<Vec<_>> = (0..=chain.height())
        .map(|height| world.flavour().model(chain.hash(height).unwrap()).unwrap().validators().collect())
        .collect();
    sets.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn every_ledger_and_the_observer_end_on_one_chain_with_one_state() {
    let world = finished(Scenario { course: Some(CHURN), ..Scenario::calm(6, 6) });
    let observer = world.flavour().observer();
    let heads: Vec<_> = (0..6).map(|node| world.flavour().ledger(node).unwrap()).collect();
    for ledger in heads {
        let number = ledger.head().number;
        assert!(number >= 6, "{number}");
        let at = ledger::At::Number(number);
        assert_eq!(observer.header(at).unwrap().unwrap().state_root, ledger.head().header.state_root);
        assert_eq!(observer.block(at).unwrap(), ledger.block(at).unwrap());
    }
    assert!(set_changes(&world) > 0);
}

#[test]
fn a_real_seed_is_one_schedule_with_a_set_that_changes() {
    let mut changes = 0;
    for seed in [3, 8] {
        let scenario = Scenario { course: Some(CHURN), ..draw(seed, Profile::fixed(6, 5)) };
        let (first, second) = (finished(scenario.clone()), finished(scenario));
        assert_eq!(first.outcome(), second.outcome(), "seed {seed}");
        assert_eq!(first.chain().hash(5), second.chain().hash(5), "seed {seed}");
        changes += set_changes(&first);
    }
    assert!(changes > 0);
}

#[test]
fn a_node_goes_on_from_its_files_and_from_none() {
    let crash = Fault::Crash { node: 1, at: 2_500, for_ms: 1_000 };
    let loss = Fault::LoseDisk { node: 3, at: 4_500, for_ms: 500, lost: Lost::Chain };
    let scenario = Scenario { course: Some(CHURN), ..Scenario::calm(5, 8) }.with(crash).with(loss);
    let world = finished(scenario);
    assert_eq!(world.outcome().crashes, 2);
    assert!(world.flavour().ledger(3).unwrap().head().number >= 8);
}

#[test]
fn votes_move_period_timeout_and_gas_limit_while_a_node_is_down_and_another_begins_anew() {
    let course = Course { first: 4, members: 2, calls: 5, trend: Trend::Vote };
    let mut moved = [0; 3];
    for seed in 0..4 {
        let crash = Fault::Crash { node: 1, at: 2_500, for_ms: 4_000 };
        let loss = Fault::LoseDisk { node: 3, at: 8_500, for_ms: 2_000, lost: Lost::Chain };
        let scenario = Scenario { seed, course: Some(course), ..Scenario::calm(5, 12) };
        let world = finished(scenario.with(crash).with(loss));
        let chain = world.chain();
        let rules = |height| {
            let model = world.flavour().model(chain.hash(height).unwrap()).unwrap();
            model.parameters(height + 1)
        };
        for height in 1..=chain.height() {
            let (before, after) = (rules(height - 1), rules(height));
            moved.iter_mut().zip(before).zip(after).for_each(|((n, was), is)| *n += u64::from(was != is));
        }
        // The one that lost its chain has read every change off the others' blocks.
        let (joiner, height) = (world.flavour().ledger(3).unwrap(), chain.height());
        assert!(joiner.head().number + 1 >= height, "{} of {height}", joiner.head().number);
        let read = joiner.parameters().unwrap();
        let [period, timeout, gas_limit, ..] = rules(joiner.head().number);
        assert_eq!(
            (read.block_period_s, read.request_timeout_ms, read.gas_limit_target),
            (period, timeout, gas_limit)
        );
    }
    assert!(moved.iter().all(|times| *times > 0), "period, timeout, gas limit: {moved:?}");
}

#[test]
fn two_blocks_of_a_real_equivocator_do_not_fork_the_chain() {
    let scenario = Scenario { course: Some(CHURN), ..Scenario::calm(5, 8) };
    let world = finished(scenario.with_actor(0, Actor::Flapper).with_actor(4, Actor::Flapper));
    assert!(set_changes(&world) > 2, "the flapper flaps");
}

#[test]
fn a_ledger_refuses_a_block_with_too_few_seals_or_another_state() {
    let scenario = Scenario { course: Some(CHURN), ..Scenario::calm(4, 1) };
    let mut chain = RealChain::new(&scenario).unwrap();
    let (parent, beneficiary) = (chain.genesis(), chain.identity(0));
    let timestamp = EPOCH_MS / 1_000 + 1;
    let order = Order { node: 0, beneficiary, parent: &parent, height: 1, round: 0, timestamp, flaps: false };
    let block = chain.build(&order, &mut Rng::new(1)).unwrap();
    let sealed = |chain: &RealChain, block: &RealBlock, seals: usize| {
        let hash = block.commit_hash(0);
        let seals = (0..seals).map(|seat| chain.seal(chain.identity(seat), hash)).collect();
        Sealed { block: block.clone(), round: 0, seals }
    };
    let few = sealed(&chain, &block, 2);
    let refusal = chain.import(0, &few).unwrap_err();
    assert!(refusal.contains("2 seals, quorum of 4 validators is 3"), "{refusal}");
    let corrupt = chain.corrupt(&block);
    let corrupt = sealed(&chain, &corrupt, 3);
    let refusal = chain.import(0, &corrupt).unwrap_err();
    assert!(refusal.contains("LOCAL FAULT"), "{refusal}");
    let good = sealed(&chain, &block, 3);
    assert_eq!(chain.import(0, &good), Ok(()));
    assert_eq!(chain.observer().head().hash, chain.ledger(0).unwrap().head().hash);
}
