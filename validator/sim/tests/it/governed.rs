//! The reference model decides who validates.

use alloy_primitives::Address;
use qbft::{Authenticator, Proposal, Symbolic, proposer::proposer};
use qbft_sim::{
    draw::{Profile, draw},
    governance::{
        Call, Parameter,
        consortium::{Course, Trend},
    },
    governed::{GovernedBlock, GovernedChain},
    scenario::{Actor, Scenario},
    world::World,
};
use std::collections::{BTreeMap, BTreeSet};

fn finished(scenario: Scenario, what: &str) -> World<GovernedChain> {
    let chain = GovernedChain::new(&scenario, scenario.course.unwrap());
    let mut world = World::with_flavour(scenario, chain);
    world.run_until(u64::MAX);
    assert_eq!(world.violation(), None, "{what}");
    world
}

const fn course(first: usize, calls: u64, trend: Trend) -> Course {
    Course { first, members: 3, calls, trend }
}

/// The final blocks with the sets after them.
fn history(world: &World<GovernedChain>) -> Vec<(GovernedBlock, BTreeSet<Address>, Vec<Address>)> {
    let chain = world.chain();
    let at = |height| {
        let sealed = chain.get(height)?;
        let set = world.flavour().model(chain.hash(height)?)?.validators().collect();
        let hash = sealed.block.commit_hash(sealed.round);
        let signers = sealed.seals.iter().map(|seal| Symbolic::recover(hash, seal).unwrap()).collect();
        Some((sealed.block.clone(), set, signers))
    };
    (0..=chain.height()).map_while(at).collect()
}

fn sizes(world: &World<GovernedChain>) -> Vec<usize> {
    history(world).iter().map(|(_, set, _)| set.len()).collect()
}

#[test]
fn a_set_grows_from_one_seat_to_31() {
    let scenario = Scenario { course: Some(course(1, 4, Trend::Grow)), ..Scenario::calm(31, 40) };
    let sizes = sizes(&finished(scenario, "grows"));
    assert_eq!((sizes.first(), sizes.iter().max()), (Some(&1), Some(&31)), "{sizes:?}");
}

#[test]
fn a_set_shrinks_from_31_seats_to_one() {
    let scenario = Scenario { course: Some(course(31, 6, Trend::Shrink)), ..Scenario::calm(31, 60) };
    let sizes = sizes(&finished(scenario, "shrinks"));
    assert_eq!((sizes.first(), sizes.iter().min()), (Some(&31), Some(&1)), "{sizes:?}");
}

#[test]
fn a_flapper_changes_the_set_all_the_time_and_stops_nobody() {
    let mut changes = 0;
    for seed in 0..20 {
        let calm = Scenario { seed, course: Some(course(4, 2, Trend::Churn)), ..Scenario::calm(6, 40) };
        let scenario = calm.with_actor(3, Actor::Flapper).with_actor(4, Actor::Flapper);
        let world = finished(scenario, &format!("seed {seed}"));
        let history = history(&world);
        changes += history.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    }
    assert!(changes > 20 * 10, "{changes} changes in 20 times 40 blocks");
}

/// What a change of the set, or of the parameters, came upon.
fn note(world: &World<GovernedChain>, seen: &mut BTreeMap<&'static str, u64>) {
    let mut see = |what, is_so: bool| *seen.entry(what).or_default() += u64::from(is_so);
    let history = history(world);
    for (index, pair) in history.windows(2).enumerate() {
        let ((parent, before, _), (block, after, signers)) = (&pair[0], &pair[1]);
        let list: Vec<Address> = before.iter().copied().collect();
        let turn = proposer(qbft::ProposerRule::Besu, &list, block.proposer(), 0).unwrap();
        see("a node joined", after.difference(before).next().is_some());
        see("the next proposer was removed", !after.contains(&turn));
        see("the block's own proposer was removed", !after.contains(&block.proposer()));
        see("a seat was removed by the block it had locked and sealed", {
            signers.iter().any(|signer| !after.contains(signer))
        });
        see("a removed seat came back", {
            let joined = after.difference(before);
            joined.into_iter().any(|id| history[..=index].iter().any(|(_, set, _)| set.contains(id)))
        });
        let (old, new) = [parent, block].map(|at| world.flavour().model(at.core.hash).unwrap()).into();
        see("a member was expelled or resigned", old.members.keys().any(|id| !new.members.contains_key(id)));
        see("a member was admitted", old.last_member < new.last_member);
        see("a capacity was voted", {
            old.members
                .iter()
                .any(|(id, was)| new.members.get(id).is_some_and(|is| is.capacity != was.capacity))
        });
        for (what, which) in [
            ("the block period changed", Parameter::BlockPeriodSeconds),
            ("the request timeout changed", Parameter::RequestTimeoutMillis),
            ("the gas limit changed", Parameter::GasLimit),
        ] {
            see(what, old.parameter(which, parent.height() + 1) != new.parameter(which, block.height() + 1));
        }
        see("a seat rotated", block.calls.iter().any(|(_, call)| matches!(call, Call::RotateSeat { .. })));
        see("a set had one seat", after.len() == 1);
    }
}

#[test]
fn seeds_whose_sets_change_keep_every_promise_and_see_every_kind_of_change() {
    let mut seen = BTreeMap::new();
    for seed in 0..160 {
        let trend = Trend::ALL[usize::try_from(seed % 4).unwrap()];
        let drawn = draw(seed, Profile::fixed(4, 20));
        let seats = drawn.seats.max(7);
        let scenario = Scenario { seats, course: Some(course(4, 5, trend)), ..drawn };
        note(&finished(scenario, &format!("seed {seed}")), &mut seen);
    }
    for (what, times) in seen {
        println!("{times:>6} {what}");
        assert!(times > 0, "never: {what}");
    }
}
