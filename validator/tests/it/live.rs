//! A network that works.

use crate::support::{network::TestNetwork, transaction::signed, wait_for};
use alloy_primitives::{Address, Bytes, U256};
use serde_json::json;

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

    let status = network.nodes[1].status().unwrap();
    assert!(status.ready, "{:?}", status.not_ready_reason);
    assert_eq!((status.seats.len(), status.peers.len()), (4, 3));
    assert!(status.seats.iter().all(|seat| seat.at_ms > 0), "{:?}", status.seats);
    let identity = status.identity.unwrap();
    assert!(identity.seated && identity.voting && identity.seat_proof.is_none());
    assert_eq!(status.faults, Vec::<String>::new());
    assert_eq!(network.nodes[1].get("/livez").unwrap().0, 200);
    assert_eq!(network.nodes[1].get("/readyz").unwrap().0, 200);
    let metrics = network.nodes[1].get("/metrics").unwrap().1;
    for name in ["quorate_seats_live 4", "quorate_transactions_total 1", "quorate_peers 3"] {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
}

#[test]
fn a_single_seat_makes_blocks_alone_and_is_ready() {
    let network = TestNetwork::start(1, 1);
    network.wait_height(2);
    assert_eq!(network.nodes[0].get("/readyz").unwrap().0, 200);
}
