use crate::{
    chain_of_one::{CONTRACT, Chain, Key, set},
    http::{call, error, post, raw},
};
use alloy_primitives::TxKind;
use futures::{SinkExt, StreamExt};
use jsonrpsee::{
    core::client::{ClientT, Error, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::{WsClient, WsClientBuilder},
};
use ledger::Options;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};
use validator::rpc::RpcLimits;

#[tokio::test]
async fn a_subscriber_that_falls_behind_is_given_what_it_missed() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let key = Key::new("user");
    let contract = chain.deploy(&key).await;
    let client = WsClientBuilder::default().build(format!("ws://{}", server.local_addr())).await.unwrap();
    let mut subscriptions = Vec::new();
    for kind in ["newHeads", "logs", "transactionReceipts"] {
        let opened = client.subscribe("eth_subscribe", rpc_params![kind], "eth_unsubscribe").await;
        let opened: Subscription<Value> = opened.unwrap();
        subscriptions.push(opened);
    }
    let hash = chain.submit(key.dynamic(1, TxKind::Call(contract), set(1))).await;
    // On one thread nothing runs between these blocks, and the channel holds four.
    for _ in 0..10 {
        chain.next();
    }
    let [heads, logs, receipts] = subscriptions.as_mut_slice() else { unreachable!() };
    for number in 2..=11_u64 {
        assert_eq!(heads.next().await.unwrap().unwrap()["number"], json!(format!("{number:#x}")));
    }
    // The first block, long gone from the channel.
    assert_eq!(logs.next().await.unwrap().unwrap()["transactionHash"], json!(hash));
    let pushed = receipts.next().await.unwrap().unwrap();
    let asked: Value = client.request("eth_getTransactionReceipt", rpc_params![hash]).await.unwrap();
    assert_eq!(pushed, json!([asked]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_trickles_in_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    // One is short of patience for heads and one for bodies: whatever else a loaded machine is late with has its time.
    let heads = chain.serve_with(RpcLimits { head_s: 1, ..RpcLimits::new() }, &["eth"]).await;
    let (status, _) = raw(heads.local_addr(), b"POST / HTTP/1.1\r\nHost: no").await;
    assert!(status == 0 || status == 408, "an unfinished head: {status}");
    let bodies = chain.serve_with(RpcLimits { request_s: 1, ..RpcLimits::new() }, &["eth"]).await;
    let body = b"POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{";
    assert_eq!(raw(bodies.local_addr(), body).await.0, 408, "an unfinished body");
    let neither = chain.serve_with(RpcLimits::new(), &["eth"]).await;
    assert_eq!(call(neither.local_addr(), "eth_blockNumber", json!([])).await, "0x0");
    for server in [heads, bodies, neither] {
        server.stop().await;
    }
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
    let (status, answer) = raw(at, b"").await;
    assert!(
        status == 503 && answer.contains("1 connections are open, the most; close one or try again"),
        "{answer}"
    );
    server.stop().await;
}

async fn subscribe(client: &WsClient, what: &str) -> Result<Subscription<Value>, Error> {
    client.subscribe("eth_subscribe", rpc_params![what], "eth_unsubscribe").await
}

async fn socket(at: SocketAddr) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{at}")).await.unwrap()
}

/// A WebSocket that sends any text.
async fn bare_socket(at: SocketAddr) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(at).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://{at}"), stream).await.unwrap().0
}

