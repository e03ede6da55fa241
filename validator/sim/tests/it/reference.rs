//! The reference model and the contract, which runs in the EVM that nodes run, on the same random calls: equal outcomes,
//! equal refusals by name, equal states after every block.
//!
//! `GOVERNANCE_CALLS=1000000 cargo test --release -p qbft-sim --test it reference` runs that many; `GOVERNANCE_SEED`
//! another sequence.

mod contract;
mod view;

use contract::Contract;
use qbft_sim::{
    governance::{Model, Role, draw::Draw},
    rng::Rng,
};
use std::collections::BTreeMap;

/// Calls on one network before the next begins.
const CALLS_PER_NETWORK: u64 = 500;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// What the random calls reached, by name: the comparison is worth what it saw.
type Reached = BTreeMap<String, u64>;

fn play(seed: u64, calls: u64, reached: &mut Reached) {
    let mut rng = Rng::new(seed);
    let cast = contract::cast();
    let genesis = contract::genesis(&mut rng, &cast);
    let mut contract = Contract::new(&genesis);
    let mut model = Model::genesis(&genesis);
    let (mut block, mut done) = (0, 0);
    while done < calls {
        block += if rng.chance(930) { 1 } else { rng.pick(&[2, 29, 30, 31, 101, 260]) };
        for _ in 0..rng.below(5) {
            let (sender, call) = Draw { model: &model, block, cast: &cast, rng: &mut rng }.call();
            let theirs = contract.send(block, sender, &call);
            let ours = model.apply(block, sender, &call);
            let at = || format!("seed {seed}, block {block}, {sender}: {call:?}");
            assert_eq!(ours.as_ref().err(), theirs.as_ref().err(), "{}", at());
            let what = format!("{call:?}");
            let kind = what.split([' ', '(']).next().unwrap_or_default();
            let end = ours.as_ref().map_or_else(|refused| format!("{refused:?}"), |_| "done".to_string());
            *reached.entry(format!("{kind} {end}")).or_default() += 1;
            for (id, status) in ours.unwrap_or_default() {
                assert_eq!(contract.status(block, id), view::status(status), "proposal {id}, {}", at());
                *reached.entry(format!("{status:?}")).or_default() += 1;
            }
            done += 1;
        }
        view::compare(&mut contract, &model, block, &mut rng, seed);
    }
}

#[test]
fn the_model_and_the_contract_agree_on_random_calls() {
    let calls = setting("GOVERNANCE_CALLS", if cfg!(debug_assertions) { 2_000 } else { 20_000 });
    let first = setting("GOVERNANCE_SEED", 0);
    let mut reached = Reached::new();
    for network in 0..calls.div_ceil(CALLS_PER_NETWORK) {
        play(first.wrapping_add(network), CALLS_PER_NETWORK.min(calls), &mut reached);
    }
    for (what, count) in &reached {
        println!("{count:>8} {what}");
    }
    for must in
        ["Seat done", "Unseat done", "Seat SeatTooSoon", "Seat BadSignature", "Propose done", "Executed"]
    {
        assert!(reached.contains_key(must), "{must} never happened in {calls} calls: {reached:?}");
    }
}

#[test]
fn every_role_the_model_names_is_the_contracts() {
    let mut rng = Rng::new(3);
    let cast = contract::cast();
    let genesis = contract::genesis(&mut rng, &cast);
    let mut contract = Contract::new(&genesis);
    let model = Model::genesis(&genesis);
    for account in cast.admins.iter().chain(&cast.operators).chain(&cast.identities) {
        let role = model.role_of(*account).map_or((0, 0), |(member, role)| {
            (
                member,
                match role {
                    Role::Admin => 1,
                    Role::Operator => 2,
                    Role::Identity => 3,
                },
            )
        });
        assert_eq!(contract.role(*account), role, "{account}");
    }
}

#[test]
fn the_limits_of_members_and_seats_are_the_contracts() {
    let mut rng = Rng::new(7);
    let cast = contract::cast();
    let genesis = contract::full_genesis(&cast);
    let mut contract = Contract::new(&genesis);
    let mut model = Model::genesis(&genesis);
    for block in 1..12 {
        for _ in 0..6 {
            let mut draw = Draw { model: &model, block, cast: &cast, rng: &mut rng };
            let (sender, call) = match draw.rng.below(3) {
                0 => draw.seat(),
                1 => draw.unseat(),
                _ => draw.call(),
            };
            let theirs = contract.send(block, sender, &call);
            let ours = model.apply(block, sender, &call);
            assert_eq!(ours.err(), theirs.err(), "block {block}, {sender}: {call:?}");
        }
        view::compare(&mut contract, &model, block, &mut rng, 7);
    }
}
