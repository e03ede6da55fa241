//! Answering a peer's questions, one at a time, on blocking threads.

use super::dispatch::NumberedQuery;
use crate::{
    ChainReader, DownReason,
    counters::Count,
    eth::{
        EthVersion,
        limits::{SERVE_BODIES, SERVE_POOLED, SERVE_RECEIPTS},
        message::{Query, encode_transaction_hashes, id},
        reply::ReplyBuilder,
    },
    peers::peer::Peer,
    rlpx::compression::compress,
    shared::Shared,
};
use alloy_primitives::{B256, Bytes};
use std::sync::Arc;
use tokio::{sync::mpsc, task::spawn_blocking};

/// The next answer is made when at most this much waits for the peer: it cannot make us hold many large answers.
const DRAINED: usize = 4 * 1024 * 1024;
/// Hashes in one announcement (EIP-5793).
const ANNOUNCED_AT_ONCE: usize = 4096;
/// Blocks read from the store at a time: an answer is full long before all asked for would have been read.
const BLOCKS_AT_ONCE: usize = 4;

/// Announces the pool, then answers until the session ends.
pub(crate) async fn serve(
    shared: &Shared,
    peer: &Peer,
    mut queries: mpsc::Receiver<NumberedQuery>,
) -> DownReason {
    let version = peer.capabilities.eth;
    let announcements = blocking(shared, move |reader| announce_pool(reader, version)).await;
    for data in announcements.unwrap_or_default() {
        peer.outbound.at_most(DRAINED).await;
        if !peer.send_eth(id::TRANSACTION_HASHES, data) {
            return DownReason::Slow;
        }
    }
    while let Some((request, query)) = queries.recv().await {
        peer.outbound.at_most(DRAINED).await;
        let answer = blocking(shared, move |reader| {
            let (id, data) = answer(reader, version, request, &query);
            compress(&data).ok().map(|data| (id, Bytes::from(data)))
        });
        let Some((id, data)) = answer.await.flatten() else {
            return DownReason::Breach("request whose answer cannot be made".to_owned());
        };
        if !peer.send_eth(id, data) {
            return DownReason::Slow;
        }
        shared.counters.add(Count::RequestsServed);
    }
    DownReason::Shutdown
}

/// Runs store access where it may wait; `None` when it panicked.
async fn blocking<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&dyn ChainReader) -> T + Send + 'static,
) -> Option<T> {
    let reader = Arc::clone(&shared.reader);
    spawn_blocking(move || work(&*reader)).await.ok()
}

fn announce_pool(reader: &dyn ChainReader, version: EthVersion) -> Vec<Bytes> {
    let hashes = reader.pooled_hashes();
    let messages = hashes.chunks(ANNOUNCED_AT_ONCE).map(|chunk| encode_transaction_hashes(version, chunk));
    messages.filter_map(|data| compress(&data).ok().map(Bytes::from)).collect()
}

fn answer(reader: &dyn ChainReader, version: EthVersion, request: u64, query: &Query) -> (u8, Vec<u8>) {
    match query {
        Query::Headers(query) => {
            let mut reply = ReplyBuilder::new(id::HEADERS);
            let headers = reader.headers(query.origin, query.amount, query.skip, query.reverse);
            headers.iter().take(query.amount).for_each(|header| reply.push(header));
            reply.finish(request)
        }
        Query::Bodies(hashes) => {
            let reply = in_chunks(id::BODIES, hashes, SERVE_BODIES, BLOCKS_AT_ONCE, |reply, hashes| {
                reader.bodies(hashes).iter().for_each(|body| reply.push(body));
            });
            reply.finish(request)
        }
        Query::Receipts(hashes) => {
            let reply = in_chunks(id::RECEIPTS, hashes, SERVE_RECEIPTS, BLOCKS_AT_ONCE, |reply, hashes| {
                reader.receipts(hashes).iter().for_each(|receipts| reply.push_receipts(version, receipts));
            });
            reply.finish(request)
        }
        Query::Pooled(hashes) => {
            let reply = in_chunks(id::POOLED, hashes, SERVE_POOLED, SERVE_POOLED, |reply, hashes| {
                reader.pooled(hashes).iter().for_each(|raw| reply.push_transaction(raw));
            });
            reply.finish(request)
        }
        Query::NodeData => ReplyBuilder::new(id::NODE_DATA).finish(request),
    }
}

fn in_chunks(
    id: u8,
    hashes: &[B256],
    most: usize,
    at_once: usize,
    mut add: impl FnMut(&mut ReplyBuilder, &[B256]),
) -> ReplyBuilder {
    let mut reply = ReplyBuilder::new(id);
    for chunk in hashes[..hashes.len().min(most)].chunks(at_once) {
        if reply.full() {
            break;
        }
        add(&mut reply, chunk);
    }
    reply
}
