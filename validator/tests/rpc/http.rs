//! HTTP by hand, so that malformed requests can be sent too.

use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Status and body of the answer to these bytes.
pub(crate) async fn raw(to: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, body.to_string())
}

/// Posts a body.
pub(crate) async fn post(to: SocketAddr, body: &str) -> (u16, String) {
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    raw(to, format!("{head}{body}").as_bytes()).await
}

/// The whole answer to one call.
pub(crate) async fn answer(to: SocketAddr, method: &str, params: Value) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let (_, body) = post(to, &request.to_string()).await;
    serde_json::from_str(&body).unwrap()
}

/// The result of one call that must succeed.
pub(crate) async fn call(to: SocketAddr, method: &str, params: Value) -> Value {
    let mut answer = answer(to, method, params).await;
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].take()
}

/// Code and message of one call that must fail.
pub(crate) async fn error(to: SocketAddr, method: &str, params: Value) -> (i64, String) {
    let answer = answer(to, method, params).await;
    let error = &answer["error"];
    (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_string())
}
