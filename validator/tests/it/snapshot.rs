//! A new validator joins from a snapshot file.

use crate::support::{
    network::{BINARY, Node, TestNetwork, finish},
    wait_for,
};
use serde_json::json;
use std::{
    path::Path,
    process::{Command, Output},
};

fn snapshot(what: &str, config: &Path, rest: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(["snapshot", what, "--config"]).arg(config).args(rest);
    finish(command)
}

/// What came before the snapshot's block is said to be pruned, with the code that clients know.
fn assert_pruned_before(node: &Node, block: u64) {
    let number = |number: u64| format!("{number:#x}");
    let ask = |method: &str, params| wait_for(method, || node.rpc(method, &params));
    let older = json!(number(block - 1));
    for (method, params) in [
        ("eth_getBlockByNumber", json!([older, true])),
        ("eth_getBlockReceipts", json!([older])),
        ("eth_getBlockTransactionCountByNumber", json!([older])),
        ("eth_getLogs", json!([{"fromBlock": older, "toBlock": "latest"}])),
        ("debug_getRawBlock", json!([older])),
    ] {
        let error = ask(method, params);
        assert_eq!(error["code"], 4444, "{method}: {error}");
        let says = format!("pruned history unavailable: block {} is older than {block}", block - 1);
        assert!(error["message"].as_str().unwrap().starts_with(&says), "{method}: {error}");
    }
    let header = ask("eth_getHeaderByNumber", json!([older]));
    assert_eq!(header["number"], older, "headers come with the snapshot");
    let earliest = ask("eth_getBlockByNumber", json!(["earliest", false]));
    assert_eq!(earliest["number"], number(block));
    let logs = ask("eth_getLogs", json!([{"fromBlock": "earliest"}]));
    assert!(logs.is_array(), "{logs}");
}

#[test]
fn a_seat_that_starts_from_a_snapshot_follows_and_votes() {
    let mut network = TestNetwork::create(4, 4);
    network.nodes[..3].iter_mut().for_each(Node::start);
    network.wait_height(3);
    assert!(network.nodes[0].terminate().success());
    let file = network.dir.path().join("state.snapshot");
    let file = file.to_str().unwrap();

    let exported = snapshot("export", &network.nodes[0].config, &["--out", file]);
    assert!(exported.status.success(), "{exported:?}");
    let printed = String::from_utf8(exported.stdout).unwrap();
    let (block, hash) = printed.trim().split_once(" hash=").unwrap();
    let block: u64 = block.strip_prefix("block=").unwrap().parse().unwrap();
    network.nodes[0].start();
    assert_eq!(network.nodes[1].wait_block(block).to_string(), hash, "what another node says of this block");

    let wrong = format!("0x{}", "11".repeat(32));
    let refused = snapshot("import", &network.nodes[3].config, &["--in", file, "--hash", &wrong]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(!network.nodes[3].data_dir().join("chain").exists());
    let imported = snapshot("import", &network.nodes[3].config, &["--in", file, "--hash", hash]);
    assert!(imported.status.success(), "{imported:?}");
    let again = snapshot("import", &network.nodes[3].config, &["--in", file, "--hash", hash]);
    assert_eq!(again.status.code(), Some(2), "a chain is never replaced: {again:?}");

    network.nodes[3].start();
    network.nodes[3].wait_block(block + 2);
    assert_pruned_before(&network.nodes[3], block);
    // Three of four are a quorum: without the second node the new one's votes are needed.
    network.nodes[1].kill();
    let height = network.nodes[3].height();
    network.wait_height(height + 3);
    let status = network.nodes[3].status().unwrap();
    assert!(status.identity.unwrap().voting);
    assert_eq!(status.faults, Vec::<String>::new());
}
