use crate::{
    chain_of_one::Chain,
    http::{call, post, raw},
};
use serde_json::{Value, json};
use validator::rpc::RpcLimits;

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_get_errors_and_the_server_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain
        .serve_with(
            RpcLimits { batch: 3, request_bytes: 4096, request_values: 500, ..RpcLimits::new() },
            &["eth"],
        )
        .await;
    let at = server.local_addr();
    let ping = r#"{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}"#;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":{}{}}}"#,
        "[".repeat(1500),
        "]".repeat(1500)
    );
    let table = [
        ("not json".to_string(), json!(-32700)),
        ("{".to_string(), json!(-32700)),
        ("[]".to_string(), json!(-32600)),
        ("[1]".to_string(), json!(-32600)),
        ("{}".to_string(), json!(-32600)),
        ("null".to_string(), json!(-32600)),
        (deep, json!(-32600)),
        (format!("[{}0]", "0,".repeat(1000)), json!(-32600)),
        (r#"{"jsonrpc":"2.0","id":1}"#.to_string(), json!(-32600)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#.to_string(), json!(-32600)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}"#.to_string(), json!(-32601)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12"]}"#.to_string(),
            json!(-32602),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":7}"#.to_string(), json!(-32602)),
        (format!("[{ping},{ping},{ping},{ping}]"), json!(-32600)),
        (format!("[{ping},{ping}]"), json!(null)),
        (ping.to_string(), json!(null)),
    ];
    for (body, want) in table {
        let (_, answer) = post(at, &body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{body}: {answer}"));
        let first = if answer.is_array() { &answer[0] } else { &answer };
        assert_eq!(first["error"]["code"], want, "{body}: {answer}");
    }
    let (status, _) = post(at, &format!("\"{}\"", "x".repeat(5000))).await;
    assert_eq!(status, 413, "a body beyond the limit");
    for request in [
        "GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n",
        "hello\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
    ] {
        let (status, _) = raw(at, request.as_bytes()).await;
        assert!(status == 0 || status >= 400, "{request:?}: {status}");
    }
    assert_eq!(call(at, "eth_chainId", json!([])).await, "0x1092");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_keeps_its_order_and_leaves_notifications_unanswered() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let body = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "eth_getBalance", "params": ["0x0000000000000000000000000000000000000000"]},
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_nothing"},
        {"jsonrpc": "2.0", "id": 3, "method": "eth_chainId"},
    ]);
    let (_, answer) = post(server.local_addr(), &body.to_string()).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let ids: Vec<&Value> = answer.as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&json!("a"), &json!(2), &json!(3)]);
    assert_eq!(answer[1]["error"]["message"], "the method eth_nothing does not exist/is not available");
    assert_eq!(answer[2]["result"], "0x1092");
    server.stop().await;
}
