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
mod calls;
mod context;
mod debug;
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
mod txpool;
mod validators;
mod web3;

pub use chain::config::RpcLimits;
pub use server::ServerHandle;

use crate::{pool::Pool, votes::PendingVotes};
use alloy_primitives::Address;
use ledger::{CommittedBlock, Ledger};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::broadcast;

/// Namespaces that a configuration may name.
pub const NAMESPACES: [&str; 9] =
    ["debug", "eth", "istanbul", "net", "ots", "qbft", "quorate", "txpool", "web3"];

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
    /// Address to listen on; port 0 takes any.
    pub listen: SocketAddr,
    /// Namespaces answered, of [`NAMESPACES`].
    pub namespaces: Vec<String>,
    /// Bounds.
    pub limits: RpcLimits,
    /// The chain.
    pub ledger: Ledger,
    /// Waiting transactions.
    pub pool: Pool,
    /// Every block, sent after `Ledger::commit` returned: durable and readable. Not a receiver: one that nobody reads would
    /// keep blocks in memory.
    pub heads: broadcast::Sender<Arc<CommittedBlock>>,
    /// Validators that the operator wants in or out; the driver puts them into blocks.
    pub votes: PendingVotes,
    /// The rest of the node.
    pub node: Arc<dyn NodeView>,
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
    /// The port is taken or the address is not ours.
    #[error("rpc cannot listen on {listen}: {source}; choose another rpc.listen, or stop who listens there")]
    Listen {
        /// As configured.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
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

/// Starts answering; returns once the port is open.
pub async fn serve(options: RpcOptions) -> Result<ServerHandle, RpcError> {
    check_namespaces(&options.namespaces)?;
    let (listen, limits) = (options.listen, options.limits);
    let namespaces: Vec<&'static str> = NAMESPACES
        .into_iter()
        .filter(|name| options.namespaces.iter().any(|wanted| wanted == name))
        .collect();
    let context = Arc::new(context::Context::new(options, namespaces));
    let methods = dispatch::Methods::new(context)?;
    server::start(listen, limits, methods).await
}
