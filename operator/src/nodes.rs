//! Node status and node RPC over pod addresses: bounded in time, size and number.

use chain::{
    config::{METRICS_PORT, RPC_PORT},
    status::{NodeStatus, STATUS_VERSION},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(2);
/// A status document is some kilobytes; a snapshot of a full contract is below this.
const MOST_BYTES: usize = 4 << 20;
/// Nodes asked at the same time in one pass.
const AT_ONCE: usize = 16;

/// Why a node did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// Not an address.
    #[error("pod address {got:?} is not an IP address")]
    Address {
        /// Found.
        got: String,
    },
    /// Not reached, or not in time.
    #[error("{url}: {source}")]
    Http {
        /// Asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// Too long.
    #[error("{url}: answer is longer than {most} bytes")]
    Size {
        /// Asked.
        url: String,
        /// Bound.
        most: usize,
    },
    /// Not JSON of the right shape.
    #[error("{url}: {source}")]
    Json {
        /// Asked.
        url: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Another version of the document.
    #[error("{url}: status version {got}, this operator reads {want}; use matching operator and node images")]
    Version {
        /// Asked.
        url: String,
        /// Found.
        got: u32,
        /// Read here.
        want: u32,
    },
    /// JSON-RPC error.
    #[error("{method}: {message}")]
    Rpc {
        /// Which method.
        method: &'static str,
        /// Its code.
        code: i64,
        /// What the node said.
        message: String,
        /// What a call reverted with.
        data: Option<Vec<u8>>,
    },
}

/// Client of all nodes.
#[derive(Clone)]
pub(crate) struct Nodes {
    http: reqwest::Client,
}

impl Nodes {
    /// A client with its bounds.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Kept connections to thousands of nodes would cost more than they save.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { http })
    }

    /// What a node says of itself.
    pub(crate) async fn status(&self, ip: &str) -> Result<NodeStatus, NodeError> {
        let url = url(ip, METRICS_PORT, "/status")?;
        let body = self.read(&url, self.http.get(&url)).await?;
        let mut status: NodeStatus =
            serde_json::from_slice(&body).map_err(|source| NodeError::Json { url: url.clone(), source })?;
        // Nobody asks for them here, and they would be most of what is kept.
        status.peers = Vec::new();
        status.seats.shrink_to_fit();
        if status.version == STATUS_VERSION {
            return Ok(status);
        }
        Err(NodeError::Version { url, got: status.version, want: STATUS_VERSION })
    }

    /// The status of several nodes, asked one every `pace`; the silent ones are `None`.
    pub(crate) async fn statuses(&self, ips: &[String], pace: Duration) -> Vec<Option<NodeStatus>> {
        let ask = |(ip, at): (&String, Instant)| {
            let ip = ip.clone();
            async move {
                tokio::time::sleep_until(at).await;
                let status = self.status(&ip).await;
                status.inspect_err(|error| tracing::debug!(%error, "node status")).ok()
            }
        };
        let times = std::iter::successors(Some(Instant::now()), |at| Some(*at + pace));
        stream::iter(ips.iter().zip(times)).map(ask).buffered(AT_ONCE).collect().await
    }

    /// One JSON-RPC call.
    pub(crate) async fn rpc(
        &self,
        ip: &str,
        method: &'static str,
        params: Value,
    ) -> Result<Value, NodeError> {
        let url = url(ip, RPC_PORT, "")?;
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let body = self.read(&url, self.http.post(&url).json(&request)).await?;
        let mut answer: Value =
            serde_json::from_slice(&body).map_err(|source| NodeError::Json { url, source })?;
        match answer.get("error") {
            Some(error) => Err(NodeError::Rpc {
                method,
                code: error["code"].as_i64().unwrap_or_default(),
                message: error.to_string().chars().take(500).collect(),
                data: error["data"].as_str().and_then(|data| alloy_primitives::hex::decode(data).ok()),
            }),
            None => Ok(answer["result"].take()),
        }
    }

    async fn read(&self, url: &str, request: reqwest::RequestBuilder) -> Result<Vec<u8>, NodeError> {
        let failed = |source| NodeError::Http { url: url.to_owned(), source };
        let mut response =
            request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(NodeError::Size { url: url.to_owned(), most: MOST_BYTES });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn url(ip: &str, port: u16, path: &str) -> Result<String, NodeError> {
    let address: IpAddr = ip.parse().map_err(|_| NodeError::Address { got: ip.to_owned() })?;
    Ok(format!("http://{}{path}", std::net::SocketAddr::new(address, port)))
}
