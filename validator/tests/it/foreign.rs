//! Networks whose genesis file is Besu's or GoQuorum's: real processes that vote in headers, pass epochs and transitions,
//! and an observer that starts from nothing afterwards.

use crate::support::{
    network::{Node, TestNetwork},
    transaction::legacy,
    wait_for,
};
use alloy_primitives::{Address, U256, hex};
use chain::{Extra, genesis::QBFT_MIX_HASH};
use serde_json::{Value, json};

/// Blocks between two clearings of votes.
const EPOCH: u64 = 8;

/// A Berlin file with `seats` in its header.
fn file(config: &Value, seats: &[Address], alloc: &Value) -> String {
    let extra = Extra { validators: seats.to_vec(), ..Extra::unsealed(0) };
    let mut file = json!({
        "config": {"chainId": 10101, "berlinBlock": 0},
        "gasLimit": "0x29b92700", "difficulty": "0x1", "mixHash": QBFT_MIX_HASH, "extraData": extra.to_bytes(),
        "alloc": alloc,
    });
    for (key, value) in config.as_object().unwrap() {
        file["config"][key] = value.clone();
    }
    file.to_string()
}

/// The last node watches only, and starts later.
fn make_observer(network: &TestNetwork) {
    network.nodes.last().unwrap().edit_config(|config| config.identity = None);
}

fn start_all_but_last(network: &mut TestNetwork) {
    let count = network.nodes.len() - 1;
    network.nodes[..count].iter_mut().for_each(Node::start);
}

fn identity(network: &TestNetwork, node: usize) -> Address {
    network.nodes[node].read_config().identity.unwrap().address
}

fn answer(node: &Node, method: &str, params: &Value) -> Value {
    wait_for(method, || node.rpc(method, params))
}

fn set(node: &Node, method: &str, block: &str) -> Vec<Address> {
    serde_json::from_value(answer(node, method, &json!([block]))).unwrap()
}

fn wait_for_set(network: &TestNetwork, what: &str, size: usize) {
    for node in network.nodes.iter().filter(|node| node.is_running()) {
        wait_for(what, || {
            (set(node, "qbft_getValidatorsByBlockNumber", "pending").len() == size).then_some(())
        });
    }
}

/// A node without history reaches the others' newest block, and finds it the same.
fn observe(network: &mut TestNetwork) {
    let height = network.nodes[1].height();
    network.nodes.last_mut().unwrap().start();
    network.wait_height(height + 2);
    let late = network.nodes.last().unwrap();
    assert_eq!(late.wait_status("the observer to be ready", |s| s.ready.then_some(s)).faults, [""; 0]);
}

#[test]
fn a_besu_network_votes_a_validator_in_and_another_out_across_epochs() {
    let config = json!({"qbft": {"blockperiodseconds": 1, "requesttimeoutseconds": 2, "epochlength": EPOCH}});
    let mut network =
        TestNetwork::create_foreign(6, |identities| file(&config, &identities[..4], &json!({})));
    make_observer(&network);
    start_all_but_last(&mut network);
    network.wait_height(2);
    let (newcomer, leaver) = (identity(&network, 4), identity(&network, 0));

    for node in &network.nodes[..3] {
        assert_eq!(answer(node, "qbft_proposeValidatorVote", &json!([newcomer, true])), json!(true));
    }
    let pending = answer(&network.nodes[0], "qbft_getPendingVotes", &json!([]));
    assert_eq!(pending, json!({ newcomer.to_string().to_lowercase(): true }));
    wait_for_set(&network, "five validators", 5);
    for node in &network.nodes[..3] {
        assert_eq!(answer(node, "qbft_discardValidatorVote", &json!([newcomer])), json!(true));
    }
    for node in &network.nodes[1..4] {
        assert_eq!(answer(node, "istanbul_propose", &json!([leaver, false])), Value::Null);
    }
    wait_for_set(&network, "four validators again", 4);
    network.nodes[4].wait_status("the newcomer to vote", |status| status.identity?.voting.then_some(()));

    let height = network.nodes[1].height();
    let next_epoch = (height / EPOCH + 1) * EPOCH;
    network.wait_height(next_epoch + 1);
    let snapshot = answer(&network.nodes[1], "istanbul_getSnapshot", &json!([format!("{next_epoch:#x}")]));
    assert_eq!((&snapshot["votes"], &snapshot["epoch"]), (&json!([]), &json!(EPOCH)));
    let listed = set(&network.nodes[2], "qbft_getValidatorsByBlockNumber", &format!("{next_epoch:#x}"));
    assert!(listed.contains(&newcomer) && !listed.contains(&leaver) && listed.is_sorted(), "{listed:?}");

    let block = answer(&network.nodes[1], "eth_getBlockByNumber", &json!(["latest", false]));
    assert!(block.get("baseFeePerGas").is_none() && block.get("withdrawalsRoot").is_none(), "{block}");
    let (hash, raw) = legacy(&network.key("admin.key"), 0, Address::repeat_byte(7));
    assert_eq!(answer(&network.nodes[1], "eth_sendRawTransaction", &json!([raw])), json!(hash));
    wait_for("receipt", || {
        network.nodes[4].rpc("eth_getTransactionReceipt", &json!([hash])).filter(Value::is_object)
    });
    observe(&mut network);
}

