use crate::{
    chain_of_one::{Chain, Key, set},
    http::{call, error},
};
use alloy_primitives::{B256, TxKind, U256};
use ledger::Options;
use serde_json::{Value, json};
use validator::rpc::RpcLimits;

#[tokio::test(flavor = "multi_thread")]
async fn filters_give_what_happened_since_the_last_poll_once() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    let blocks = call(at, "eth_newBlockFilter", json!([])).await;
    let logs = call(at, "eth_newFilter", json!([{"address": contract}])).await;
    let pending = call(at, "eth_newPendingTransactionFilter", json!([])).await;
    let hash = chain.submit(user.dynamic(1, TxKind::Call(contract), set(5))).await;
    let committed = chain.next();

    assert_eq!(call(at, "eth_getFilterChanges", json!([blocks])).await, json!([committed.hash]));
    assert_eq!(call(at, "eth_getFilterChanges", json!([pending])).await, json!([hash]));
    let found = call(at, "eth_getFilterChanges", json!([logs])).await;
    assert_eq!((found.as_array().unwrap().len(), &found[0]["transactionHash"]), (1, &json!(hash)));
    for filter in [&blocks, &logs, &pending] {
        assert_eq!(call(at, "eth_getFilterChanges", json!([filter])).await, json!([]));
    }
    assert_eq!(call(at, "eth_getFilterLogs", json!([logs])).await, found);
    assert_eq!(call(at, "eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(call(at, "eth_uninstallFilter", json!([logs])).await, false);
    server.stop().await;
}

/// Data of the logs of each poll, until a poll gives none.
async fn polled(options: Options, limits: RpcLimits) -> Vec<Vec<Value>> {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open_with(dir.path(), options);
    let server = chain.serve_with(limits, &["eth"]).await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    let filter = call(at, "eth_newFilter", json!([{"address": contract}])).await;
    for nonce in 1..=5 {
        chain.submit(user.dynamic(nonce, TxKind::Call(contract), set(nonce))).await;
    }
    chain.next();
    chain.submit(user.dynamic(6, TxKind::Call(contract), set(6))).await;
    chain.next();
    let mut polls = Vec::new();
    loop {
        let logs = call(at, "eth_getFilterChanges", json!([filter])).await;
        match logs.as_array().unwrap().as_slice() {
            [] => break,
            logs => polls.push(logs.iter().map(|log| log["data"].clone()).collect()),
        }
    }
    server.stop().await;
    polls
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_filter_that_found_more_than_one_answer_may_have_gives_the_rest_at_the_next_polls() {
    let datas = |values: &[u64]| values.iter().map(|n| json!(B256::from(U256::from(*n)))).collect::<Vec<_>>();
    let few = Options { log_results: 2, ..Options::default() };
    let want = [datas(&[1, 2]), datas(&[3, 4]), datas(&[5, 6])];
    assert_eq!(polled(few, RpcLimits::new()).await, want, "two logs at a time, of one block or of two");
    let short = Options { log_bytes: 3 * 2 * 64, ..Options::default() };
    let want = [datas(&[1, 2, 3]), datas(&[4, 5, 6])];
    assert_eq!(polled(short, RpcLimits::new()).await, want, "three logs of two words");
    let brief = RpcLimits { response_bytes: 2000, ..RpcLimits::new() };
    let want = [datas(&[1, 2, 3]), datas(&[4, 5, 6])];
    assert_eq!(
        polled(Options::default(), brief).await,
        want,
        "half of the six is short enough as it is written"
    );
    let narrow = Options { log_range_blocks: 1, ..Options::default() };
    let want = [datas(&[1, 2, 3, 4, 5]), datas(&[6])];
    assert_eq!(polled(narrow, RpcLimits::new()).await, want, "a block at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_should_give_whole_transactions_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let at = server.local_addr();
    let (code, message) = error(at, "eth_newPendingTransactionFilter", json!([true])).await;
    assert_eq!(code, -32602);
    assert!(message.starts_with("filters give hashes only: "), "{message}");
    let hashes = call(at, "eth_newPendingTransactionFilter", json!([false])).await;
    let sent = chain.submit(Key::new("user").dynamic(0, TxKind::Create, vec![])).await;
    assert_eq!(call(at, "eth_getFilterChanges", json!([hashes])).await, json!([sent]));
    server.stop().await;
}
