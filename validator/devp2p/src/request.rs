//! Asking peers: at most five requests outstanding per peer, five seconds each.

use crate::{
    BlockBody, BlockId, DownReason, PeerId,
    counters::Count,
    eth::{
        HeadersQuery, Reply,
        limits::{ASK_BODIES, ASK_HEADERS, ASK_POOLED, ASK_RECEIPTS},
        message::Query,
    },
    shared::Shared,
};
use alloy_consensus::{Header, ReceiptEnvelope};
use alloy_primitives::{B256, Bytes};
use std::time::Duration;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No such peer now.
    #[error("peer is not connected; ask another one")]
    NotConnected,
    /// The connection ended before the answer.
    #[error("peer disconnected before it answered; ask another one")]
    Closed,
    /// No answer in time.
    #[error("no answer within {} s; ask another peer", .after.as_secs())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// Its outbound queue is full; the peer is being dropped.
    #[error("peer does not take messages; ask another one")]
    Slow,
    /// More items than were asked for; the peer is being dropped.
    #[error("peer answered with {got} items where at most {asked} were asked for")]
    TooMany {
        /// Items received.
        got: usize,
        /// Items asked for.
        asked: usize,
    },
}

/// Asks for headers from `origin` upward.
pub(crate) async fn headers(
    shared: &Shared,
    peer: PeerId,
    origin: BlockId,
    amount: u64,
) -> Result<Vec<Header>, RequestError> {
    let amount = usize::try_from(amount).unwrap_or(ASK_HEADERS).min(ASK_HEADERS);
    let query = Query::Headers(HeadersQuery { origin, amount, skip: 0, reverse: false });
    match ask(shared, peer, amount, query).await? {
        Reply::Headers(headers) => Ok(headers),
        _ => Err(RequestError::Closed),
    }
}

/// Asks for bodies.
pub(crate) async fn bodies(
    shared: &Shared,
    peer: PeerId,
    mut hashes: Vec<B256>,
) -> Result<Vec<BlockBody>, RequestError> {
    hashes.truncate(ASK_BODIES);
    match ask(shared, peer, hashes.len(), Query::Bodies(hashes)).await? {
        Reply::Bodies(bodies) => Ok(bodies),
        _ => Err(RequestError::Closed),
    }
}

/// Asks for receipts.
pub(crate) async fn receipts(
    shared: &Shared,
    peer: PeerId,
    mut hashes: Vec<B256>,
) -> Result<Vec<Vec<ReceiptEnvelope>>, RequestError> {
    hashes.truncate(ASK_RECEIPTS);
    match ask(shared, peer, hashes.len(), Query::Receipts(hashes)).await? {
        Reply::Receipts(receipts) => Ok(receipts),
        _ => Err(RequestError::Closed),
    }
}

/// Asks for pooled transactions.
pub(crate) async fn pooled(
    shared: &Shared,
    peer: PeerId,
    mut hashes: Vec<B256>,
) -> Result<Vec<Bytes>, RequestError> {
    hashes.truncate(ASK_POOLED);
    match ask(shared, peer, hashes.len(), Query::Pooled(hashes)).await? {
        Reply::Pooled(raw) => Ok(raw),
        _ => Err(RequestError::Closed),
    }
}

async fn ask(shared: &Shared, id: PeerId, asked: usize, query: Query) -> Result<Reply, RequestError> {
    let peer = shared.table.get(&id).ok_or(RequestError::NotConnected)?;
    let reply = peer.ask(&query).await.inspect_err(|error| {
        if matches!(error, RequestError::Timeout { .. }) {
            shared.counters.add(Count::RequestTimeout);
        }
    })?;
    let got = reply.len();
    if got > asked {
        peer.stop(DownReason::Breach(format!("answered with {got} items where {asked} were asked for")));
        return Err(RequestError::TooMany { got, asked });
    }
    Ok(reply)
}
