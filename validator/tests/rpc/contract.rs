use crate::{
    chain_of_one::{CHANGED, CONTRACT, Chain, GET, Key, set},
    http::{answer, call, error},
};
use alloy_primitives::{TxKind, U256, hex};
use serde_json::json;
use validator::rpc::RpcLimits;

fn word(value: u64) -> String {
    hex::encode_prefixed(U256::from(value).to_be_bytes::<32>())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfunded_account_deploys_calls_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));

    let deploy = call(at, "eth_sendRawTransaction", json!([user.dynamic(0, TxKind::Create, CONTRACT)])).await;
    assert_eq!(call(at, "eth_getTransactionReceipt", json!([deploy])).await, json!(null));
    assert_eq!(call(at, "eth_getTransactionByHash", json!([deploy])).await["blockNumber"], json!(null));
    assert_eq!(call(at, "eth_getTransactionCount", json!([user.address, "pending"])).await, "0x1");
    assert_eq!(call(at, "eth_getTransactionCount", json!([user.address, "latest"])).await, "0x0");
    assert_eq!(call(at, "txpool_status", json!([])).await, json!({"pending": "0x1", "queued": "0x0"}));
    chain.next();

    let receipt = call(at, "eth_getTransactionReceipt", json!([deploy])).await;
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    let contract = user.address.create(0);
    assert_eq!(receipt["contractAddress"], json!(contract));
    assert_eq!(call(at, "txpool_status", json!([])).await, json!({"pending": "0x0", "queued": "0x0"}));

    let raw = user.legacy(1, TxKind::Call(contract), set(42));
    let hash = call(at, "eth_sendRawTransaction", json!([raw])).await;
    let block = chain.next();
    let message = json!({"to": contract, "data": hex::encode_prefixed(GET)});
    assert_eq!(call(at, "eth_call", json!([message, "latest"])).await, word(42));
    assert_eq!(call(at, "eth_call", json!([message, {"blockNumber": "0x1"}])).await, word(0));
    assert_eq!(call(at, "eth_getStorageAt", json!([contract, "0x0", "latest"])).await, word(42));
    let logs =
        call(at, "eth_getLogs", json!([{"fromBlock": "0x0", "address": contract, "topics": [CHANGED]}]))
            .await;
    assert_eq!(logs.as_array().unwrap().len(), 1, "{logs}");
    assert_eq!(logs[0]["transactionHash"], hash);
    assert_eq!(logs[0]["data"], word(42));
    let logs = call(
        at,
        "eth_getLogs",
        json!([{"blockHash": block.hash, "topics": [[null], "0x".to_string() + &"00".repeat(32)]}]),
    )
    .await;
    assert_eq!(logs, json!([]));
    let gas =
        call(at, "eth_estimateGas", json!([{"from": user.address, "to": contract, "data": set(7)}])).await;
    let gas = U256::from_str_radix(gas.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    assert!(gas > U256::from(21_000) && gas < U256::from(100_000), "{gas}");
    assert_eq!(
        call(at, "qbft_getValidatorsByBlockNumber", json!(["latest"])).await,
        json!([Key::new("validator").address])
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_worded_as_client_libraries_expect_them() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;

    let reverted = answer(at, "eth_call", json!([{"to": contract, "data": "0xdeadbeef"}, "latest"])).await;
    assert_eq!(reverted["error"]["code"], 3);
    assert_eq!(reverted["error"]["message"], "execution reverted: nope");
    assert!(reverted["error"]["data"].as_str().unwrap().starts_with("0x08c379a0"));
    let reverted = answer(at, "eth_estimateGas", json!([{"to": contract, "data": "0xdeadbeef"}])).await;
    assert_eq!(
        (&reverted["error"]["code"], &reverted["error"]["message"]),
        (&json!(3), &json!("execution reverted: nope"))
    );

    let raw = user.dynamic(1, TxKind::Call(contract), set(1));
    call(at, "eth_sendRawTransaction", json!([raw])).await;
    let mut foreign = raw.to_vec();
    *foreign.last_mut().unwrap() ^= 1;
    let table = [
        ("eth_sendRawTransaction", json!([raw]), -32000, "already known"),
        (
            "eth_sendRawTransaction",
            json!([user.dynamic(0, TxKind::Create, CONTRACT)]),
            -32000,
            "nonce too low: next nonce 1, tx nonce 0",
        ),
        (
            "eth_sendRawTransaction",
            json!([user.dynamic(1, TxKind::Call(contract), set(2))]),
            -32000,
            "replacement transaction underpriced",
        ),
        ("eth_sendRawTransaction", json!(["0x03c0"]), -32000, "transaction type not supported"),
        ("eth_sendRawTransaction", json!([]), -32602, "missing value for required argument 0"),
        ("eth_getBalance", json!([user.address, "0x99"]), -32000, "header not found"),
        (
            "eth_getBalance",
            json!([user.address, "soon"]),
            -32602,
            "invalid argument 1: hex string without 0x prefix",
        ),
        (
            "eth_getLogs",
            json!([{"fromBlock": "0x1", "toBlock": "0x0"}]),
            -32602,
            "invalid block range params",
        ),
        (
            "eth_getLogs",
            json!([{"fromBlock": "0x0", "toBlock": "0x99"}]),
            -32602,
            "block range extends beyond current head block",
        ),
        ("eth_getLogs", json!([{"blockHash": alloy_primitives::B256::ZERO}]), -32000, "unknown block"),
        ("eth_getLogs", json!([{"topics": [null, null, null, null, null]}]), -32602, "exceed max topics"),
        ("eth_getFilterChanges", json!(["0x1"]), -32000, "filter not found"),
        (
            "eth_fillTransaction",
            json!([{}]),
            -32601,
            "the method eth_fillTransaction does not exist/is not available",
        ),
        (
            "eth_subscribe",
            json!(["newHeads"]),
            -32601,
            "notifications not supported: subscribe over WebSocket",
        ),
        ("eth_chainId", json!([1]), -32602, "too many arguments, want at most 0"),
        ("eth_chainId", json!({"a": 1}), -32602, "non-array args"),
    ];
    for (method, params, code, message) in table {
        assert_eq!(error(at, method, params.clone()).await, (code, message.to_string()), "{method} {params}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_configured_namespaces_are_served_and_unknown_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), &["net"]).await;
    let at = server.local_addr();
    assert_eq!(call(at, "net_version", json!([])).await, "4242");
    assert_eq!(call(at, "rpc_modules", json!([])).await, json!({"net": "1.0", "rpc": "1.0"}));
    assert_eq!(error(at, "eth_chainId", json!([])).await.0, -32601);
    let refused = validator::rpc::check_namespaces(&["eth".into(), "admin".into()]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "rpc.namespaces names \"admin\", allowed are debug, eth, istanbul, net, ots, qbft, quorate, txpool, web3"
    );
    server.stop().await;
}
