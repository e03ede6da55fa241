//! JSON-RPC over one kept-alive connection, as cheap as it can be: the generator shares the cores with the nodes.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection to one node.
pub(crate) struct Connection {
    stream: TcpStream,
    port: u16,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, port, buffer: Vec::new() })
    }

    /// Sends a body and returns the answer's. Nodes close connections that are silent for long: then it is sent again on a
    /// new one.
    pub(crate) async fn exchange(&mut self, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        match self.exchange_once(body).await {
            Err(_) if self.buffer.is_empty() => {
                *self = Self::open(self.port).await?;
                self.exchange_once(body).await
            }
            outcome => outcome,
        }
    }

    async fn exchange_once(&mut self, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.buffer.clear();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut request = Vec::with_capacity(head.len() + body.len());
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        self.answer().await
    }

    /// One call.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer: Value = serde_json::from_slice(&self.exchange(body.to_string().as_bytes()).await?)?;
        match answer.get("error") {
            Some(error) => anyhow::bail!("{method} on port {}: {error}", self.port),
            None => Ok(answer.get("result").cloned().unwrap_or_default()),
        }
    }

    async fn answer(&mut self) -> anyhow::Result<Vec<u8>> {
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize =
            length.ok_or_else(|| anyhow::anyhow!("answer without a length: {text}"))?.trim().parse()?;
        while self.buffer.len() < head + length {
            self.more().await?;
        }
        anyhow::ensure!(
            text.starts_with("http/1.1 200"),
            "port {}: {}",
            self.port,
            String::from_utf8_lossy(&self.buffer)
        );
        Ok(self.buffer[head..head + length].to_vec())
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        self.buffer.reserve(64 * 1024);
        let read = self.stream.read_buf(&mut self.buffer).await?;
        anyhow::ensure!(read > 0, "port {} closed the connection", self.port);
        Ok(())
    }
}

/// Where `wanted` starts.
pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
