//! The JSON-RPC of a node over a chain that nobody adds to.

use crate::chain_file;
use alloy_primitives::Address;
use std::{path::Path, sync::Arc};
use tokio::sync::broadcast;
use validator::{
    pool::{Limits, Pool},
    rpc::{
        NAMESPACES, NodeView, RpcAccess, RpcError, RpcLimits, RpcOptions, RpcPort, ServerHandle,
        SyncProgress, serve,
    },
    votes::PendingVotes,
};

/// Why the chain cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// No threads.
    #[error("runtime: {0}")]
    Runtime(std::io::Error),
    /// No place for the pool's journal.
    #[error("directory for the pool: {0}")]
    Directory(std::io::Error),
    /// The pool does not open.
    #[error("pool: {0}")]
    Pool(String),
    /// The port does not open.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// A served chain.
pub struct Served {
    server: ServerHandle,
    client: reqwest::Client,
    url: String,
    // Held as long as the pool writes there.
    _journal: tempfile::TempDir,
}

/// Nobody else is on this network.
struct Alone;

impl NodeView for Alone {
    fn peer_count(&self) -> usize {
        0
    }
    fn syncing(&self) -> Option<SyncProgress> {
        None
    }
    fn client_version(&self) -> String {
        concat!("quorate-validator/v", env!("CARGO_PKG_VERSION"), "/conformance").to_string()
    }
    fn coinbase(&self) -> Option<Address> {
        None
    }
}

/// Loads the chain of a directory and answers on a port of its own.
pub async fn start(dir: &Path) -> Result<Served, super::RpcTestError> {
    // Nobody adds to the chain, so nobody tells of heads.
    let (heads, _) = broadcast::channel(1);
    let ledger = chain_file::load(dir, |_| {})?;
    let journal = tempfile::tempdir().map_err(NodeError::Directory)?;
    let pool = Pool::open(journal.path(), ledger.clone(), Limits::default());
    let pool = pool.map_err(|error| NodeError::Pool(error.to_string()))?;
    let options = RpcOptions {
        ports: vec![RpcPort {
            listen: "127.0.0.1:0".to_string(),
            namespaces: NAMESPACES.map(ToString::to_string).to_vec(),
            transports: Vec::new(),
            access: RpcAccess::default(),
            tls: None,
        }],
        limits: RpcLimits::default(),
        ledger,
        pool,
        heads,
        votes: PendingVotes::default(),
        node: Arc::new(Alone),
        ots: None,
    };
    let server = serve(options).await.map_err(NodeError::Rpc)?;
    let url = format!("http://{}", server.local_addr());
    Ok(Served { server, client: reqwest::Client::new(), url, _journal: journal })
}

impl Served {
    /// The answer to a request, as text.
    pub async fn post(&self, request: &str) -> Result<String, String> {
        let sent =
            self.client.post(&self.url).header("content-type", "application/json").body(request.to_string());
        let answer = sent.send().await.map_err(|error| error.to_string())?;
        answer.text().await.map_err(|error| error.to_string())
    }

    /// Closes the port.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
