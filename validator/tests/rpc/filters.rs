use crate::{
    chain_of_one::{Chain, Key, set},
    http::call,
};
use alloy_primitives::TxKind;
use serde_json::json;

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
