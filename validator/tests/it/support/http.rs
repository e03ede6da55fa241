//! One request per connection over a plain socket.

use super::PATIENCE;
use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

/// For one answer to what may be asked again.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts.
const RETRY: Duration = Duration::from_millis(50);

/// Asks again while somebody listens and gives no answer: a loaded machine is late with it.
fn ask(port: u16, request: &str) -> Option<(u16, String)> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match connect(port) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return None,
            connected => {
                if let Some(answer) = connected.ok().and_then(|stream| exchange(stream, request, TIMEOUT)) {
                    return Some(answer);
                }
            }
        }
        sleep(RETRY);
    }
    None
}

fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), TIMEOUT)
}

fn exchange(mut stream: TcpStream, request: &str, timeout: Duration) -> Option<(u16, String)> {
    stream.set_read_timeout(Some(timeout)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n")?.1.to_string();
    Some((status, body))
}

/// Status code and body, if somebody answers.
pub(crate) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    ask(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

/// The result of a JSON-RPC call, if somebody answers; an error object is given as it is.
pub(crate) fn rpc(port: u16, method: &str, params: &serde_json::Value) -> Option<serde_json::Value> {
    let body =
        serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let (_, answer) = match method {
        // The node may have taken it before it is late with saying so.
        "eth_sendRawTransaction" => exchange(connect(port).ok()?, &request, PATIENCE)?,
        _ => ask(port, &request)?,
    };
    let answer: serde_json::Value = serde_json::from_str(answer.trim()).ok()?;
    Some(answer.get("result").cloned().unwrap_or_else(|| answer["error"].clone()))
}
