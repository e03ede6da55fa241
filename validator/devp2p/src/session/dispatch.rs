//! What to do with each message of a peer.

use super::{compact, keepalive};
use crate::{
    DisconnectReason, DownReason, Event, Notice,
    counters::Count,
    eth::{self, BlockRange, message::Query},
    event::Weighed,
    istanbul::CONSENSUS_CODES,
    own::{self, preview},
    peers::{peer::Peer, pending::Settled, seen::consensus_hash},
    rlpx::{capability::Protocol, connection::Message, message_id},
    shared::{EVENT_KIB, Shared},
};
use alloy_primitives::{B256, Bytes, keccak256};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Questions of a peer that may wait for their answers.
pub(crate) const MAX_QUERIES: usize = 32;

/// A question and its id.
pub(crate) type NumberedQuery = (u64, Query);

/// Handles one message; an error ends the session.
pub(crate) async fn dispatch(
    shared: &Shared,
    peer: &Peer,
    queries: &mpsc::Sender<NumberedQuery>,
    message: Message,
) -> Result<(), DownReason> {
    match peer.capabilities.protocol(message.id) {
        protocol if is_members_only(protocol) && peer.is_stranger() => {
            shared.counters.add(Count::StrangerIgnored);
            Ok(())
        }
        Protocol::Base(message_id::PING) => {
            peer.activity.pinged();
            if keepalive::send(peer, message_id::PONG) { Ok(()) } else { Err(DownReason::Slow) }
        }
        Protocol::Base(message_id::PONG) => {
            peer.activity.ponged();
            Ok(())
        }
        Protocol::Base(message_id::DISCONNECT) => {
            Err(DownReason::Remote(DisconnectReason::decode(&message.data)))
        }
        Protocol::Base(id) | Protocol::Unknown(id) => {
            Err(DownReason::Breach(format!("message id {id:#04x} belongs to no shared protocol")))
        }
        Protocol::Istanbul(code) if CONSENSUS_CODES.contains(&code) => {
            consensus(shared, peer, code, message.data).await
        }
        Protocol::Own(own::SIGNED) => {
            let mut signed = own::decode(&message.data)
                .map_err(|error| DownReason::Breach(format!("transactions with senders: {error}")))?;
            keep_open(shared, peer, &mut signed.transactions, |(raw, _)| raw);
            if signed.transactions.is_empty() {
                return Ok(());
            }
            let hashes: Vec<B256> = signed.transactions.iter().map(|(raw, _)| keccak256(raw)).collect();
            for other in shared.table.all().iter().filter(|other| signed.was_sent_to(&other.id)) {
                saw_transactions(other, hashes.iter().copied());
            }
            saw_transactions(peer, hashes);
            let event = Event::SignedTransactions { from: peer.id, transactions: signed.transactions };
            room(shared, peer, message.data.len()).await?.send(event);
            Ok(())
        }
        Protocol::Own(preview::PREVIEW) => {
            let preview = preview::Preview::read(&message.data)
                .map_err(|error| DownReason::Breach(format!("preview: {error}")))?;
            room(shared, peer, message.data.len()).await?.send(Event::Preview { from: peer.id, preview });
            Ok(())
        }
        Protocol::Own(id) => match Notice::by_id(id) {
            Some(notice) => noticed(shared, peer, notice, message.data).await,
            None => compact::message(shared, peer, id, &message.data).await,
        },
        // 0x11 and others belong to protocols before QBFT, or to later versions of ours: of no use, and no harm.
        Protocol::Istanbul(_) => Ok(()),
        Protocol::Eth(id) => {
            let bytes = message.data.len();
            let message = eth::Message::decode(peer.capabilities.eth, id, &message.data)
                .map_err(|error| DownReason::Breach(format!("eth message {id:#04x}: {error}")))?;
            eth_message(shared, peer, queries, message, bytes).await
        }
    }
}

async fn noticed(shared: &Shared, peer: &Peer, notice: Notice, payload: Bytes) -> Result<(), DownReason> {
    let (got, most) = (payload.len(), notice.max_bytes());
    if got > most {
        return Err(DownReason::Breach(format!("notice of {got} bytes, at most {most} are allowed")));
    }
    if !peer.may_notify() {
        shared.counters.add(Count::NoticeDropped);
        return Ok(());
    }
    room(shared, peer, got).await?.send(Event::Notice { from: peer.id, notice, payload });
    Ok(())
}

/// What a read-only peer may not send: what is kept or run before anything about it is proven.
const fn is_members_only(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Own(id) => id == preview::PREVIEW,
        Protocol::Eth(id) => id == eth::message::id::TRANSACTION_HASHES,
        Protocol::Base(_) | Protocol::Istanbul(_) | Protocol::Unknown(_) => false,
    }
}

/// Leaves of a stranger's transactions those that may come from anybody.
fn keep_open<T>(shared: &Shared, peer: &Peer, all: &mut Vec<T>, raw: impl Fn(&T) -> &Bytes) {
    if !peer.is_stranger() {
        return;
    }
    let before = all.len();
    all.retain(|one| shared.table.takes_of_strangers(raw(one)));
    if all.len() < before {
        shared.counters.add(Count::StrangerIgnored);
    }
}