/// Code that answers every call with these addresses.
fn answering(set: &[Address]) -> String {
    let mut answer = [U256::from(32), U256::from(set.len())].map(|word| word.to_be_bytes::<32>()).concat();
    for address in set {
        answer.extend_from_slice(address.into_word().as_slice());
    }
    let size = u8::try_from(answer.len()).unwrap();
    let copy = [0x60, size, 0x60, 0x0c, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xf3];
    hex::encode_prefixed([&copy[..], &answer].concat())
}

#[test]
fn a_goquorum_network_passes_transitions_of_its_set_to_a_contract_and_waits_with_empty_blocks() {
    let contract = Address::repeat_byte(0x55);
    let mut network = TestNetwork::create_foreign(5, |identities| {
        let config = json!({
            "isQuorum": true, "txnSizeLimit": 64, "maxCodeSizeConfig": [{"block": 0, "size": 64}],
            "qbft": {
                "policy": 0, "ceil2Nby3Block": 0, "epochlength": EPOCH, "blockperiodseconds": 1,
                "requesttimeoutseconds": 2,
            },
            "transitions": [
                {"block": 3, "validators": identities[1..4]},
                {"block": 6, "validatorselectionmode": "contract", "validatorcontractaddress": contract},
                {"block": 9, "emptyblockperiodseconds": 3},
            ],
        });
        let alloc = json!({contract.to_string(): {"code": answering(&identities[..4])}});
        file(&config, &identities[..4], &alloc)
    });
    make_observer(&network);
    start_all_but_last(&mut network);
    network.wait_height(11);
    let node = &network.nodes[0];
    let sizes: Vec<_> =
        (0..=8_u64).map(|block| set(node, "istanbul_getValidators", &format!("{block:#x}")).len()).collect();
    assert_eq!(sizes, [4, 4, 4, 3, 3, 3, 4, 4, 4]);
    let time = |number: u64| {
        let block = answer(node, "eth_getBlockByNumber", &json!([format!("{number:#x}"), false]));
        u64::from_str_radix(&block["timestamp"].as_str().unwrap()[2..], 16).unwrap()
    };
    assert!(time(10) >= time(9) + 3 && time(11) >= time(10) + 3, "empty blocks come at their own period");
    let refused = answer(node, "qbft_proposeValidatorVote", &json!([contract, true]));
    assert_eq!((&refused["code"], &refused["message"]), (&json!(-32604), &json!("Method not enabled")));
    let signers = answer(node, "istanbul_getSignersFromBlock", &json!(["0x5"]));
    assert!(signers["Committers"].as_array().unwrap().len() >= 2, "{signers}");

    let (hash, raw) = legacy(&network.key("admin.key"), 0, Address::repeat_byte(7));
    assert_eq!(answer(node, "eth_sendRawTransaction", &json!([raw])), json!(hash));
    let receipt = wait_for("receipt", || {
        node.rpc("eth_getTransactionReceipt", &json!([hash])).filter(Value::is_object)
    });
    assert_eq!(receipt["status"], "0x1");
    observe(&mut network);
}
