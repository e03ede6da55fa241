use crate::chain_of_one::{CHANGED, Chain, Key, set};
use alloy_primitives::TxKind;
use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use serde_json::{Value, json};
use std::sync::Arc;

async fn subscribe(client: &WsClient, params: Vec<Value>) -> Subscription<Value> {
    let mut array = jsonrpsee::core::params::ArrayParams::new();
    for value in params {
        array.insert(value).unwrap();
    }
    client.subscribe("eth_subscribe", array, "eth_unsubscribe").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_logs_and_waiting_transactions_are_pushed_and_can_be_asked_for_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let user = Key::new("user");
    let contract = chain.deploy(&user).await;
    let client = WsClientBuilder::default().build(format!("ws://{}", server.local_addr())).await.unwrap();
    let mut heads = subscribe(&client, vec![json!("newHeads")]).await;
    let mut logs =
        subscribe(&client, vec![json!("logs"), json!({"address": contract, "topics": [CHANGED]})]).await;
    let mut other = subscribe(&client, vec![json!("logs"), json!({"address": user.address})]).await;
    let mut waiting = subscribe(&client, vec![json!("newPendingTransactions")]).await;

    let hash = chain.submit(user.dynamic(1, TxKind::Call(contract), set(5))).await;
    assert_eq!(waiting.next().await.unwrap().unwrap(), json!(hash));
    let committed = chain.next();
    let head = heads.next().await.unwrap().unwrap();
    assert_eq!(head["hash"], json!(committed.hash));
    assert!(head.get("transactions").is_none());
    let block: Value = client.request("eth_getBlockByHash", rpc_params![&head["hash"], false]).await.unwrap();
    assert_eq!(block["number"], head["number"]);
    let log = logs.next().await.unwrap().unwrap();
    assert_eq!((&log["transactionHash"], &log["removed"]), (&json!(hash), &json!(false)));

    heads.unsubscribe().await.unwrap();
    chain.submit(user.legacy(2, TxKind::Call(contract), set(6))).await;
    chain.next();
    assert_eq!(logs.next().await.unwrap().unwrap()["blockNumber"], "0x3");
    server.stop().await;
    assert!(other.next().await.is_none(), "nothing matched, and stopping closes the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_keeps_nothing_in_memory_that_it_does_not_tell() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let client = WsClientBuilder::default().build(format!("ws://{}", server.local_addr())).await.unwrap();
    let mut heads = subscribe(&client, vec![json!("newHeads")]).await;
    let mut receipts = subscribe(&client, vec![json!("transactionReceipts")]).await;
    let mut progress = subscribe(&client, vec![json!("syncing")]).await;
    let mut logs = subscribe(&client, vec![json!("logs")]).await;
    progress.next().await.unwrap().unwrap();
    let user = Key::new("user");
    let contract = chain.deploy(&user).await;
    heads.next().await.unwrap().unwrap();
    receipts.next().await.unwrap().unwrap();
    let hash = chain.submit(user.dynamic(1, TxKind::Call(contract), set(5))).await;
    let waiting = Arc::downgrade(&chain.pool.get(&hash).unwrap());
    let mined = Arc::downgrade(&chain.next());
    for told in [&mut heads, &mut receipts, &mut logs] {
        told.next().await.unwrap().unwrap();
    }
    chain.next();
    heads.next().await.unwrap().unwrap();
    while mined.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting.strong_count(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_subscription_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let client = WsClientBuilder::default().build(format!("ws://{}", server.local_addr())).await.unwrap();
    let refused: Result<Subscription<Value>, _> =
        client.subscribe("eth_subscribe", rpc_params!["newNothing"], "eth_unsubscribe").await;
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("no \"newNothing\" subscription in eth namespace") || text.contains("newNothing"),
        "{text}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_pushed_for_the_transactions_asked_for_and_progress_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let user = Key::new("user");
    let contract = chain.deploy(&user).await;
    let client = WsClientBuilder::default().build(format!("ws://{}", server.local_addr())).await.unwrap();
    let mut progress = subscribe(&client, vec![json!("syncing")]).await;
    assert_eq!(progress.next().await.unwrap().unwrap(), json!(false));
    let first = chain.submit(user.dynamic(1, TxKind::Call(contract), set(5))).await;
    let second = chain.submit(user.dynamic(2, TxKind::Call(contract), set(6))).await;
    let mut all = subscribe(&client, vec![json!("transactionReceipts")]).await;
    let wanted = json!({"transactionHashes": [second]});
    let mut one = subscribe(&client, vec![json!("transactionReceipts"), wanted]).await;
    chain.next();
    let hashes = |rows: Value| -> Vec<Value> {
        rows.as_array().unwrap().iter().map(|row| row["transactionHash"].clone()).collect()
    };
    assert_eq!(hashes(all.next().await.unwrap().unwrap()), [json!(first), json!(second)]);
    let pushed = one.next().await.unwrap().unwrap();
    let asked: Value = client.request("eth_getTransactionReceipt", rpc_params![second]).await.unwrap();
    assert_eq!(pushed, json!([asked]));
    let many: Vec<_> =
        (0..201_u64).map(|n| alloy_primitives::B256::from(alloy_primitives::U256::from(n))).collect();
    let refused: Result<Subscription<Value>, _> = client
        .subscribe(
            "eth_subscribe",
            rpc_params!["transactionReceipts", json!({"transactionHashes": many})],
            "eth_unsubscribe",
        )
        .await;
    assert!(refused.unwrap_err().to_string().contains("201 transaction hashes, at most 200 are allowed"));
    server.stop().await;
}