async fn consensus(shared: &Shared, peer: &Peer, code: u8, payload: Bytes) -> Result<(), DownReason> {
    let hash = consensus_hash(code, &payload);
    peer.seen.lock().consensus.insert(hash);
    deliver(shared, peer, code, payload, hash).await
}

/// Gives the owner a payload, unless it has it.
pub(crate) async fn deliver(
    shared: &Shared,
    peer: &Peer,
    code: u8,
    payload: Bytes,
    hash: B256,
) -> Result<(), DownReason> {
    // The place is taken first: a payload marked as delivered must not be lost if this session ends while it waits.
    let place = room(shared, peer, payload.len()).await?;
    if shared.delivered.lock().insert(hash) {
        shared.counters.add(Count::ConsensusDelivered);
        place.send(Event::Consensus { from: peer.id, code, payload });
    } else {
        shared.counters.add(Count::ConsensusDuplicate);
    }
    Ok(())
}

async fn eth_message(
    shared: &Shared,
    peer: &Peer,
    queries: &mpsc::Sender<NumberedQuery>,
    message: eth::Message,
    bytes: usize,
) -> Result<(), DownReason> {
    let from = peer.id;
    let event = match message {
        eth::Message::Query(id, query) => {
            return queries
                .try_send((id, query))
                .map_err(|_| DownReason::Breach(format!("more than {MAX_QUERIES} requests at once")));
        }
        eth::Message::Reply(id, reply) => return settle(shared, peer, id, reply),
        eth::Message::NewBlockHashes(hashes) => {
            let most = shared.believable(peer);
            for (hash, number) in &hashes {
                peer.has_block(*hash, *number, most);
            }
            Event::NewBlockHashes { from, hashes }
        }
        eth::Message::NewBlock(block, total_difficulty) => {
            let hash = chain::hash::block_hash(&block.header)
                .map_err(|error| DownReason::Breach(format!("extraData of a new block: {error}")))?;
            peer.has_block(hash, block.header.number, shared.believable(peer));
            Event::NewBlock { from, block, total_difficulty }
        }
        eth::Message::BlockRangeUpdate(BlockRange { earliest, latest, latest_hash }) => {
            peer.info.lock().earliest = earliest;
            peer.has_block(latest_hash, latest, shared.believable(peer));
            Event::NewBlockHashes { from, hashes: vec![(latest_hash, latest)] }
        }
        eth::Message::Transactions(mut raw) => {
            keep_open(shared, peer, &mut raw, |raw| raw);
            if raw.is_empty() {
                return Ok(());
            }
            let hashes: Vec<B256> = raw.iter().map(keccak256).collect();
            saw_transactions(peer, hashes);
            Event::Transactions { from, raw }
        }
        eth::Message::TransactionHashes(hashes) => {
            saw_transactions(peer, hashes.iter().map(|(hash, ..)| *hash));
            Event::TransactionHashes { from, hashes }
        }
    };
    room(shared, peer, bytes).await?.send(event);
    Ok(())
}

fn saw_transactions(peer: &Peer, hashes: impl IntoIterator<Item = B256>) {
    let mut seen = peer.seen.lock();
    for hash in hashes {
        seen.transactions.insert(hash);
    }
}

fn settle(shared: &Shared, peer: &Peer, id: u64, reply: eth::Reply) -> Result<(), DownReason> {
    if let eth::Reply::Headers(headers) = &reply {
        let highest = headers.iter().max_by_key(|header| header.number);
        if let Some((header, hash)) = highest.and_then(|h| Some((h, chain::hash::block_hash(h).ok()?))) {
            peer.has_block(hash, header.number, shared.believable(peer));
        }
    }
    match peer.pending.settle(id, reply) {
        Settled::Delivered => Ok(()),
        Settled::Late => {
            shared.counters.add(Count::LateReply);
            Ok(())
        }
        Settled::Unsolicited => {
            Err(DownReason::Breach(format!("answer {id} to a request that was never made")))
        }
        Settled::WrongKind => Err(DownReason::Breach(format!("answer {id} is not of the kind asked for"))),
    }
}

/// A place in the owner's queue, and the bytes that the event takes of the budget.
struct Place<'a> {
    place: mpsc::Permit<'a, Weighed>,
    weight: OwnedSemaphorePermit,
}

impl Place<'_> {
    fn send(self, event: Event) {
        self.place.send(Weighed::new(event, self.weight));
    }
}

/// Waits for a place for so many bytes. Meanwhile nothing is read from this peer.
async fn room<'a>(shared: &'a Shared, peer: &Peer, bytes: usize) -> Result<Place<'a>, DownReason> {
    peer.activity.owner_busy(true);
    let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(EVENT_KIB);
    let place = async {
        let weight = Arc::clone(&shared.event_kib).acquire_many_owned(kib).await.ok()?;
        Some(Place { place: shared.events.reserve().await.ok()?, weight })
    };
    let place = place.await;
    peer.activity.owner_busy(false);
    place.ok_or(DownReason::Shutdown)
}
