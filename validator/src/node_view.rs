//! What RPC is told of the rest of the node.

use crate::{
    health::judged_head,
    import::Importer,
    metrics::Metrics,
    reseat,
    rpc::{NodeView, SyncProgress},
    sync::claim,
};
use alloy_primitives::Address;
use chain::reseat::RecoveryRecord;
use devp2p::Network;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Blocks behind its peers from which on a node says that it is syncing.
const LAG: u64 = 2;

/// Peers, progress and identity.
pub struct View {
    /// Peers and their claims.
    pub network: Network,
    /// Own head.
    pub importer: Arc<Importer>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The identity: of a spare, the one that it holds.
    pub identity: watch::Receiver<Option<Address>>,
    /// Head when the process started.
    pub starting: u64,
    /// The node's data.
    pub data_dir: PathBuf,
}

impl NodeView for View {
    fn peer_count(&self) -> usize {
        self.network.peers().len()
    }

    fn syncing(&self) -> Option<SyncProgress> {
        let current = self.importer.head().number;
        let highest = judged_head(self.network.peers().iter().map(|peer| claim(peer).head));
        let behind = current.saturating_add(LAG) < highest;
        behind.then_some(SyncProgress { starting: self.starting, current, highest })
    }

    fn client_version(&self) -> String {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        format!("quorate/v{}/{os}-{arch}/rust", env!("CARGO_PKG_VERSION"))
    }

    fn coinbase(&self) -> Option<Address> {
        *self.identity.borrow()
    }

    fn recover(&self, record: &RecoveryRecord) -> Result<(), String> {
        reseat::put(&self.data_dir, record).map(drop).map_err(|error| error.to_string())
    }

    fn count_call(&self, method: &'static str, ok: bool, took: Duration) {
        let outcome = if ok { "ok" } else { "error" };
        self.metrics.rpc_requests.get_or_create(&[("method", method), ("outcome", outcome)]).inc();
        self.metrics.rpc_seconds.get_or_create(&[("method", method)]).observe(took.as_secs_f64());
    }
}
