//! Votes that move a running network, on real processes: nobody restarts, who restarts or joins late agrees.

use crate::support::{network::TestNetwork, transaction::signed, wait_for};
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::{SolCall as _, SolValue as _};
use chain::governance::{GOVERNANCE, Governance, Kind};
use serde_json::{Value, json};

/// A proposal of the network's only member, carried out in its block; the block.
fn vote(network: &TestNetwork, nonce: u64, kind: Kind, subject: B256, values: Bytes) -> u64 {
    let call = Governance::proposeCall { kind, subject, values, memo: "a test".to_string() };
    let key = network.key("admin.key");
    let (hash, raw) = signed(&key, nonce, GOVERNANCE, U256::ZERO, call.abi_encode().into());
    assert_eq!(network.nodes[0].rpc("eth_sendRawTransaction", &json!([raw])).unwrap(), json!(hash));
    let receipt = wait_for("receipt", || {
        let receipt = network.nodes[0].rpc("eth_getTransactionReceipt", &json!([hash]));
        receipt.filter(Value::is_object)
    });
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    number(&receipt["blockNumber"])
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// Timestamp and gas limit of a block.
fn block(network: &TestNetwork, node: usize, height: u64) -> (u64, u64) {
    network.nodes[node].wait_block(height);
    let block =
        network.nodes[node].rpc("eth_getBlockByNumber", &json!([format!("{height:#x}"), false])).unwrap();
    (number(&block["timestamp"]), number(&block["gasLimit"]))
}

#[test]
fn a_voted_block_period_and_gas_limit_move_the_network_without_a_restart() {
    let mut network = TestNetwork::create(5, 4);
    for node in &mut network.nodes[..4] {
        node.start();
    }
    network.nodes[0].wait_block(2);
    let values = [2_u64, 1_000, 251_000_000, 0, 0, 0].map(U256::from).abi_encode();
    let voted = vote(&network, 0, Kind::SetParameters, B256::ZERO, values.into());
    let after: Vec<_> = (voted..voted + 6).map(|height| block(&network, 0, height)).collect();
    for pair in after.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= 2, "{after:?}");
        assert!(pair[1].1 > pair[0].1 && pair[1].1 - pair[0].1 < pair[0].1 / 1024, "{after:?}");
    }
    // One that restarts goes on voting by the new rules, and one that was never there reads them off the chain.
    network.nodes[1].kill();
    network.nodes[1].start();
    network.nodes[4].start();
    let height = voted + 10;
    let hashes: Vec<_> = network.nodes.iter().map(|node| node.wait_block(height)).collect();
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    network.nodes[1]
        .wait_status("the restarted node to vote", |status| status.identity?.voting.then_some(()));
}

#[test]
fn a_hardfork_that_nobody_knows_is_told_at_once_and_a_known_one_is_not() {
    let network = TestNetwork::start(1, 1);
    network.wait_height(2);
    let fork = |nonce, name: &str| {
        let name = B256::right_padding_from(name.as_bytes());
        let height = network.nodes[0].height() + 200;
        vote(&network, nonce, Kind::ScheduleHardfork, name, U256::from(height).abi_encode().into());
        height
    };
    fork(0, "osaka");
    let block = fork(1, "amsterdam");
    network.nodes[0].wait_status("the fork that is to come", |status| {
        assert!(status.faults.iter().all(|fault| !fault.contains("osaka")), "{:?}", status.faults);
        let told = |fault: &&String| fault.contains("amsterdam") && fault.contains(&block.to_string());
        status.faults.iter().find(told).map(|_| ())
    });
    // It goes on until then.
    network.wait_height(network.nodes[0].height() + 2);
}
