//! `devp2p` of the QBFT vectors: message ids and fork ids. The protocol core's tests include this file, to account for
//! every vector there is.

use alloy_primitives::{B256, hex};
use devp2p::{
    CONSENSUS_CODES, ForkSchedule,
    eth::EthVersion,
    rlpx::{
        capability::{first_ids, negotiate},
        hello::Capability,
    },
};
use serde_json::Value;

/// Checks the vectors and names them.
pub(crate) fn exercise(vectors: &Value) -> Vec<String> {
    let section = &vectors["devp2p"];
    let ids = section["message_ids"].as_array().unwrap().iter().enumerate().map(|(index, case)| {
        message_ids(case);
        format!("devp2p/message_ids/{index}")
    });
    let mut names: Vec<String> = ids.collect();
    let plain = &section["forkid_no_forks_after_genesis"];
    fork_id(plain, plain, &[], 7);
    names.push("devp2p/forkid_no_forks_after_genesis".to_owned());
    let forked = &section["forkid_fork_at_100"];
    names.push("devp2p/forkid_fork_at_100".to_owned());
    for (case, head) in [("head_lt_100", 99), ("head_ge_100", 100)] {
        fork_id(forked, &forked[case], &[100], head);
        names.push(format!("devp2p/forkid_fork_at_100/{case}"));
    }
    names
}

fn capability(text: &Value) -> Capability {
    let (name, version) = text.as_str().unwrap().split_once('/').unwrap();
    Capability { name: name.to_owned(), version: version.parse().unwrap() }
}

fn message_ids(case: &Value) {
    let shared: Vec<Capability> = case["negotiated"].as_array().unwrap().iter().map(capability).collect();
    let ids = first_ids(&shared).unwrap();
    for (name, key) in [("eth", "eth_offset"), ("istanbul", "istanbul_offset"), ("snap", "snap_offset")] {
        let first = ids.iter().find(|(capability, _)| capability.name == name).map(|(_, first)| *first);
        assert_eq!(first.map(u64::from), case[key].as_u64(), "{key} of {case}");
    }
    let istanbul = ids.iter().find(|(capability, _)| capability.name == "istanbul").unwrap().1;
    for (code, name) in CONSENSUS_CODES.zip(["PREPREPARE", "PREPARE", "COMMIT", "ROUND_CHANGE"]) {
        if let Some(id) = case["wire_ids"][name].as_u64() {
            assert_eq!(u64::from(istanbul + code), id, "{name} of {case}");
        }
    }
    // What this node speaks it finds in the same place; of what it does not speak it shares nothing.
    let own = negotiate(&EthVersion::ALL, &shared).map(|own| (Some(own.eth_base), own.istanbul_base));
    let spoken = !shared.iter().any(|capability| capability.version == 71);
    assert_eq!(own, spoken.then_some((Some(0x10), Some(istanbul))));
}

fn fork_id(network: &Value, case: &Value, blocks: &[u64], head: u64) {
    let genesis: B256 = network["genesis_hash"].as_str().unwrap().parse().unwrap();
    let schedule =
        ForkSchedule { genesis_hash: genesis, genesis_time: 0, blocks: blocks.to_vec(), times: vec![] };
    let id = schedule.current(head, 0);
    assert_eq!(hex::encode_prefixed(id.hash.0), case["hash"].as_str().unwrap());
    assert_eq!(Some(id.next), case["next"].as_u64());
    if let Some(rlp) = case["rlp"].as_str() {
        assert_eq!(hex::encode_prefixed(alloy_rlp::encode(id)), rlp);
    }
}
