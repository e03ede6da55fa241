//! Bodies for linked headers: empty ones are known, the others are asked for in parts, several at a time and from every
//! peer that has them.

use super::{Failure, headers::Linked};
use crate::import::Fetched;
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_primitives::B256;
use devp2p::{Network, PeerId};
use futures::{StreamExt as _, stream};
use ledger::{Block, BlockBody, SEGMENT_BLOCKS};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// Requests for bodies that are open at once.
const REQUESTS: usize = 4;
/// Bodies asked for in one request at most, and in the first ones.
const MOST: usize = 128;
const FIRST: usize = 8;
/// What an answer should hold, bytes; peers stop at about twice that.
const ANSWER: usize = 1024 * 1024;
/// Bytes of bodies in one segment, about; a single block always fits.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// Blocks that follow each other, and who lent which bodies.
#[derive(Default)]
pub(super) struct Segment {
    pub(super) blocks: Vec<Fetched>,
    /// Heights of bodies that came from another peer than the headers.
    pub(super) lenders: Vec<(u64, PeerId)>,
    bytes: usize,
}

impl Segment {
    /// Who is to blame for the body of a block, if it is not the peer of the headers.
    pub(super) fn lender(lenders: &[(u64, PeerId)], number: u64) -> Option<PeerId> {
        lenders.iter().find(|(lent, _)| *lent == number).map(|(_, peer)| *peer)
    }

    fn is_full(&self) -> bool {
        self.blocks.len() >= SEGMENT_BLOCKS || self.bytes >= SEGMENT_BYTES
    }

    fn add(&mut self, part: Part) {
        for block in part.blocks {
            if let Some(lender) = part.lender.filter(|_| !is_empty(&block.1.header)) {
                self.lenders.push((block.1.header.number, lender));
            }
            self.blocks.push(block);
        }
        self.bytes += part.bytes;
    }
}

/// Blocks of one request, or without one.
struct Part {
    blocks: Vec<Fetched>,
    lender: Option<PeerId>,
    bytes: usize,
}

/// Where bodies come from: first the peer of the headers, then others that have them.
pub(super) struct Sources<'a> {
    pub(super) network: &'a Network,
    pub(super) main: PeerId,
    pub(super) others: Vec<PeerId>,
    /// Others that did not answer, and so are not asked again.
    pub(super) silent: &'a Mutex<Vec<PeerId>>,
}

/// Makes segments of the headers that come in, in order.
pub(super) async fn download(
    sources: &Sources<'_>,
    headers: mpsc::Receiver<Vec<Linked>>,
    segments: mpsc::Sender<Segment>,
) -> Result<(), Failure> {
    let per_request = AtomicUsize::new(FIRST);
    let batches = stream::unfold(headers, |mut headers| async { Some((headers.recv().await?, headers)) });
    let parts = batches.flat_map(|batch| stream::iter(parts(batch, per_request.load(Ordering::Relaxed))));
    let fetched = parts.enumerate().map(|(turn, part)| sources.fetch(turn, part, &per_request));
    let mut fetched = std::pin::pin!(fetched.buffered(REQUESTS));
    let mut segment = Segment::default();
    while let Some(part) = fetched.next().await {
        segment.add(part?);
        if segment.is_full() && segments.send(std::mem::take(&mut segment)).await.is_err() {
            return Ok(());
        }
    }
    if !segment.blocks.is_empty() {
        let _ = segments.send(segment).await;
    }
    Ok(())
}

