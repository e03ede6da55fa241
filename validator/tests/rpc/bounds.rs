//! What a client may take of time and memory while it is being served.

use crate::{
    chain_of_one::{CONTRACT, Chain, Key, set},
    http::{answer, call, error, post},
};
use alloy_primitives::{Address, B256, TxKind, U256, hex};
use futures::{SinkExt, StreamExt};
use ledger::Options;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};
use validator::rpc::RpcLimits;

/// Its runtime logs 8 KiB.
const LOUD: &[u8] = &hex!("6006600c60003960066000f3" "6120005fa000");
const LOUD_BYTES: usize = 8 << 10;

/// Deploys [`LOUD`] and calls it this often, all in one block.
async fn loud(chain: &Chain, calls: u64) -> Address {
    let user = Key::new("user");
    chain.submit(user.dynamic(0, TxKind::Create, LOUD)).await;
    chain.next();
    let contract = user.address.create(0);
    for nonce in 1..=calls {
        chain.submit(user.dynamic(nonce, TxKind::Call(contract), vec![])).await;
    }
    contract
}

/// Whether a connection is served, not refused.
async fn has_room(at: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 405"))
}

/// A WebSocket that receives as little as the kernel lets it, unless it is read.
async fn narrow(at: SocketAddr) -> WebSocketStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(at).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://{at}"), stream).await.unwrap().0
}

