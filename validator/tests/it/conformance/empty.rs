//! `emptyblockperiodseconds`: a proposer waits for transactions, everybody's round 0 waits with it, and what is valid stays.

use super::{
    peer::{Heard, Peer},
    world::{Case, Plan, TIMEOUT_MS, World, for_every_profile},
};
use crate::support::{PATIENCE, transaction::legacy_on};
use alloy_primitives::{Address, B256, Bytes};
use qbft::{Proposal as _, Unverified};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use validator::driver::ProposedBlock;

/// From the parent on.
const EMPTY_S: u64 = 60;
/// How much longer than the period of 5 s that is.
const WAIT_MS: u64 = 55_000;
/// Between two looks at what was heard.
const LOOK: Duration = Duration::from_millis(5);
const PROPOSAL: u8 = 0x12;
const ROUND_CHANGE: u8 = 0x15;

async fn world(case: Case, own: usize) -> World {
    let mut plan = Plan::new(case, own);
    plan.qbft = json!({ "emptyblockperiodseconds": EMPTY_S });
    World::make(plan).await
}

fn block(case: Case, bytes: &Bytes) -> ProposedBlock {
    let decoded = qbft::wire::decode::<ProposedBlock>(PROPOSAL, bytes).unwrap();
    let Unverified::Proposal { proposal, .. } = decoded else { panic!("a proposal") };
    proposal.payload.block.under(case.rules().proposal_round)
}

fn heard(peer: &mut Peer, code: u8) -> Option<Bytes> {
    peer.unread_votes().into_iter().find(|vote| vote.0 == code).map(|vote| vote.1)
}

/// Sends one transaction; gives its hash.
fn send_transaction(world: &World, peer: &Peer) -> B256 {
    let key = k256::ecdsa::SigningKey::from_slice(&[0x42; 32]).unwrap();
    let (hash, raw) = legacy_on(world.genesis.config.chain_id, &key, 0, Address::repeat_byte(7));
    // A list of one transaction, which is a list itself.
    let mut list = Vec::new();
    alloy_rlp::Header { list: true, payload_length: raw.len() }.encode(&mut list);
    list.extend_from_slice(&raw);
    peer.send_eth(2, &list);
    hash
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposer_with_nothing_to_propose_waits_for_the_empty_period_and_nobody_leaves_the_round() {
    for_every_profile(|case: Case| async move {
        let world = world(case, 0).await;
        let mut peers = world.connect_all().await;
        for (wait_ms, round) in [(0, 7), (WAIT_MS - 1_000, 8)] {
            world.clock.turn_to(world.due_ms() + wait_ms);
            let (from, to) = peers.split_at_mut(1);
            world.barrier((1, &from[0]), &mut to[0], round).await;
            assert_eq!(heard(&mut to[0], PROPOSAL), None, "{wait_ms} ms after the tick");
            assert_eq!(heard(&mut to[0], ROUND_CHANGE), None, "{wait_ms} ms after the tick");
        }
        world.clock.turn_to(world.due_ms() + WAIT_MS);
        let pick = |heard: &Heard| match heard {
            Heard::Consensus(PROPOSAL, bytes) => Some(bytes.clone()),
            _ => None,
        };
        let proposal = block(case, &peers[0].wait("the proposal", pick).await);
        assert_eq!(proposal.timestamp(), world.genesis.header.timestamp + EMPTY_S);
        assert_eq!((proposal.round(), proposal.block().body.transactions.len()), (0, 0));
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_comes_while_the_proposer_waits_is_proposed_at_once() {
    for_every_profile(|case: Case| async move {
        let world = world(case, 0).await;
        let mut peers = world.connect_all().await;
        let mut now_ms = world.due_ms() + 2_000;
        world.clock.turn_to(now_ms);
        let deadline = Instant::now() + PATIENCE;
        let hash = send_transaction(&world, &peers[0]);
        let proposal = loop {
            if let Some(proposal) = heard(&mut peers[1], PROPOSAL) {
                break block(case, &proposal);
            }
            // Its admission is not to be seen from here, so time goes on in the node until it is noticed: up to where an empty
            // block would be due.
            now_ms = (now_ms + 10).min(world.due_ms() + WAIT_MS - 1);
            assert!(Instant::now() < deadline, "the proposer waits on");
            world.clock.turn_to(now_ms);
            sleep(LOOK).await;
        };
        let transactions = &proposal.block().body.transactions;
        assert_eq!(transactions.iter().map(|tx| *tx.tx_hash()).collect::<Vec<_>>(), [hash]);
        assert!(proposal.timestamp() >= world.due_ms() / 1000 && proposal.timestamp() <= now_ms / 1000);
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_block_before_its_period_is_valid_all_the_same() {
    for_every_profile(|case: Case| async move {
        let world = world(case, 1).await;
        let mut peers = world.connect_all().await;
        world.clock.turn_to(world.due_ms());
        let rlp = world.vectors.bytes(&format!("/round0/preprepare/{}", case.rlp()));
        peers[0].send(&(PROPOSAL, rlp));
        let prepare = world.voices[1].prepare(1, 0, world.block1().digest());
        peers[1].hears("the prepare", &prepare).await;
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_proposer_costs_a_round_and_not_the_empty_period_once_a_transaction_waits() {
    for_every_profile(|case: Case| async move {
        let world = world(case, 1).await;
        let mut peers = world.connect_all().await;
        let sent_ms = world.due_ms() + 2_000;
        world.clock.turn_to(sent_ms);
        send_transaction(&world, &peers[0]);
        let mut now_ms = sent_ms;
        while heard(&mut peers[1], ROUND_CHANGE).is_none() {
            // Its admission is not to be seen from here, so time goes on in the node until it is noticed: slowly at last, so that a
            // round's time is left before an empty block is due.
            now_ms += if now_ms < world.due_ms() + WAIT_MS / 2 { 100 } else { 1 };
            assert!(now_ms < world.due_ms() + WAIT_MS, "it waits for an empty block");
            world.clock.turn_to(now_ms);
            sleep(LOOK).await;
        }
        assert!(now_ms >= sent_ms + TIMEOUT_MS, "the round has its time from then on");
        world.end().await;
    })
    .await;
}
