//! An identity whose journal is lost before it has a record.

use super::*;
use crate::support::leases::Leases;
use serde_json::json;
use std::fs;
use validator::driver::SIT_OUT_MARGIN_S;

fn timestamp(node: &Node, height: u64) -> u64 {
    let block = node.rpc("eth_getBlockByNumber", &json!([format!("{height:#x}"), false])).unwrap();
    let text = block["timestamp"].as_str().unwrap();
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}

#[test]
fn a_node_that_lost_its_journal_makes_no_first_record_before_a_block_was_decided_without_it() {
    let leases = Leases::start(&["a"]);
    let mut network = TestNetwork::start(4, 4);
    network.wait_height(2);
    let id = network.nodes[0].status().unwrap().identity.unwrap().journal.id;
    network.nodes[0].kill();
    fs::remove_dir_all(network.nodes[0].data_dir()).unwrap();
    fence_own(&network.nodes[0], 0, leases.store("a"), true);
    network.nodes[0].edit_config(|config| {
        config.identity.as_mut().unwrap().journal = JournalConfig::Require { id };
    });
    network.nodes[0].start();
    let waits = network.nodes[0].wait_status("sitting out", |status| {
        status.identity.filter(|identity| identity.journal.sitting_out.is_some())
    });
    assert!(!waits.voting && leases.record("a").is_none());
    let started_s = network.nodes[0].status().unwrap().started_ms / 1000;

    let first = wait_for("a first record", || leases.record("a"));
    let decided = timestamp(&network.nodes[1], first.place.height - 1);
    assert!(decided > started_s + SIT_OUT_MARGIN_S, "{decided} {started_s} {}", first.place);
    wait_holder(&network, address(&network.nodes[0]), &[0]);
    let back = network.nodes[0].status().unwrap().identity.unwrap();
    assert_eq!(back.journal.sitting_out, None);
    assert_eq!(equivocations(&network, &[1, 2, 3]), 0);
}
