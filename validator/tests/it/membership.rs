//! Seats given while the chain runs.

use crate::support::{network::TestNetwork, transaction::signed, wait_for};
use alloy_primitives::U256;
use alloy_sol_types::SolCall as _;
use chain::governance::{GOVERNANCE, Governance};
use serde_json::json;

#[test]
fn an_unseated_node_syncs_offers_a_proof_and_votes_once_it_is_seated() {
    let network = TestNetwork::start(5, 4);
    network.wait_height(2);
    let newcomer = &network.nodes[4];
    let address = newcomer.read_config().identity.unwrap().address;
    let proof = newcomer.wait_status("a seat proof", |status| status.identity?.seat_proof);

    let seat = Governance::seatCall {
        identity: address,
        proofBlock: proof.block_number,
        signature: proof.signature,
    };
    let operator = network.key("operator.key");
    let (hash, raw) = signed(&operator, 0, GOVERNANCE, U256::ZERO, seat.abi_encode().into());
    assert_eq!(network.nodes[0].rpc("eth_sendRawTransaction", &json!([raw])).unwrap(), json!(hash));
    let receipt = wait_for("receipt", || {
        newcomer.rpc("eth_getTransactionReceipt", &json!([hash])).filter(serde_json::Value::is_object)
    });
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    newcomer.wait_status("the newcomer to vote", |status| {
        let identity = status.identity?;
        (identity.seated && identity.voting && identity.seat_proof.is_none()).then_some(())
    });
    network.nodes[0].wait_status("five seats and the newcomer heard", |status| {
        let seat = status.seats.iter().find(|seat| seat.address == address)?;
        (status.seats.len() == 5 && seat.at_ms > 0).then_some(())
    });
}