impl Sources<'_> {
    async fn fetch(
        &self,
        turn: usize,
        part: Vec<Linked>,
        per_request: &AtomicUsize,
    ) -> Result<Part, Failure> {
        let wanted: Vec<B256> = part.iter().filter(|(_, h)| !is_empty(h)).map(|(hash, _)| *hash).collect();
        let (bodies, lender) = self.bodies_of(turn, wanted).await?;
        let bytes: usize = bodies.iter().map(alloy_rlp::Encodable::length).sum();
        if let Some(average) = bytes.checked_div(bodies.len()) {
            per_request.store((ANSWER / average.max(1)).clamp(1, MOST), Ordering::Relaxed);
        }
        let mut bodies = bodies.into_iter();
        let whole = part.into_iter().map(|(hash, header)| {
            let body = if is_empty(&header) { Some(empty_body(&header)) } else { bodies.next() };
            let body = body.unwrap_or_default();
            (hash, Block { header, body })
        });
        Ok(Part { blocks: whole.collect(), lender, bytes })
    }

    /// All of these bodies, and who lent them: the peers in turn. One that lends nothing is not asked again.
    async fn bodies_of(
        &self,
        turn: usize,
        wanted: Vec<B256>,
    ) -> Result<(Vec<BlockBody>, Option<PeerId>), Failure> {
        let lender = (turn % (self.others.len() + 1)).checked_sub(1).and_then(|other| self.others.get(other));
        if let Some(lender) = lender.filter(|lender| !self.silent.lock().contains(lender)) {
            match self.bodies(*lender, wanted.clone()).await {
                Ok(bodies) => return Ok((bodies, Some(*lender))),
                Err(_) => self.silent.lock().push(*lender),
            }
        }
        // A body once named by the peer of the headers is there.
        Ok((self.bodies(self.main, wanted).await?, None))
    }

    /// All of these bodies, in as many requests as it takes.
    async fn bodies(&self, peer: PeerId, mut wanted: Vec<B256>) -> Result<Vec<BlockBody>, Failure> {
        let mut bodies = Vec::with_capacity(wanted.len());
        while !wanted.is_empty() {
            let some = self.network.bodies(peer, wanted.clone()).await?;
            if some.is_empty() {
                return Err(Failure::Useless("headers without their bodies".to_string()));
            }
            wanted.drain(..some.len().min(wanted.len()));
            bodies.extend(some);
        }
        Ok(bodies)
    }
}

/// Cuts a batch so that each part needs at most one request.
fn parts(batch: Vec<Linked>, per_request: usize) -> Vec<Vec<Linked>> {
    let (mut parts, mut part, mut full) = (Vec::new(), Vec::new(), 0);
    for linked in batch {
        full += usize::from(!is_empty(&linked.1));
        part.push(linked);
        if full == per_request {
            parts.push(std::mem::take(&mut part));
            full = 0;
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// Whether the header itself says all about the body.
fn is_empty(header: &Header) -> bool {
    header.transactions_root == EMPTY_ROOT_HASH && header.ommers_hash == EMPTY_OMMER_ROOT_HASH
}

fn empty_body(header: &Header) -> BlockBody {
    BlockBody { withdrawals: header.withdrawals_root.map(|_| Vec::new().into()), ..BlockBody::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u64, is_full: bool) -> Linked {
        let transactions_root = if is_full { B256::repeat_byte(1) } else { EMPTY_ROOT_HASH };
        (
            B256::left_padding_from(&number.to_be_bytes()),
            Header { number, transactions_root, ..Header::default() },
        )
    }

    #[test]
    fn a_part_holds_as_many_full_blocks_as_one_request_asks_for_and_any_number_of_empty_ones() {
        let batch: Vec<Linked> = (0..10).map(|number| header(number, number % 3 == 0)).collect();
        let numbers = |per_request| -> Vec<Vec<u64>> {
            let parts = parts(batch.clone(), per_request);
            parts.iter().map(|part| part.iter().map(|(_, header)| header.number).collect()).collect()
        };
        assert_eq!(numbers(2), [vec![0, 1, 2, 3], vec![4, 5, 6, 7, 8, 9]]);
        assert_eq!(numbers(1), [vec![0], vec![1, 2, 3], vec![4, 5, 6], vec![7, 8, 9]]);
        assert_eq!(numbers(128), [(0..10).collect::<Vec<_>>()]);
    }

    #[test]
    fn the_body_of_an_empty_block_is_known_from_its_header() {
        let before_shanghai = header(1, false).1;
        assert_eq!(empty_body(&before_shanghai), BlockBody::default());
        let after = Header { withdrawals_root: Some(EMPTY_ROOT_HASH), ..before_shanghai };
        assert!(empty_body(&after).withdrawals.is_some_and(|list| list.is_empty()));
        assert!(!is_empty(&header(1, true).1));
    }
}
