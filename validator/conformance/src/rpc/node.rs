//! The JSON-RPC of a node over a chain that grows only when it is told to.

use crate::chain_file;
use alloy_primitives::Address;
use ledger::{Block, CommittedBlock, Ledger};
use serde::Deserialize;
use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use validator::{
    ots_index::{self, IndexThread, OtsIndex},
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
    /// `node.json` is there and says nothing that makes sense.
    #[error("node.json: {0}; it may have coinbase and otsIndex, both may be left out")]
    Settings(String),
    /// The index of addresses does not open.
    #[error("{0}")]
    Index(String),
    /// The port does not open.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// A served chain.
pub struct Served {
    server: ServerHandle,
    client: reqwest::Client,
    url: String,
    ledger: Ledger,
    pool: Pool,
    heads: broadcast::Sender<Arc<CommittedBlock>>,
    next: Mutex<VecDeque<Block>>,
    index: Option<Indexing>,
    // Held as long as pool and index write there.
    _files: tempfile::TempDir,
}

/// What `node.json` beside the chain says of the node that serves it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Settings {
    /// The identity that it proposes blocks for.
    coinbase: Option<Address>,
    /// Whether it keeps the index from addresses to transactions.
    ots_index: bool,
}

struct Indexing {
    index: Arc<OtsIndex>,
    stop: CancellationToken,
    thread: IndexThread,
}

/// Nobody else is on this network.
struct Alone {
    coinbase: Option<Address>,
}

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
        self.coinbase
    }
}

/// Blocks that the index may be told of at once; it is waited for after each.
const HEADS: usize = 4;

/// Loads the chain of a directory and answers on a port of its own.
pub async fn start(dir: &Path) -> Result<Served, super::RpcTestError> {
    let (heads, _) = broadcast::channel(HEADS);
    let settings = Settings::read(dir)?;
    let ledger = chain_file::load(dir, |_| {})?;
    let next = chain_file::next(dir)?;
    let files = tempfile::tempdir().map_err(NodeError::Directory)?;
    let pool = Pool::open(&files.path().join("pool"), ledger.clone(), Limits::default());
    let pool = pool.map_err(|error| NodeError::Pool(error.to_string()))?;
    let index = if settings.ots_index {
        Some(Indexing::start(&files.path().join("ots.redb"), &ledger, &heads)?)
    } else {
        None
    };
    let options = RpcOptions {
        ports: vec![RpcPort {
            listen: "127.0.0.1:0".to_string(),
            namespaces: NAMESPACES.map(ToString::to_string).to_vec(),
            transports: Vec::new(),
            access: RpcAccess::default(),
            tls: None,
        }],
        limits: RpcLimits::default(),
        ledger: ledger.clone(),
        pool: pool.clone(),
        heads: heads.clone(),
        votes: PendingVotes::default(),
        node: Arc::new(Alone { coinbase: settings.coinbase }),
        ots: index.as_ref().map(|indexing| Arc::clone(&indexing.index)),
    };
    let server = serve(options).await.map_err(NodeError::Rpc)?;
    let url = format!("http://{}", server.local_addr());
    let (client, next) = (reqwest::Client::new(), Mutex::new(next));
    Ok(Served { server, client, url, ledger, pool, heads, next, index, _files: files })
}

impl Settings {
    fn read(dir: &Path) -> Result<Self, NodeError> {
        let bad = |error: String| NodeError::Settings(error);
        match std::fs::read_to_string(dir.join("node.json")) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| bad(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(bad(error.to_string())),
        }
    }
}

impl Indexing {
    fn start(
        file: &Path,
        ledger: &Ledger,
        heads: &broadcast::Sender<Arc<CommittedBlock>>,
    ) -> Result<Self, NodeError> {
        let bad = |error: String| NodeError::Index(error);
        let index = OtsIndex::open(file, ledger.genesis().hash).map_err(|error| bad(error.to_string()))?;
        let (index, stop) = (Arc::new(index), CancellationToken::new());
        let thread = ots_index::spawn(
            Arc::clone(&index),
            ledger.clone(),
            heads.subscribe(),
            &TaskTracker::new(),
            stop.clone(),
        );
        Ok(Self { index, stop, thread: thread.map_err(|error| bad(error.to_string()))? })
    }

    fn end(self) {
        self.stop.cancel();
        self.thread.join();
    }
}

impl Served {
    /// The answer to a request, as text.
    pub async fn post(&self, request: &str) -> Result<String, String> {
        let sent =
            self.client.post(&self.url).header("content-type", "application/json").body(request.to_string());
        let answer = sent.send().await.map_err(|error| error.to_string())?;
        answer.text().await.map_err(|error| error.to_string())
    }

    /// Commits the next block of `next.rlp` and tells pool, filters and subscribers, as a node does.
    pub fn grow(&self) -> Result<(), String> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let block = next.ok_or_else(|| format!("{} has no more blocks", chain_file::NEXT))?;
        let committed = chain_file::add(&self.ledger, chain_file::NEXT, block);
        let committed = committed.map_err(|error| error.to_string())?;
        self.pool.on_new_head(&committed).map_err(|error| error.to_string())?;
        // Nobody listening is fine.
        let _ = self.heads.send(committed);
        Ok(())
    }

    /// Closes the port.
    pub async fn stop(self) {
        self.server.stop().await;
        if let Some(index) = self.index {
            index.end();
        }
    }
}