/// Code and message of a refusal.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (i32, String) {
    match outcome {
        Err(Error::Call(error)) => (error.code(), error.message().to_string()),
        other => panic!("expected a refusal: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_only_its_share_of_the_connections() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let limits = RpcLimits { connections_per_address: 2, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    let (first, second) = (socket(at).await, socket(at).await);
    let (status, answer) = raw(at, b"").await;
    assert!(
        status == 503 && answer.contains("2 connections from your address are open, the most; close one"),
        "{answer}"
    );
    drop(second);
    // The place is given back once the server has seen it.
    let served = async || {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with("HTTP/1.1 405"))
    };
    while !served().await.unwrap_or_default() {}
    assert!(first.is_connected());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits { idle_s: 1, ..RpcLimits::new() }, &["eth"]).await;
    assert_eq!(raw(server.local_addr(), b"").await, (0, String::new()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_follow_each_other_on_one_connection() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let request = |more: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: {}\r\n{more}\r\n{body}",
            body.len()
        )
    };
    let requests = format!("{}{}", request(""), request("Connection: close\r\n"));
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches(r#"{"jsonrpc":"2.0","id":1,"result":"0x1092"}"#).count(), 2, "{answers}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_websocket_have_the_bounds_of_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let limits = RpcLimits { request_bytes: 4096, request_depth: 8, request_values: 100, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    let (_, answer) = post(at, &format!("{}{}", "[".repeat(9), "]".repeat(9))).await;
    assert!(answer.contains("request too deep: at most 8 levels of nesting"), "{answer}");
    let (_, answer) = post(at, &format!("[{}0]", "0,".repeat(100))).await;
    assert!(answer.contains("request too rich: at most 100 JSON values"), "{answer}");
    let (status, answer) = post(at, &format!("[{}]", " ".repeat(4096))).await;
    assert!(status == 413 && answer.contains("request too large: at most 4096 bytes"), "{answer}");

    let mut socket = bare_socket(at).await;
    for (message, want) in [
        ("[".repeat(9), "request too deep"),
        (format!("[{}0]", "0,".repeat(100)), "request too rich"),
        ("{}".into(), "invalid request"),
        ("[]".into(), "empty batch"),
        ("nonsense".into(), "parse error"),
        (r#"{"jsonrpc":"2.0","id":5,"method":"eth_chainId"}"#.into(), r#""id":5,"result":"0x1092""#),
        // The last one: the connection ends with it.
        (format!("[{}]", " ".repeat(4095)), "request too large: at most 4096 bytes"),
    ] {
        socket.send(Message::text(&message)).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(answer.contains(want), "{message}: {answer}");
    }
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_refused_and_a_batch_answers_what_fits() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let limits = RpcLimits { response_bytes: 500, batch_response_bytes: 200, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    let refused = error(at, "eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(refused, (-32003, "response too large: at most 500 bytes".into()));
    let ping = |id| json!({"jsonrpc": "2.0", "id": id, "method": "eth_chainId"});
    let (_, answer) =
        post(at, &json!([ping(0), ping(1), ping(2), ping(3), ping(4), ping(5)]).to_string()).await;
    let answer: Vec<Value> = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer.len(), 6);
    for (id, row) in answer.iter().enumerate() {
        assert_eq!(row["id"], id);
        // Each answer takes 41 bytes and a comma.
        let fits = id < 4;
        assert_eq!((row["result"] == "0x1092", row["error"]["code"] == -32003), (fits, !fits), "{row}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_only_so_many_calls() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let (_, answer) = post(server.local_addr(), &format!("[{}]", [call; 1001].join(","))).await;
    assert!(
        answer.contains(r#""code":-32600,"message":"batch too large: 1001 calls, at most 1000""#),
        "{answer}"
    );
    let (_, answer) = post(server.local_addr(), &format!("[{}]", [call; 1000].join(","))).await;
    assert_eq!(answer.matches(r#""result":"0x1092""#).count(), 1000);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_what_is_worked_on_at_once_are_told_to_try_again() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let balance = |id| {
        let params = json!(["0x0000000000000000000000000000000000000000", "latest"]);
        json!({"jsonrpc": "2.0", "id": id, "method": "eth_getBalance", "params": params})
    };
    for (limits, what) in [
        (RpcLimits { calls: 1, read_wait_s: 0, ..RpcLimits::new() }, "node is busy with 1 calls, try again"),
        (RpcLimits { reads: 1, read_wait_s: 0, ..RpcLimits::new() }, "node is busy with 1 reads, try again"),
    ] {
        let server = chain.serve_with(limits, &["eth"]).await;
        let batch = Value::Array((0..20).map(balance).collect()).to_string();
        let busy = json!({"code": -32005, "message": what});
        // On a machine that has other work the calls of a batch may come one after the other.
        let mut is_told = false;
        for _ in 0..500 {
            let (_, answer) = post(server.local_addr(), &batch).await;
            let answer: Vec<Value> = serde_json::from_str(&answer).unwrap();
            assert!(answer.iter().any(|row| row["result"] == "0x0"), "{answer:?}");
            is_told = answer.iter().any(|row| row["error"] == busy);
            if is_told {
                break;
            }
        }
        assert!(is_told, "{what}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_never_finished_cannot_take_more_memory_than_there_is_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let limits = RpcLimits { memory_bytes: 1 << 20, request_bytes: 400 << 10, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    let head =
        "POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: 409600\r\n\r\n";
    let part = vec![b' '; 390 << 10];
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refusal may come before all is sent.
        let _ = stream.write_all(&part).await;
        streams.push(stream);
    }
    // One of them has no room, and is told so while the others go on.
    let first = streams.iter_mut().map(|stream| {
        Box::pin(async move {
            let mut answer = vec![0; 512];
            let count = stream.read(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer[..count]).into_owned()
        })
    });
    let (refused, _, _) = futures::future::select_all(first).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(
        refused.contains("requests and answers in progress take all of 1048576 bytes, try again"),
        "{refused}"
    );
    drop(streams);
    while post(at, &format!("{}{{}}", " ".repeat(300 << 10))).await.0 != 200 {}
    assert_eq!(call(at, "eth_blockNumber", json!([])).await, "0x0");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_cannot_be_hoarded_by_one_connection_or_by_many() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let limits = RpcLimits { subscriptions: 2, subscriptions_total: 3, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let (first, second) = (socket(server.local_addr()).await, socket(server.local_addr()).await);
    let mut held =
        vec![subscribe(&first, "newHeads").await.unwrap(), subscribe(&first, "logs").await.unwrap()];
    let (code, message) = refusal(subscribe(&first, "newHeads").await);
    assert_eq!(
        (code, &*message),
        (-32005, "this connection has 2 subscriptions, the most; unsubscribe from one")
    );
    let third = subscribe(&second, "newHeads").await.unwrap();
    let (code, message) = refusal(subscribe(&second, "newHeads").await);
    assert_eq!(
        (code, &*message),
        (-32005, "all connections have 3 subscriptions, the most; unsubscribe from one")
    );
    // Ended ones make room, whether ended by a call or by leaving.
    third.unsubscribe().await.unwrap();
    held.pop().unwrap().unsubscribe().await.unwrap();
    drop((first, held));
    let mut open = Vec::new();
    while open.len() < 2 {
        open.extend(subscribe(&second, "newHeads").await.ok());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_filters_and_subscriptions_look_for_is_bounded_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits { filter_bytes: 64 << 10, ..RpcLimits::new() }, &["eth"]).await;
    let at = server.local_addr();
    let many =
        json!({"topics": [vec!["0x938d2ee5be9cfb0f7270ee2eff90507e94b37625d9d2b3a61c97d30a4560b829"; 1000]]});
    let filters = |_| call(at, "eth_newFilter", json!([many]));
    for at in 0..2 {
        filters(at).await;
    }
    let (code, message) = error(at, "eth_newFilter", json!([many])).await;
    assert_eq!(
        (code, &*message),
        (-32005, "open filters hold 65536 bytes of addresses and topics, the most; close one")
    );
    let client = socket(at).await;
    let (code, message) = refusal(
        client.subscribe::<Value, _>("eth_subscribe", rpc_params!["logs", &many], "eth_unsubscribe").await,
    );
    let want = "open subscriptions hold 65536 bytes of addresses and topics, the most; close one";
    assert_eq!((code, &*message), (-32005, want));
    assert_eq!(client.request::<String, _>("eth_chainId", rpc_params![]).await.unwrap(), "0x1092");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_queries_and_calls_have_the_bounds_that_are_configured() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { log_range_blocks: 4, log_results: 2, call_gas_cap: 30_000, ..Options::default() };
    let chain = Chain::open_with(dir.path(), options);
    let key = Key::new("user");
    chain.submit(key.dynamic(0, TxKind::Create, CONTRACT)).await;
    chain.next();
    let contract = key.address.create(0);
    for nonce in 1..=3 {
        chain.submit(key.dynamic(nonce, TxKind::Call(contract), set(nonce))).await;
        chain.next();
    }
    let server = chain.serve().await;
    let at = server.local_addr();
    let refused = error(at, "eth_getLogs", json!([{"fromBlock": "0x0"}])).await;
    assert_eq!(refused, (-32005, "log query spans 5 blocks, at most 4 are allowed; split the range".into()));
    let refused = error(at, "eth_getLogs", json!([{"fromBlock": "0x1"}])).await;
    assert_eq!(refused, (-32005, "log query gives more than 2 logs; narrow the range or the filter".into()));
    assert_eq!(call(at, "eth_getLogs", json!([{"fromBlock": "0x3"}])).await.as_array().unwrap().len(), 2);
    let (code, message) = error(at, "eth_call", json!([{"to": contract, "gas": "0x7531"}, "latest"])).await;
    assert_eq!(code, -32000);
    assert!(message.contains("30001") && message.contains("30000"), "{message}");
    server.stop().await;
}

/// Sends bytes from this address, and reads until the other end closes.
async fn from(address: &str, to: SocketAddr, bytes: &[u8]) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_of_one_address_take_256_connections_and_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    // Both ends of each are files of this process, which has others beside this test.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).unwrap();
    let server = chain.serve_with(RpcLimits { head_s: 3600, ..RpcLimits::new() }, &["eth"]).await;
    let at = server.local_addr();
    let mut slow = Vec::new();
    for _ in 0..256 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nHost: no").await.unwrap();
        slow.push(stream);
    }
    assert!(from("127.0.0.1", at, b"").await.starts_with("HTTP/1.1 503"));
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    assert!(from("127.0.0.2", at, request.as_bytes()).await.ends_with(r#""result":"0x1092"}"#));
    drop(slow);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_mebibytes_of_hostile_json_are_refused_before_they_are_parsed() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::new(), &["eth"]).await;
    let at = server.local_addr();
    let most = 5 << 20;
    for (body, want) in [
        ("[".repeat(most), "request too deep: at most 64 levels of nesting"),
        (r#"{"a":"#.repeat(most / 5), "request too deep: at most 64 levels of nesting"),
        (format!("[{}{{}}]", "{},".repeat(most / 3 - 2)), "request too rich: at most 131072 JSON values"),
        (format!("[{}0]", "0,".repeat(most / 2 - 2)), "request too rich: at most 131072 JSON values"),
    ] {
        let (status, answer) = post(at, &body).await;
        assert!(status == 200 && answer.contains(want), "{status} {answer}");
    }
    server.stop().await;
}
