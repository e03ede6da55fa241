//! Calls over kept-open connections, and what the node says they took.

use crate::process::count;
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

/// A connection to a node's JSON-RPC.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// One call; its result.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        let answer = self.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))?;
        let result = answer.get("result").cloned();
        result.with_context(|| format!("{method} {params}: {answer}"))
    }

    /// Whatever JSON; the answer.
    pub(crate) fn send(&mut self, request: &Value) -> anyhow::Result<Value> {
        let body = request.to_string();
        let front = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all((front + &body).as_bytes())?;
        let mut length = None;
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "connection closed");
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        let mut body = vec![0; length.context("answer without a length")?];
        self.stream.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Times of one method so far: upper bounds in microseconds and how many calls were below each.
#[derive(Clone, Default)]
pub(crate) struct Served(Vec<(f64, f64)>);

impl Served {
    /// From the exposition.
    pub(crate) fn read(text: &str, method: &str) -> Self {
        let prefix = "quorate_rpc_seconds_bucket{le=\"".to_string();
        let label = format!("method=\"{method}\"");
        let bucket = |line: &str| {
            let rest = line.strip_prefix(&prefix)?;
            let (bound, rest) = rest.split_once('"')?;
            if !rest.contains(&label) {
                return None;
            }
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse::<f64>().ok()? * 1e6 };
            Some((bound, rest.rsplit_once(' ')?.1.parse().ok()?))
        };
        Self(text.lines().filter_map(bucket).collect())
    }

    /// Calls between two readings.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let earlier = |bound: f64| {
            before.0.iter().find(|(b, _)| b.total_cmp(&bound).is_eq()).map_or(0.0, |(_, calls)| *calls)
        };
        Self(self.0.iter().map(|(bound, calls)| (*bound, calls - earlier(*bound))).collect())
    }

    /// Microseconds below which this share of the calls was, in proportion inside a bucket.
    pub(crate) fn percentile(&self, percent: u64) -> f64 {
        let all = self.0.last().map_or(0.0, |(_, calls)| *calls);
        let wanted = all * count(percent) / 100.0;
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, calls) in &self.0 {
            if *calls >= wanted && *calls > below {
                let high = if bound.is_finite() { *bound } else { low };
                return low + (high - low) * (wanted - below) / (calls - below);
            }
            (low, below) = (*bound, *calls);
        }
        low
    }
}