async fn subscribe(socket: &mut WebSocketStream<TcpStream>, kind: &str) {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": [kind]});
    socket.send(Message::text(request.to_string())).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(answer.contains("result"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_runs_for_too_long_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { call_gas_cap: 1 << 50, ..Options::default() };
    let chain = Chain::open_with(dir.path(), options);
    let server = chain.serve_with(RpcLimits { evm_timeout_s: 1, ..RpcLimits::new() }, &["eth"]).await;
    // Three cheap instructions again and again, for which the gas would last for days.
    let endless = json!({"data": "0x5b5f56"});
    let refused = (-32000, "execution aborted (timeout = 1s)".to_string());
    assert_eq!(error(server.local_addr(), "eth_call", json!([endless, "latest"])).await, refused);
    let list = error(server.local_addr(), "eth_createAccessList", json!([endless, "latest"])).await;
    assert_eq!(list, refused);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_wait_for_a_subscriber_who_reads_nothing_are_bounded_and_he_is_disconnected() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let (calls, subscriptions) = (40, 40);
    loud(&chain, calls).await;
    // Only bytes can run out, and there is room for one client.
    let limits = RpcLimits {
        pushed_bytes: 256 << 10,
        push_s: 1,
        messages: 1 << 16,
        write_s: 3600,
        connections: 1,
        ..RpcLimits::new()
    };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    let mut socket = narrow(at).await;
    for _ in 0..subscriptions {
        subscribe(&mut socket, "logs").await;
    }
    chain.next();
    // Once it is gone there is room again.
    while !has_room(at).await.unwrap_or_default() {}
    let mut bytes = 0;
    while let Some(Ok(message)) = socket.next().await {
        bytes += message.len();
    }
    let all = usize::try_from(calls).unwrap() * subscriptions * 2 * LOUD_BYTES;
    assert!(bytes < all / 2, "{bytes} of {all} bytes were in the buffers of the kernel");
    server.stop().await;
}

#[tokio::test]
async fn a_subscriber_that_falls_behind_is_told_why_the_connection_ends() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let mut socket = narrow(server.local_addr()).await;
    subscribe(&mut socket, "newHeads").await;
    // On one thread nothing runs between these blocks: the channel holds four, and 1024 are read again. However long a disk takes
    // for them, to the server's clock the client is not silent.
    tokio::time::pause();
    for _ in 0..1029 {
        chain.next();
    }
    tokio::time::resume();
    let frame = loop {
        if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
            break frame.unwrap();
        }
    };
    assert_eq!(
        (frame.code, frame.reason.as_str()),
        (CloseCode::Policy, "client reads too slowly, subscribe again")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_too_long_is_ended_and_makes_room_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let user = Key::new("user");
    // Logs one topic again and again while there is gas: some 500 times.
    let code = hex!("600e600c600039600e6000f3" "5b60115f5fa16110005a115f5700");
    chain.submit(user.dynamic(0, TxKind::Create, code.to_vec())).await;
    chain.next();
    let contract = user.address.create(0);
    let limits = RpcLimits { evm_timeout_s: 1, heavy_reads: 1, read_wait_s: 60, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    // What is looked for in second place stands in the first one only: every log is looked at in vain.
    let topic = B256::with_last_byte(0x11);
    let many: Vec<_> = (0..999_u64).map(|n| B256::from(U256::from(n << 8))).chain([topic]).collect();
    let query = json!([{"fromBlock": "0x0", "address": contract, "topics": [many, topic]}]);
    let mut nonce = 1;
    let refused = loop {
        for _ in 0..55 {
            chain.submit(user.dynamic(nonce, TxKind::Call(contract), vec![])).await;
            nonce += 1;
        }
        chain.next();
        let answer = answer(at, "eth_getLogs", query.clone()).await;
        if answer["result"] != json!([]) {
            break answer;
        }
    };
    assert_eq!(refused["error"], json!({"code": -32000, "message": "log query aborted (timeout = 1s)"}));
    // One heavy read at a time: the next one has the room.
    assert!(call(at, "eth_feeHistory", json!(["0x1", "latest", []])).await.is_object());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_given_up_when_they_grow_longer_than_an_answer_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let most = 99_000;
    let chain = Chain::open_with(dir.path(), Options { log_bytes: most, ..Options::default() });
    loud(&chain, 6).await;
    chain.next();
    let user = Key::new("user");
    chain.submit(user.dynamic(7, TxKind::Call(user.address.create(0)), vec![])).await;
    chain.next();
    let limits = RpcLimits { response_bytes: u32::try_from(most).unwrap(), ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let at = server.local_addr();
    // Six fit by their data alone, but not with what stands around it; seven not at all.
    let refused = (-32003, format!("response too large: at most {most} bytes"));
    assert_eq!(error(at, "eth_getLogs", json!([{"fromBlock": "0x2", "toBlock": "0x2"}])).await, refused);
    assert_eq!(error(at, "eth_getLogs", json!([{"fromBlock": "0x2"}])).await, refused);
    let one = call(at, "eth_getLogs", json!([{"fromBlock": "0x3"}])).await;
    assert_eq!(one.as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_long_answers_is_held_to_one_limit_while_they_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    loud(&chain, 4).await;
    chain.next();
    // Four logs make 65 kB: two answers fit, and the memory for all would not hold three.
    let limits = RpcLimits { batch_response_bytes: 150_000, memory_bytes: 600 << 10, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["eth"]).await;
    let logs =
        |id| json!({"jsonrpc": "2.0", "id": id, "method": "eth_getLogs", "params": [{"fromBlock": "0x0"}]});
    let (_, answer) = post(server.local_addr(), &Value::Array((0..60).map(logs).collect()).to_string()).await;
    let rows: Vec<Value> = serde_json::from_str(&answer).unwrap();
    assert_eq!(rows.len(), 60);
    assert!(answer.len() < 170_000, "{}", answer.len());
    let answered =
        rows.iter().filter(|row| row["result"].as_array().is_some_and(|logs| logs.len() == 4)).count();
    let refused = rows.iter().filter(|row| row["error"]["code"] == -32003).count();
    assert!(
        (1..=2).contains(&answered) && answered + refused == 60,
        "{answered} answered, {refused} refused"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_have_the_bounds_that_are_configured() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open_with(dir.path(), Options { call_gas_cap: 1 << 50, ..Options::default() });
    let user = Key::new("user");
    chain.submit(user.dynamic(0, TxKind::Create, CONTRACT)).await;
    chain.next();
    let sent = chain.submit(user.dynamic(1, TxKind::Call(user.address.create(0)), set(1))).await;
    chain.next();
    let limits = RpcLimits { trace_s: 1, trace_most_s: 1, trace_bytes: 2000, ..RpcLimits::new() };
    let server = chain.serve_with(limits, &["debug"]).await;
    let at = server.local_addr();
    let want = "trace exceeds 2000 bytes; turn off memory, stack or storage, set `limit`, or use callTracer";
    assert_eq!(error(at, "debug_traceTransaction", json!([sent])).await, (-32005, want.into()));
    let short = call(at, "debug_traceTransaction", json!([sent, {"tracer": "callTracer"}])).await;
    assert_eq!(short["type"], "CALL");
    let endless = json!([{"data": "0x5b5f56"}, "latest", {"tracer": "callTracer", "timeout": "1h"}]);
    let want = "execution timeout: trace one transaction, or ask for a longer `timeout`";
    assert_eq!(error(at, "debug_traceCall", endless).await, (-32000, want.into()));
    server.stop().await;
}
