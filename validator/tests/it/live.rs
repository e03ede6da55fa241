//! A network that works.

use crate::support::{
    network::{Node, TestNetwork},
    transaction::signed,
    wait_for,
};
use alloy_primitives::{Address, Bytes, U256};
use serde_json::json;

fn wait_ready(node: &Node) {
    wait_for("readiness", || (node.get("/readyz")?.0 == 200).then_some(()));
}

#[test]
fn four_nodes_make_blocks_and_take_a_transaction_that_all_of_them_show() {
    let network = TestNetwork::start(4, 4);
    network.wait_height(2);

    let to = Address::repeat_byte(0x77);
    let (hash, raw) = signed(&network.key("admin.key"), 0, to, U256::from(7), Bytes::new());
    let answer = network.nodes[0].rpc("eth_sendRawTransaction", &json!([raw])).unwrap();
    assert_eq!(answer, json!(hash));
    let receipts: Vec<_> = network
        .nodes
        .iter()
        .map(|node| {
            wait_for("receipt", || {
                node.rpc("eth_getTransactionReceipt", &json!([hash])).filter(serde_json::Value::is_object)
            })
        })
        .collect();
    for (receipt, node) in receipts.iter().zip(&network.nodes) {
        assert_eq!(receipt["status"], "0x1");
        assert_eq!(receipt["blockHash"], receipts[0]["blockHash"]);
        assert_eq!(node.rpc("eth_getBalance", &json!([to, "latest"])).unwrap(), "0x7");
    }

    let node = &network.nodes[1];
    let status = node.wait_status("a ready node with three peers that has heard every seat", |status| {
        let votes = status.identity.as_ref().is_some_and(|identity| identity.voting);
        let heard = status.seats.iter().all(|seat| seat.at_ms > 0);
        (status.ready && votes && status.peers.len() == 3 && heard).then_some(status)
    });
    assert_eq!(status.seats.len(), 4);
    let identity = status.identity.unwrap();
    assert!(identity.seated && identity.seat_proof.is_none());
    assert_eq!(status.faults, Vec::<String>::new());
    assert_eq!(node.get("/livez").unwrap().0, 200);
    wait_ready(node);
    for line in ["quorate_seats_live 4", "quorate_transactions_total 1", "quorate_peers 3"] {
        wait_for(line, || node.get("/metrics")?.1.contains(line).then_some(()));
    }
}

#[test]
fn a_single_seat_makes_blocks_alone_and_is_ready() {
    let network = TestNetwork::start(1, 1);
    network.wait_height(2);
    wait_ready(&network.nodes[0]);
}
