//! Payloads that come without their transactions: put together from the pool; what is missing is asked for once.
//!
//! Nothing waits for an answer: a payload that does not come is sent again in full, or by another peer, as any that got lost.

use super::dispatch::deliver;
use crate::{
    DownReason,
    counters::Count,
    own::{
        compact::{
            COMPACT, Compact, GIVEN, MAX_WANTED, Partial, Unlike, WANTED, decode_given, decode_wanted,
            encode_given, encode_wanted,
        },
        held::Answer,
    },
    peers::peer::Peer,
    rlpx::compression::compress,
    shared::Shared,
};
use alloy_primitives::{B256, Bytes};
use std::{fmt::Display, sync::Arc};

/// Payloads of one peer that turn out to be unlike what it announced, before it is dropped; each cost a look at the pool.
const UNLIKE: u32 = 8;

fn breach(error: impl Display) -> DownReason {
    DownReason::Breach(format!("compact payload: {error}"))
}

/// Handles one of the three messages.
pub(crate) async fn message(shared: &Shared, peer: &Peer, id: u8, data: &[u8]) -> Result<(), DownReason> {
    match id {
        COMPACT => offered(shared, peer, Compact::decode(data).map_err(breach)?).await,
        WANTED => {
            let (hash, places) = decode_wanted(data).map_err(breach)?;
            answer(shared, peer, hash, &places);
            Ok(())
        }
        GIVEN => {
            let (hash, transactions) = decode_given(data).map_err(breach)?;
            given(shared, peer, hash, transactions).await
        }
        _ => Ok(()),
    }
}

/// A payload is put together from the pool, or what is missing is asked for.
async fn offered(shared: &Shared, peer: &Peer, compact: Compact) -> Result<(), DownReason> {
    let hash = compact.hash;
    peer.seen.lock().consensus.insert(hash);
    if shared.delivered.lock().contains(&hash) {
        shared.counters.add(Count::ConsensusDuplicate);
        return Ok(());
    }
    if !peer.may_search() {
        ask(shared, peer, hash, &[]);
        return Ok(());
    }
    let reader = Arc::clone(&shared.reader);
    let search = move || {
        let mut partial = Partial::new(compact);
        partial.search(|each| reader.each_pooled(each));
        let missing = partial.missing();
        let whole = missing.is_empty().then(|| partial.payload());
        (partial, missing, whole)
    };
    let Ok((partial, missing, whole)) = tokio::task::spawn_blocking(search).await else { return Ok(()) };
    match whole {
        Some(whole) => finish(shared, peer, hash, whole).await,
        None if missing.len() > MAX_WANTED => {
            ask(shared, peer, hash, &[]);
            Ok(())
        }
        None => {
            shared.counters.add_many(Count::CompactMissing, missing.len() as u64);
            *peer.partial.lock() = Some(partial);
            ask(shared, peer, hash, &missing);
            Ok(())
        }
    }
}

/// The missing ones have come, if they are of the payload that was asked about last.
async fn given(shared: &Shared, peer: &Peer, hash: B256, transactions: Vec<Bytes>) -> Result<(), DownReason> {
    let Some(mut partial) = peer.partial.lock().take_if(|partial| partial.hash() == hash) else {
        return Ok(());
    };
    if shared.delivered.lock().contains(&hash) {
        return Ok(());
    }
    let join = move || {
        partial.fill(transactions);
        partial.payload()
    };
    match tokio::task::spawn_blocking(join).await {
        Ok(whole) => finish(shared, peer, hash, whole).await,
        Err(_) => Ok(()),
    }
}

async fn finish(
    shared: &Shared,
    peer: &Peer,
    hash: B256,
    whole: Result<(u8, Bytes), Unlike>,
) -> Result<(), DownReason> {
    match whole {
        Ok((code, payload)) => {
            shared.counters.add(Count::CompactJoined);
            deliver(shared, peer, code, payload, hash).await
        }
        Err(unlike) if peer.counts_unlike() > UNLIKE => Err(breach(unlike)),
        Err(_) => {
            ask(shared, peer, hash, &[]);
            Ok(())
        }
    }
}

/// Asks for transactions, or for the whole payload.
fn ask(shared: &Shared, peer: &Peer, hash: B256, places: &[u32]) {
    if places.is_empty() {
        shared.counters.add(Count::CompactWhole);
    }
    send(peer, WANTED, &encode_wanted(hash, places));
}

fn answer(shared: &Shared, peer: &Peer, hash: B256, places: &[u32]) {
    let answer = shared.held.lock().answer(peer.id, &hash, places);
    match answer {
        Some(Answer::Given(transactions)) => send(peer, GIVEN, &encode_given(hash, &transactions)),
        Some(Answer::Whole(code, payload)) => {
            if let Ok(data) = compress(&payload) {
                peer.send_consensus(code, data.into());
            }
        }
        None => {}
    }
}

fn send(peer: &Peer, id: u8, data: &[u8]) {
    if let Ok(data) = compress(data) {
        peer.send_own(id, data.into());
    }
}
