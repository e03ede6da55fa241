use crate::{
    chain_of_one::Chain,
    http::{call, raw},
};
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use serde_json::{Value, json};
use validator::rpc::RpcLimits;

const WITHIN_A_SECOND: RpcLimits = RpcLimits { head_s: 1, request_s: 1, ..RpcLimits::new() };

#[tokio::test]
async fn a_subscriber_that_falls_behind_is_disconnected() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let client = WsClientBuilder::default().build(format!("ws://{}", server.local_addr())).await.unwrap();
    let mut heads: Subscription<Value> =
        client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await.unwrap();
    // On one thread nothing runs between these blocks, and the channel holds four.
    for _ in 0..6 {
        chain.next();
    }
    while heads.next().await.is_some_and(|head| head.is_ok()) {}
    client.on_disconnect().await;
    assert_eq!(call(server.local_addr(), "eth_blockNumber", json!([])).await, "0x6");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_trickles_in_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(WITHIN_A_SECOND, &["eth"]).await;
    let at = server.local_addr();
    let (status, _) = raw(at, b"POST / HTTP/1.1\r\nHost: no").await;
    assert!(status == 0 || status == 408, "an unfinished head: {status}");
    let body = b"POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{";
    assert_eq!(raw(at, body).await.0, 408, "an unfinished body");
    assert_eq!(call(at, "eth_blockNumber", json!([])).await, "0x0");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let limits = RpcLimits { connections: 1, ..RpcLimits::default() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    let first = WsClientBuilder::default().build(format!("ws://{at}")).await.unwrap();
    assert!(WsClientBuilder::default().build(format!("ws://{at}")).await.is_err());
    assert!(first.is_connected());
    server.stop().await;
}
