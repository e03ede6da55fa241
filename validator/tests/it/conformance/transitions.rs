//! Besu's `TransitionsTest`: what a height's rules say is asked for anew at every height.

use super::{
    voice::proposed,
    world::{Case, PERIOD_S, Plan, World, for_every_profile},
};
use alloy_consensus::Header;
use chain::{Extra, client::ClientProfile};
use ledger::{Block, BlockBody};
use qbft::Proposal as _;
use serde_json::{Value, json};

/// A transition of block 2, in the shape of the case's client.
fn at_block_2(case: Case, what: &Value) -> Value {
    let mut entry = json!({ "block": 2 });
    entry.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    match case.profile {
        ClientProfile::GoQuorum => json!({ "transitions": [entry] }),
        _ => json!({ "transitions": { "qbft": [entry] } }),
    }
}

async fn world(case: Case, own: usize, what: &Value) -> World {
    let mut plan = Plan::new(case, own);
    plan.config = at_block_2(case, what);
    World::make(plan).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_block_period_holds_for_the_block_it_is_named_for() {
    for_every_profile(|case: Case| async move {
        // Seat 1 proposes block 2.
        let world = world(case, 1, &json!({ "blockperiodseconds": 3 * PERIOD_S })).await;
        let mut peers = world.connect_all().await;
        let first = world.sealed(&world.block1(), 0);
        world.clock.turn_to(world.due_ms());
        peers[0].send_block(&first);
        peers[1].hears_block(1).await;
        // By the old period block 2 would be due.
        world.clock.turn_to((first.header.timestamp + PERIOD_S) * 1000);
        let (from, to) = peers.split_at_mut(1);
        world.barrier_at(2, (0, &from[0]), &mut to[0], 9).await;
        assert_eq!(to[0].unread_votes(), []);
        let due = first.header.timestamp + 3 * PERIOD_S;
        let header = Header { timestamp: due, ..world.next_block(&first.header).block().header.clone() };
        let block = proposed(Block { header, body: BlockBody::default() }, case.rules());
        world.clock.turn_to(due * 1000);
        peers[0].hears("the proposal", &world.voices[1].proposal(0, &block, vec![], vec![])).await;
        peers[0].hears("the prepare", &world.voices[1].prepare(2, 0, block.digest())).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn validators_given_by_a_transition_vote_from_the_block_of_their_family_on() {
    for_every_profile(|case: Case| async move {
        let seats = super::world::Vectors::load();
        let address = |seat: usize| seats.at(&format!("/validators/{seat}/address")).clone();
        let three = json!({ "validators": [address(0), address(1), address(2)] });
        // Seat 3 loses its seat: for block 2 by Besu's rule, for block 3 by GoQuorum's.
        let world = world(case, 0, &three).await;
        let mut peers = world.connect_all().await;
        let first_new = if case.profile == ClientProfile::GoQuorum { 3 } else { 2 };
        let mut parent = world.genesis.header.clone();
        for number in 1..first_new {
            let block = world.next_block(&parent);
            peers[0].send_block(&world.sealed(&block, 0));
            peers[1].hears_block(number).await;
            parent = block.block().header.clone();
        }
        let mut header = world.next_block(&parent).block().header.clone();
        let extra = Extra::decode_exact(&header.extra_data).unwrap();
        let validators = (0..3).map(|seat| world.address(seat)).collect();
        header.extra_data = Extra { validators, ..extra }.to_bytes();
        let next = proposed(Block { header, body: BlockBody::default() }, case.rules());
        assert_eq!(next.height(), first_new);

        world.clock.turn_to(next.timestamp() * 1000);
        let proposer = usize::try_from(first_new).unwrap() - 1;
        assert_eq!(next.proposer(), world.address(proposer));
        let other = 3 - proposer;
        let who_left = world.voices[3].prepare(first_new, 0, next.digest());
        peers[2].send(&who_left);
        peers[proposer - 1].send(&world.voices[proposer].proposal(0, &next, vec![], vec![]));
        let own = world.voices[0].prepare(first_new, 0, next.digest());
        peers[other - 1].hears("the prepare", &own).await;
        // Of three seats two are a quorum, and the node is one of them.
        peers[other - 1].send(&world.voices[other].prepare(first_new, 0, next.digest()));
        peers[proposer - 1].hears("the commit", &world.voices[0].commit(0, &next)).await;
        assert!(!peers[proposer - 1].unread_votes().contains(&who_left));
        assert_eq!(peers[2].unread_votes(), [], "who has left is sent nothing");
        world.end().await;
    })
    .await;
}
