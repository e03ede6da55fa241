use crate::{
    chain_of_one::{Chain, Key},
    http::{call, error},
};
use alloy_primitives::Address;
use serde_json::json;
use validator::rpc::RpcLimits;

const NAMESPACES: &[&str] = &["qbft", "istanbul"];

#[tokio::test(flavor = "multi_thread")]
async fn both_clients_methods_work_on_one_list_of_wishes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), NAMESPACES).await;
    let at = server.local_addr();
    let (a, b) = (Address::repeat_byte(1), Address::repeat_byte(2));
    assert_eq!(call(at, "qbft_proposeValidatorVote", json!([a, true])).await, json!(true));
    assert_eq!(call(at, "istanbul_propose", json!([b, false])).await, json!(null));
    let both = json!({a.to_string(): true, b.to_string(): false});
    assert_eq!(call(at, "qbft_getPendingVotes", json!([])).await, both);
    assert_eq!(call(at, "istanbul_candidates", json!([])).await, both);
    assert_eq!(call(at, "istanbul_discard", json!([a])).await, json!(null));
    assert_eq!(call(at, "qbft_discardValidatorVote", json!([b])).await, json!(true));
    assert_eq!(call(at, "istanbul_candidates", json!([])).await, json!({}));
    let missing = error(at, "qbft_proposeValidatorVote", json!([a])).await;
    assert_eq!(missing, (-32602, "missing value for required argument 1".to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_that_of_the_block_in_besu_and_that_after_it_in_goquorum() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), NAMESPACES).await;
    let (at, validator) = (server.local_addr(), Key::new("validator").address);
    let blocks: Vec<_> = (0..3).map(|_| chain.next()).collect();
    for (method, params) in [
        ("qbft_getValidatorsByBlockNumber", json!(["pending"])),
        ("qbft_getValidatorsByBlockNumber", json!(["0x2"])),
        ("qbft_getValidatorsByBlockHash", json!([blocks[1].hash])),
        ("istanbul_getValidators", json!([])),
        ("istanbul_getValidators", json!(["0x0"])),
        ("istanbul_getValidatorsAtHash", json!([blocks[2].hash])),
    ] {
        assert_eq!(call(at, method, params.clone()).await, json!([validator]), "{method} {params}");
    }
    assert_eq!(call(at, "qbft_getValidatorsByBlockNumber", json!(["0x9"])).await, json!(null));
    assert_eq!(error(at, "istanbul_getValidators", json!(["0x9"])).await.1, "unknown block");
    let snapshot = call(at, "istanbul_getSnapshot", json!(["0x2"])).await;
    let want = json!({
        "epoch": 30_000, "number": 2, "hash": blocks[1].hash, "votes": [], "tally": {},
        "validators": [validator], "policy": 0,
    });
    assert_eq!(snapshot, want);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_made_and_sealed_blocks_is_counted_as_each_client_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), NAMESPACES).await;
    let (at, validator) = (server.local_addr(), Key::new("validator").address);
    let blocks: Vec<_> = (0..3).map(|_| chain.next()).collect();
    let metrics = call(at, "qbft_getSignerMetrics", json!(["0x1", "0x3"])).await;
    let metric = json!({
        "address": validator, "proposedBlockCount": "0x2", "lastProposedBlockNumber": "0x2",
    });
    assert_eq!(metrics, json!([metric]));
    let (code, message) = error(at, "qbft_getSignerMetrics", json!(["0x3", "0x1"])).await;
    assert_eq!(code, -32602, "{message}");
    let status = call(at, "istanbul_status", json!(["0x1", "0x3"])).await;
    assert_eq!(status, json!({"sealerActivity": {format!("{validator:#x}"): 2}, "numBlocks": 2}));
    assert_eq!(error(at, "istanbul_status", json!(["0x1"])).await.1, "pass the end block number");
    let signers = call(at, "istanbul_getSignersFromBlock", json!(["0x3"])).await;
    let want = json!({"Number": 3, "Hash": blocks[2].hash, "Author": validator, "Committers": [validator]});
    assert_eq!(signers, want);
    // The node's own identity, as the rest of the node tells it, has no seat here.
    let own = call(at, "istanbul_nodeAddress", json!([])).await;
    assert_eq!(
        (own, call(at, "istanbul_isValidator", json!([])).await),
        (json!(Address::repeat_byte(9)), json!(false))
    );
    assert_eq!(call(at, "qbft_getRequestTimeoutSeconds", json!([])).await, json!(4));
}
