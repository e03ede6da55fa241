//! Faults written by hand: what the world makes of them, and that the promises hold.

use qbft_sim::{
    fault::{Fault, Lost, Moment, Nodes},
    oracle::Violation,
    scenario::{Link, Scenario},
    symbolic::SymbolicChain,
    world::World,
};

const FOREVER: u64 = u64::MAX;

fn world(scenario: Scenario) -> World<SymbolicChain> {
    World::new(scenario)
}

/// Whether a block comes within so many milliseconds.
fn goes_on(world: &mut World<SymbolicChain>, within_ms: u64) -> bool {
    let (height, until) = (world.highest(), world.now_ms() + within_ms);
    world.run_while(until, |world| world.highest() == height)
}

fn lose(node: usize, at: u64, lost: Lost) -> Fault {
    Fault::LoseDisk { node, at, for_ms: 500, lost }
}

#[test]
fn a_node_may_crash_at_every_moment_of_its_votes() {
    for moment in Moment::ALL {
        for nth in 0..24 {
            for disk_ms in [0, 40] {
                let scenario = Scenario { disk_ms, ..Scenario::calm(4, 6) };
                let outcome =
                    world(scenario.with(Fault::CrashAt { node: 1, moment, nth, for_ms: 700 })).run();
                assert_eq!(outcome.violation, None, "{moment:?} {nth}");
                assert!(outcome.crashes <= 1);
            }
        }
    }
}

#[test]
fn all_may_crash_at_the_same_moment_and_go_on_from_their_journals() {
    for moment in Moment::ALL {
        for nth in 0..12 {
            let crash = |node| Fault::CrashAt { node, moment, nth, for_ms: 300 + 97 * node as u64 };
            let scenario = (0..4).map(crash).fold(Scenario::calm(4, 24), Scenario::with);
            let outcome = world(scenario).run();
            assert_eq!((outcome.violation, outcome.crashes), (None, 4), "{moment:?} {nth}");
        }
    }
}

#[test]
fn a_node_without_its_journal_sits_out_and_then_votes_again() {
    let mut world = world(Scenario::calm(4, FOREVER).with(lose(2, 5_000, Lost::Journal)));
    world.run_until(5_600);
    let core =
        |world: &World<SymbolicChain>| world.nodes()[2].instance.as_ref().and_then(qbft::Instance::voter);
    assert_eq!(core(&world), None);
    world.run_until(30_000);
    assert!(core(&world).is_some());
    // Its vote is needed now.
    world.inject(Fault::Crash { node: 0, at: 0, for_ms: Fault::FOR_GOOD });
    world.run_until(31_000);
    assert!(goes_on(&mut world, 10_000));
    assert_eq!((world.violation(), world.outcome().sat_out), (None, 1));
}

#[test]
fn a_lost_chain_is_synced_again_with_the_journal_and_without() {
    for lost in [Lost::Chain, Lost::Both] {
        let mut world = world(Scenario::calm(4, FOREVER).with(lose(1, 20_000, lost)));
        world.run_until(20_400);
        assert_eq!(world.nodes()[1].head, 0);
        world.run_until(40_000);
        assert!(world.nodes()[1].head > 35);
        assert_eq!(world.violation(), None);
    }
}

#[test]
fn more_lost_journals_than_the_network_can_spare_stop_it_until_the_loss_is_accepted() {
    for losers in [2, 4] {
        // Between two heights: whoever accepts the loss of a vote on a height that is not decided may sign another.
        let faults = (0..losers).map(|node| lose(node, 5_300, Lost::Journal));
        let mut world = world(faults.fold(Scenario::calm(4, FOREVER), Scenario::with));
        world.run_until(6_000);
        assert!(!goes_on(&mut world, 20_000), "{losers} of 4");
        for node in 0..losers {
            world.inject(lose(node, 0, Lost::JournalAccepted));
        }
        assert!(goes_on(&mut world, 10_000), "{losers} of 4");
        assert_eq!(world.violation(), None);
    }
}

#[test]
fn a_cut_one_way_stops_only_what_goes_that_way() {
    let deaf = Fault::Cut { from: Nodes::ALL, to: Nodes::one(3), at: 2_000, until: FOREVER };
    let mut world = world(Scenario::calm(4, FOREVER).with(deaf));
    world.run_until(20_000);
    assert!(world.is_cut(0, 3) && !world.is_cut(3, 0));
    let heads: Vec<u64> = world.nodes().iter().map(|node| node.head).collect();
    assert!(heads[3] < 5 && heads[0] > 10, "{heads:?}");
}

#[test]
fn a_step_of_a_clock_moves_it_and_no_round_timer() {
    let step = Fault::Clock { node: 0, at: 3_500, by_ms: -3_600_000 };
    let mut world = world(Scenario::calm(4, FOREVER).with(step));
    world.run_until(3_400);
    let before = world.local_ms(0);
    world.run_until(3_600);
    assert_eq!(world.local_ms(0), before + 200 - 3_600_000);
    // It takes no part, as its proposals and everybody else's are out of its time; the others go on with its rounds lost.
    assert!(goes_on(&mut world, 10_000));
    world.run_until(60_000);
    assert_eq!(world.violation(), None);
}

#[test]
fn a_process_that_stood_still_hears_afterwards_what_it_missed() {
    let freeze = Fault::Freeze { node: 3, at: 4_000, until: 9_000 };
    let mut world = world(Scenario::calm(4, FOREVER).with(freeze));
    world.run_until(8_999);
    let (still, others) = (world.nodes()[3].head, world.highest());
    assert!(still + 3 <= others, "{still} {others}");
    world.run_until(9_100);
    assert!(world.nodes()[3].head >= others);
}

#[test]
fn links_of_300_ms_and_slow_disks_cost_rounds_at_most() {
    let timely = Link::delay(300, 300);
    let slow = Fault::SlowDisk { node: 1, at: 3_000, until: 20_000, ms: 400 };
    let scenario = Scenario { timely, link: timely, ..Scenario::calm(4, 20) };
    assert_eq!(world(scenario.with(slow)).run().violation, None);
}

#[test]
fn an_outage_of_a_day_is_not_held_against_the_network_and_what_follows_is() {
    let (from, until) = (5_000, 86_400_000);
    let faults = Fault::split([0, 1].into_iter().collect(), from, until);
    let mut world = world(faults.into_iter().fold(Scenario::calm(4, FOREVER), Scenario::with));
    world.run_until(until);
    assert_eq!(world.violation(), None);
    assert!(goes_on(&mut world, 15_000));
    world.inject(Fault::Crash { node: 0, at: 0, for_ms: Fault::FOR_GOOD });
    world.inject(Fault::Crash { node: 1, at: 0, for_ms: Fault::FOR_GOOD });
    world.run_until(until + 600_000);
    assert!(matches!(world.violation(), Some(Violation::Stuck { .. })));
}
