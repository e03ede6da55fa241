//! Fork ids of mainnet and of an example network.

use super::{b256, bytes, vectors};
use devp2p::ForkSchedule;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect()
}

fn check(network: &Value, blocks: &str, times: &str) {
    let schedule = ForkSchedule {
        genesis_hash: b256(&network["genesis"]),
        genesis_time: network["genesis_time"].as_u64().unwrap_or(0),
        blocks: numbers(&network[blocks]),
        times: numbers(&network[times]),
    };
    for case in network["cases"].as_array().unwrap() {
        let (head, time) = (case["head"].as_u64().unwrap(), case["time"].as_u64().unwrap());
        let id = schedule.current(head, time);
        assert_eq!(id.hash.0.to_vec(), bytes(&case["fork_hash"]), "{case}");
        assert_eq!(id.next, case["fork_next"].as_u64().unwrap(), "{case}");
        if let Some(rlp) = case.get("rlp") {
            assert_eq!(alloy_rlp::encode(id), bytes(rlp));
        }
        assert_eq!(schedule.check(head, time, id), Ok(()));
    }
}

#[test]
fn fork_ids_of_mainnet_are_the_published_ones() {
    check(&vectors()["forkid"]["mainnet"], "blocks", "times");
}

#[test]
fn fork_ids_of_a_proof_of_authority_network_are_the_published_ones() {
    check(&vectors()["forkid"]["poa_example"], "fork_blocks", "fork_times");
}

#[test]
fn a_peer_with_another_fork_history_is_refused_with_both_ids() {
    let genesis = b256(&vectors()["forkid"]["poa_example"]["genesis"]);
    let ours = ForkSchedule { genesis_hash: genesis, genesis_time: 0, blocks: vec![], times: vec![] };
    let theirs = ForkSchedule { blocks: vec![3], ..ours.clone() };
    let remote = theirs.current(10, 0);
    let refused = ours.check(10, 0, remote).unwrap_err();
    assert_eq!((refused.remote_hash, refused.local_hash), (remote.hash.0, ours.current(10, 0).hash.0));
}
