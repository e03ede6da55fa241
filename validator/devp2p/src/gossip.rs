//! Sending to many peers: encode and compress once, leave out who has it.

use crate::{
    Announced, Block, Notice, PeerId,
    eth::BlockRange,
    eth::message::{
        announced, encode_new_block, encode_new_block_hashes, encode_transaction_hashes, encode_transactions,
        id,
    },
    istanbul::{CONSENSUS_CODES, MAX_CONSENSUS_PAYLOAD},
    own,
    own::compact::{COMPACT, Compact},
    own::preview::{PREVIEW, Preview},
    peers::{peer::Peer, seen::consensus_hash},
    rlpx::compression::compress,
    shared::Shared,
};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use std::{
    cell::OnceCell,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tracing::warn;

/// Transactions in one message, at most (Besu).
const TRANSACTIONS_AT_ONCE: usize = 4096;
/// Bytes of transactions in one message, unless a single one is larger.
const TRANSACTION_BYTES_AT_ONCE: usize = 256 * 1024;

/// Blocks between two BlockRangeUpdates (EIP-7642 suggests an epoch); each of them was announced by itself too.
const RANGE_EVERY: u64 = 32;

/// Queues a consensus payload for every peer that has neither shown nor been sent it.
pub(crate) fn consensus(shared: &Shared, code: u8, payload: &Bytes, except: Option<PeerId>) {
    if !may_be_sent(code, payload) {
        return;
    }
    let hash = consensus_hash(code, payload);
    // Own payloads that come back are of no use to the owner.
    shared.delivered.lock().insert(hash);
    let audience = shared.audience.read().clone();
    let listens = |peer: &Peer| {
        Some(peer.id) != except
            && peer.capabilities.istanbul_base.is_some()
            && audience.includes(&peer.address)
    };
    let (short, full) = (OnceCell::new(), OnceCell::new());
    for peer in shared.table.all().iter().filter(|peer| listens(peer) && new_to(peer, hash)) {
        let is_ours = peer.capabilities.own_base.is_some();
        let short = is_ours.then(|| short.get_or_init(|| without_transactions(shared, code, hash, payload)));
        if let Some(Some(data)) = short {
            peer.send_own(COMPACT, data.clone());
        } else if let Some(data) = full.get_or_init(|| compressed(payload)) {
            peer.send_consensus(code, data.clone());
        }
    }
}

/// Queues a signed document for every peer of this program.
pub(crate) fn notice(shared: &Shared, notice: Notice, payload: &[u8], except: Option<PeerId>) {
    let Some(data) = notice_data(notice, payload) else { return };
    for peer in shared.table.all().iter().filter(|peer| Some(peer.id) != except) {
        peer.send_own(notice.id(), data.clone());
    }
}

/// The same for one peer.
pub(crate) fn notice_to(shared: &Shared, peer: &PeerId, notice: Notice, payload: &[u8]) {
    if let (Some(peer), Some(data)) = (shared.table.get(peer), notice_data(notice, payload)) {
        peer.send_own(notice.id(), data);
    }
}

fn notice_data(notice: Notice, payload: &[u8]) -> Option<Bytes> {
    if payload.len() > notice.max_bytes() {
        warn!(?notice, bytes = payload.len(), "notice is too long to be sent");
        return None;
    }
    compressed(payload)
}

/// Cuts a consensus payload ahead of its broadcast.
pub(crate) fn prepare(shared: &Shared, code: u8, payload: &Bytes) {
    let is_wanted = |peer: &Arc<Peer>| peer.capabilities.own_base.is_some();
    if shared.table.all().iter().any(is_wanted) {
        without_transactions(shared, code, consensus_hash(code, payload), payload);
    }
}

/// The message that names the transactions of a payload; who lacks some of them may ask from now on.
fn without_transactions(shared: &Shared, code: u8, hash: B256, payload: &Bytes) -> Option<Bytes> {
    if let Some(message) = shared.held.lock().message(&hash) {
        return Some(message);
    }
    let message = compressed(&alloy_rlp::encode(Compact::of(code, hash, payload)?))?;
    shared.held.lock().keep(hash, code, payload.clone(), message.clone());
    Some(message)
}

/// Queues what will be proposed for every peer of this program that gets the votes.
pub(crate) fn preview(shared: &Shared, preview: &Preview) {
    let Some(data) = compressed(&alloy_rlp::encode(preview)) else { return };
    let audience = shared.audience.read().clone();
    for peer in shared.table.all().iter().filter(|peer| audience.includes(&peer.address)) {
        peer.send_own(PREVIEW, data.clone());
    }
}

/// Queues a consensus payload for one peer.
pub(crate) fn consensus_to(shared: &Shared, to: &PeerId, code: u8, payload: &Bytes) -> bool {
    let (Some(peer), Some(data)) = (shared.table.get(to), consensus_data(code, payload)) else {
        return false;
    };
    if !shared.audience.read().includes(&peer.address) {
        return false;
    }
    let hash = consensus_hash(code, payload);
    shared.delivered.lock().insert(hash);
    new_to(&peer, hash);
    peer.send_consensus(code, data)
}

fn new_to(peer: &Peer, hash: B256) -> bool {
    peer.seen.lock().consensus.insert(hash)
}

fn consensus_data(code: u8, payload: &Bytes) -> Option<Bytes> {
    may_be_sent(code, payload).then(|| compressed(payload)).flatten()
}

fn may_be_sent(code: u8, payload: &Bytes) -> bool {
    let fits = CONSENSUS_CODES.contains(&code) && payload.len() <= MAX_CONSENSUS_PAYLOAD;
    if !fits {
        warn!(code, bytes = payload.len(), "consensus payload not sent: unknown code or too long");
    }
    fits
}

/// Queues a block for every peer that has not shown it: in full, or by hash and number for a peer of this program that
/// gets the votes and so has the block from its proposal, or asks for it.
pub(crate) fn block(shared: &Shared, block: &Block, total_difficulty: U256) {
    let Ok(hash) = chain::hash::block_hash(&block.header) else {
        warn!(number = block.header.number, "block not announced: its extraData is not QBFT's");
        return;
    };
    let (full, short) = (OnceCell::new(), OnceCell::new());
    let audience = shared.audience.read().clone();
    for peer in shared.table.all() {
        if !peer.seen.lock().blocks.insert(hash) {
            continue;
        }
        let votes = peer.capabilities.istanbul_base.is_some() && audience.includes(&peer.address);
        let (id, data) = if peer.is_ours && votes {
            let hashes = || compressed(&encode_new_block_hashes(&[(hash, block.header.number)]));
            (id::NEW_BLOCK_HASHES, short.get_or_init(hashes))
        } else {
            let whole = || compressed(&encode_new_block(block, total_difficulty));
            (id::NEW_BLOCK, full.get_or_init(whole))
        };
        if let Some(data) = data {
            peer.send_eth(id, data.clone());
        }
    }
}

/// Tells `eth/69` peers which blocks are here, every so many blocks.
pub(crate) fn range(shared: &Shared) {
    let chain = shared.reader.status();
    let told = shared.range_told.load(Relaxed);
    if chain.head_number < told.saturating_add(RANGE_EVERY) {
        return;
    }
    shared.range_told.store(chain.head_number, Relaxed);
    let range =
        BlockRange { earliest: chain.earliest, latest: chain.head_number, latest_hash: chain.head_hash };
    let Some(data) = compressed(&alloy_rlp::encode(range)) else { return };
    for peer in shared.table.all().iter().filter(|peer| peer.capabilities.eth.has_ranges()) {
        peer.send_eth(id::BLOCK_RANGE_UPDATE, data.clone());
    }
}

/// Queues transactions in full for consensus peers, with their senders for those of this program, and by hash for the
/// others.
pub(crate) fn transactions(shared: &Shared, transactions: &[Announced], except: Option<PeerId>) {
    let unseen = |peer: Arc<Peer>| {
        let mut seen = peer.seen.lock();
        let unseen: Vec<&Announced> =
            transactions.iter().filter(|one| seen.transactions.insert(one.hash)).collect();
        drop(seen);
        (peer, unseen)
    };
    let takes = |peer: &Arc<Peer>| Some(peer.id) != except && !peer.is_stranger();
    let peers = shared.table.all().into_iter().filter(takes).map(unseen);
    let peers: Vec<(Arc<Peer>, Vec<&Announced>)> = peers.filter(|(_, unseen)| !unseen.is_empty()).collect();
    // Most often no peer has any of them: that message is made once, and says who gets it.
    let is_for_all = |unseen: &[&Announced]| unseen.len() == transactions.len();
    let told = peers.iter().filter(|(peer, unseen)| peer.takes_transactions() && is_for_all(unseen));
    let told: Vec<PeerId> = told.map(|(peer, _)| peer.id).collect();
    let (full, signed) = (OnceCell::new(), OnceCell::new());
    for (peer, unseen) in &peers {
        let for_all = is_for_all(unseen);
        if peer.capabilities.own_base.is_some() {
            let told = if for_all { told.as_slice() } else { &[] };
            let made = || messages(unseen, |chunk| own::encode(told, chunk));
            let all = if for_all { signed.get_or_init(made) } else { &made() };
            send_all(all, |data| peer.send_own(own::SIGNED, data));
        } else if peer.capabilities.istanbul_base.is_some() {
            let made = || messages(unseen, |chunk| encode_transactions(chunk.iter().map(|one| &one.raw)));
            let all = if for_all { full.get_or_init(made) } else { &made() };
            send_all(all, |data| peer.send_eth(id::TRANSACTIONS, data));
        } else {
            announce_transactions(peer, unseen.iter().map(|one| (one.hash, &one.raw)).collect());
        }
    }
}

/// Announces transactions by hash, whatever a peer was sent before.
pub(crate) fn remind(shared: &Shared, raw: &[Bytes]) {
    let hashed: Vec<(B256, &Bytes)> = raw.iter().map(|raw| (keccak256(raw), raw)).collect();
    for peer in shared.table.all() {
        announce_transactions(&peer, hashed.clone());
    }
}

/// Until the peer takes no more.
fn send_all(messages: &[Bytes], send: impl Fn(Bytes) -> bool) {
    for data in messages {
        if !send(data.clone()) {
            return;
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers make the list for this call")]
fn announce_transactions(peer: &Arc<Peer>, transactions: Vec<(B256, &Bytes)>) {
    for chunk in transactions.chunks(TRANSACTIONS_AT_ONCE) {
        let entries: Vec<_> = chunk.iter().map(|(hash, raw)| (*hash, announced(raw))).collect();
        let entries: Vec<_> = entries.into_iter().map(|(hash, (kind, size))| (hash, kind, size)).collect();
        let Some(data) = compressed(&encode_transaction_hashes(peer.capabilities.eth, &entries)) else {
            continue;
        };
        if !peer.send_eth(id::TRANSACTION_HASHES, data) {
            return;
        }
    }
}

/// Compressed messages of bounded length.
fn messages(transactions: &[&Announced], encode: impl Fn(&[&Announced]) -> Vec<u8>) -> Vec<Bytes> {
    let mut messages = Vec::new();
    let mut rest = transactions;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |one: &&&Announced| {
            bytes += one.raw.len();
            bytes <= TRANSACTION_BYTES_AT_ONCE
        };
        let count = rest.iter().take(TRANSACTIONS_AT_ONCE).take_while(fits).count().max(1);
        let (chunk, others) = rest.split_at(count);
        messages.extend(compressed(&encode(chunk)));
        rest = others;
    }
    messages
}

fn compressed(data: &[u8]) -> Option<Bytes> {
    match compress(data) {
        Ok(data) => Some(data.into()),
        Err(error) => {
            warn!(%error, bytes = data.len(), "message not sent");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TRANSACTION_BYTES_AT_ONCE, TRANSACTIONS_AT_ONCE};
    use crate::{Announced, own};
    use alloy_primitives::{Address, B256};

    fn messages(lengths: impl IntoIterator<Item = usize>) -> usize {
        let one =
            |len: usize| Announced { raw: vec![2; len].into(), hash: B256::ZERO, sender: Address::ZERO };
        let all: Vec<_> = lengths.into_iter().map(one).collect();
        super::messages(&all.iter().collect::<Vec<_>>(), |chunk| own::encode(&[], chunk)).len()
    }

    #[test]
    fn transactions_are_split_by_count_and_by_bytes() {
        assert_eq!(messages([110; 3]), 1);
        assert_eq!(messages(vec![2; TRANSACTIONS_AT_ONCE + 1]), 2);
        assert_eq!(messages([TRANSACTION_BYTES_AT_ONCE, 1]), 2);
        assert_eq!(messages([TRANSACTION_BYTES_AT_ONCE + 1, 1]), 2, "one too large goes alone");
    }
}
