//! A lock whose block the store does not take.

use super::*;
use crate::support::{leases::Leases, transaction::signed_with_gas};
use alloy_primitives::{Bytes, U256};
use fence::{Block, Place};
use qbft::Phase;
use serde_json::json;

/// Transactions that make a block longer than what a Lease takes, each below the longest that the pool does.
const TRANSACTIONS: u64 = 4;
const INPUT: usize = 100_000;
const SPARE: usize = 4;

/// Four seats, one dead for good: nothing is decided without the identity that moves. Its holder dies after its COMMIT was granted
/// and before anybody has it, and the record has no room for the block that the COMMIT locks. The spare was there when the block
/// was proposed, or has to hear of it from those that prepared it too.
fn goes_on_with_the_lock(heard: bool) {
    let leases = Leases::start(&["a"]);
    let mut network = TestNetwork::create(5, 4);
    let identity = address(&network.nodes[0]);
    make_spare(&network, SPARE, &[(0, leases.store("a"))]);
    fence_own(&network.nodes[0], 0, leases.store("a"), false);
    for node in [0, 1, 2] {
        network.nodes[node].start();
    }
    if heard {
        network.nodes[SPARE].start();
        network.nodes[SPARE].wait_status("the spare to stand by", |status| {
            status.standby_for.first().filter(|one| one.fence.recorded).map(|_| ())
        });
    }
    network.wait_height(2);
    wait_holder(&network, identity, &[0]);

    leases.keep_back("a", |record| {
        let Place { phase, .. } = record.place;
        phase == Phase::Commit.code() && matches!(record.evidence.block, Block::Elsewhere(_))
    });
    let key = network.key("admin.key");
    // The last one to come is the first in its sender's order: no block holds one of them before.
    for nonce in (0..TRANSACTIONS).rev() {
        let input = Bytes::from(vec![7; INPUT]);
        let (hash, raw) = signed_with_gas(&key, nonce, Address::repeat_byte(7), U256::ZERO, input, 8_000_000);
        assert_eq!(network.nodes[1].rpc("eth_sendRawTransaction", &json!([raw])), Some(json!(hash)));
    }
    let record = leases.wait_kept_back();
    network.nodes[0].kill();
    let height = record.place.height;
    for node in [1, 2] {
        assert!(network.nodes[node].height() < height, "decided without the seat");
    }
    leases.answer_again();
    if !heard {
        network.nodes[SPARE].start();
    }

    wait_holder(&network, identity, &[SPARE]);
    for node in [1, 2, SPARE] {
        network.nodes[node].wait_block(height + 2);
    }
    let full = network.nodes[1]
        .rpc("eth_getBlockByNumber", &json!([format!("{height:#x}"), false]))
        .and_then(|block| Some(block["transactions"].as_array()?.len()));
    assert!(full >= Some(2), "the block that was locked is the one that is decided: {full:?}");
    assert_eq!(equivocations(&network, &[1, 2]), 0);
}

#[test]
fn a_chain_that_needs_the_seat_goes_on_though_the_block_of_its_lock_is_not_in_the_store() {
    goes_on_with_the_lock(true);
}

#[test]
fn a_spare_that_came_after_the_proposal_hears_of_its_block_from_those_that_prepared_it() {
    goes_on_with_the_lock(false);
}
