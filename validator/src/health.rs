//! `/livez`, `/readyz`, `/metrics` and `/status` on one port.

mod document;
mod judge;
mod port;

pub use judge::{Standing, is_silent, judged_head, live_seats, readiness};

use crate::{
    announce::Carriers, clock::unix_ms, driver::DriverHandle, faults::Faults, import::Importer,
    lease::LeaseHandle, metrics::Metrics, pool::Pool, room::Disk, seat_proof::SeatProofWatch, signer::Signer,
};
use alloy_primitives::{B256, B512};
use axum::{Json, Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, routing::get};
use chain::status::NodeStatus;
use devp2p::Network;
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The driver's loop turns twice a second; a process whose loop stood so long is beyond recovery. A chain that makes
/// no blocks is no reason: its nodes live.
const LIVE_MS: u64 = 30_000;

/// What the endpoints read from.
pub struct Health {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Public part of the p2p key.
    pub node_id: B512,
    /// Unix milliseconds of the process start.
    pub started_ms: u64,
    /// Head.
    pub importer: Arc<Importer>,
    /// Peers.
    pub network: Network,
    /// Transactions.
    pub pool: Pool,
    /// Consensus.
    pub driver: DriverHandle,
    /// Which node carries which seat.
    pub carriers: watch::Receiver<Carriers>,
    /// What this node may vote with.
    pub identities: Vec<Votable>,
    /// Newest seat proof.
    pub seat_proof: SeatProofWatch,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Faults.
    pub faults: Faults,
    /// Disk of the data directory.
    pub disk: Disk,
}

/// An identity that this node has, or stands by for.
pub struct Votable {
    /// Signs for it.
    pub signer: Arc<dyn Signer>,
    /// Which node votes, where it can move.
    pub lease: Option<LeaseHandle>,
    /// Whether it is this node's own.
    pub is_own: bool,
    /// Whether its journal was there when the node started, or need not have been: one in place of a lost one knows of no votes.
    pub has_journal: bool,
}

/// Why health cannot be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen for health and metrics on {address}: {source}; free the port or change metrics.listen"
)]
pub struct ListenError {
    /// Wanted.
    pub address: SocketAddr,
    /// Reason.
    pub source: std::io::Error,
}

/// Takes the port; serving starts with [`serve`].
pub async fn listen(address: SocketAddr) -> Result<tokio::net::TcpListener, ListenError> {
    tokio::net::TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
}

/// Serves until told to stop.
pub async fn serve(health: Arc<Health>, listener: tokio::net::TcpListener, stop: CancellationToken) {
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .with_state(health);
    let served =
        axum::serve(port::Port::new(listener), router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "health endpoints ended");
    }
}

async fn livez(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    let silent_ms = unix_ms().saturating_sub(health.driver.heartbeat.load(Ordering::Acquire));
    if silent_ms < LIVE_MS {
        (StatusCode::OK, "ok\n".to_string())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("driver has not turned for {silent_ms} ms\n"))
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    match readiness(&health.standing()) {
        Ok(()) => (StatusCode::OK, "ok\n".to_string()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(
    State(health): State<Arc<Health>>,
) -> Result<([(axum::http::HeaderName, &'static str); 1], String), StatusCode> {
    health.refresh_gauges();
    let text = health.metrics.render().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

async fn status(State(health): State<Arc<Health>>) -> Json<NodeStatus> {
    Json(health.document())
}
