//! JSON-RPC over HTTP and WebSocket on one port.
//!
//! ```text
//! TCP ─► server (connections, time, memory) ─► calls (shape, envelope, batches) ─► dispatch ─► one fn per method
//!                                                                                     ├─ pool (submit, async)
//!                                                                                     └─ ledger (blocking threads)
//! ```
//! Texts and codes of errors are go-ethereum's, because client libraries match them; which fields are present, and
//! which are null, is fixed by the structs in [`mod@format`].

mod args;
mod block_id;
mod budget;
mod calls;
mod context;
mod debug;
mod discover;
mod dispatch;
mod error;
mod eth;
mod filters;
pub mod format;
mod istanbul;
mod memory;
mod message;
mod net;
mod ots;
mod push;
mod qbft;
mod quorate;
mod raw;
mod revert;
mod server;
mod threads;
mod txpool;
mod validators;
mod web3;

pub use chain::config::{RPC_NAMESPACES as NAMESPACES, RpcAccess, RpcLimits, RpcPort, RpcTls, RpcTransport};
pub use server::{FileError, ServerHandle};
pub use threads::serve_apart;

use crate::{ots_index::OtsIndex, pool::Pool, votes::PendingVotes};
use alloy_primitives::Address;
use chain::{config::RpcConfig, reseat::RecoveryRecord};
use ledger::{CommittedBlock, Ledger};
use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::broadcast;

/// How often it is looked for filters that nobody polls.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// What RPC asks of the rest of the node; every answer is immediate.
pub trait NodeView: Send + Sync + 'static {
    /// Connected peers.
    fn peer_count(&self) -> usize;
    /// Progress while the node is behind its peers; `None` once caught up.
    fn syncing(&self) -> Option<SyncProgress>;
    /// `name/version/os/compiler`.
    fn client_version(&self) -> String;
    /// The identity that the node proposes blocks for, if it has one.
    fn coinbase(&self) -> Option<Address>;
    /// Puts a recovery record that was found good where the node takes it up; why not, if that fails.
    fn recover(&self, _record: &RecoveryRecord) -> Result<(), String> {
        Err("this node takes no recovery records".to_string())
    }
    /// Takes note of a call that was answered, with a result or with an error, and of the time from its arguments to that.
    fn count_call(&self, _method: &'static str, _ok: bool, _took: Duration) {}
}

/// Where a node that is behind stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncProgress {
    /// Height when catching up began.
    pub starting: u64,
    /// Height now.
    pub current: u64,
    /// Highest height that a peer claims.
    pub highest: u64,
}

/// What [`serve`] needs.
pub struct RpcOptions {
    /// Ports with their namespaces, of [`NAMESPACES`]; number 0 takes any that is free.
    pub ports: Vec<RpcPort>,
    /// Bounds, of all ports together.
    pub limits: RpcLimits,
    /// The chain.
    pub ledger: Ledger,
    /// Waiting transactions.
    pub pool: Pool,
    /// Every block, sent after `Ledger::commit` returned: decided and readable. Not a receiver: one that nobody reads would
    /// keep blocks in memory.
    pub heads: broadcast::Sender<Arc<CommittedBlock>>,
    /// Validators that the operator wants in or out; the driver puts them into blocks.
    pub votes: PendingVotes,
    /// The rest of the node.
    pub node: Arc<dyn NodeView>,
    /// From addresses to transactions, if that is kept.
    pub ots: Option<Arc<OtsIndex>>,
}

/// Why RPC cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// A name that is none of ours.
    #[error("rpc.namespaces names {got:?}, allowed are {}", NAMESPACES.join(", "))]
    Namespace {
        /// As configured.
        got: String,
    },
    /// Not an address to listen on.
    #[error("rpc.listen is {got:?}, expected an IP address and a port such as 0.0.0.0:8545")]
    Address {
        /// As configured.
        got: String,
    },
    /// A file of keys or certificates.
    #[error("rpc: {0}")]
    File(#[from] FileError),
    /// The port is taken or the address is not ours.
    #[error("rpc cannot listen on {listen}: {source}; choose another rpc.listen, or stop who listens there")]
    Listen {
        /// As configured.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No threads.
    #[error("rpc cannot start its threads: {0}")]
    Threads(std::io::Error),
    /// The OpenRPC document; a mistake in this program.
    #[error("rpc.discover: {0}")]
    Document(serde_json::Error),
    /// Two methods of one name; a mistake in this program.
    #[error("rpc method registered twice: {0}")]
    Method(#[from] jsonrpsee::core::RegisterMethodError),
}

/// Checks configured namespaces without starting anything.
pub fn check_namespaces(namespaces: &[String]) -> Result<(), RpcError> {
    match namespaces.iter().find(|name| !NAMESPACES.contains(&name.as_str())) {
        Some(got) => Err(RpcError::Namespace { got: got.clone() }),
        None => Ok(()),
    }
}

/// Checks a configuration, files included, without starting anything.
pub fn check(config: &RpcConfig) -> Result<(), RpcError> {
    config.all_ports().iter().try_for_each(|port| server::Rules::open(port).map(drop))
}

/// Starts answering; returns once the ports are open.
pub async fn serve(options: RpcOptions) -> Result<ServerHandle, RpcError> {
    let (ports, limits) = (options.ports.clone(), options.limits);
    let context = Arc::new(context::Context::new(options));
    tokio::spawn(tidy(Arc::downgrade(&context)));
    let mut opened = Vec::new();
    for port in &ports {
        let rules = server::Rules::open(port)?;
        let methods = dispatch::Methods::new(Arc::clone(&context), &port.namespaces, rules.pushes())?;
        opened.push((rules, methods));
    }
    server::start(limits, opened).await
}

/// Forgets what clients left behind, as long as anybody is served.
async fn tidy(context: Weak<context::Context>) {
    let mut rounds = tokio::time::interval(TIDY_EVERY);
    loop {
        rounds.tick().await;
        let Some(context) = context.upgrade() else { return };
        context.filters.tidy();
    }
}
