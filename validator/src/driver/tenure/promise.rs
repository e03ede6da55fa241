//! What a vote promises, as bytes in the fence's record; and the lock among it, whose block may be too long for the store.
//!
//! Such a block is cut out of the vote that locks it and named by its digest; all else of the certificate, the PREPAREs that
//! prove it, stays. Whoever has the block puts it back, and has the vote as it was, byte for byte.

use super::super::ProposedBlock;
use crate::journal::Record as Kept;
use alloy_primitives::{B256, Bytes};
use chain::hash::ProposalRound;
use fence::{Block, Evidence};
use qbft::{
    Proposal as _, Record,
    message::Prepared,
    wire::{certified, decode_record},
};

/// First byte of the promises: how the rest is written.
const FORMAT: u8 = 2;
/// What a record of the fence takes beside the promises, bytes.
const REST: usize = 2 * 1024;

/// A vote as it is promised.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Promise {
    /// Without the block, if that is cut out.
    vote: Kept,
    cut: Option<Cut>,
}

/// Where a block was cut out of a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    at: usize,
    round: u32,
}

/// What a record of the fence promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Promised {
    /// All of it.
    Whole(Vec<Kept>),
    /// All but the block of the lock.
    Lacking(Lacking),
    /// In a way that this version does not read.
    Unread,
}

/// Votes of which one locks a block that has to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::driver) struct Lacking {
    votes: Vec<Kept>,
    lock: usize,
    cut: Cut,
}

/// What is promised by these votes, the one among them that holds the lock being named; whole if it fits. What does not fit first is
/// the ROUND-CHANGE that led to the round of a newer lock: without it the round is left by time.
pub(super) fn evidence(kept: &[(Kept, bool)], limit: usize) -> Evidence {
    let whole = |vote: &Kept| Promise { vote: vote.clone(), cut: None };
    let fits = |promise: &Bytes| promise.len().saturating_add(REST) <= limit;
    let all = written(kept.iter().map(|(vote, _)| whole(vote)));
    if fits(&all) {
        return Evidence { promise: all, block: Block::None };
    }
    let has_block = |vote: &Kept| matches!(certified(vote.phase, &vote.payload), Ok(Some(_)));
    let needed = || kept.iter().filter(|(vote, is_lock)| *is_lock || !has_block(vote));
    let less = written(needed().map(|(vote, _)| whole(vote)));
    if fits(&less) {
        return Evidence { promise: less, block: Block::None };
    }
    let digest = kept.iter().find(|(_, is_lock)| *is_lock).map_or(B256::ZERO, |(lock, _)| lock.digest);
    let without = needed().map(|(vote, is_lock)| if *is_lock { without_block(vote) } else { whole(vote) });
    Evidence { promise: written(without), block: Block::Elsewhere(digest) }
}

/// A vote that cannot be read is promised without its content: it stands for a height at which nothing is to be claimed.
fn without_block(vote: &Kept) -> Promise {
    let Ok(Some(found)) = certified(vote.phase, &vote.payload) else {
        return Promise { vote: Kept { payload: Bytes::new(), ..vote.clone() }, cut: None };
    };
    let cut = Cut { at: found.block.start, round: found.prepared.round };
    let (before, after) = (vote.payload.slice(..found.block.start), vote.payload.slice(found.block.end..));
    let payload = [before, after].concat().into();
    Promise { vote: Kept { payload, ..vote.clone() }, cut: Some(cut) }
}

/// Reads what [`evidence`] wrote; an identity that never voted has promised nothing.
pub(super) fn read(evidence: &Evidence) -> Promised {
    let Some(promises) = parse(&evidence.promise) else { return Promised::Unread };
    let lock = promises.iter().enumerate().find_map(|(index, promise)| Some((index, promise.cut?)));
    let votes = promises.into_iter().map(|promise| promise.vote).collect();
    match (lock, &evidence.block) {
        (Some((lock, cut)), Block::Elsewhere(_)) => Promised::Lacking(Lacking { votes, lock, cut }),
        // A vote without its content is among them: it does not decode, and that ends voting at its height.
        (None, Block::None | Block::Elsewhere(_)) => Promised::Whole(votes),
        (Some(_), Block::None) | (_, Block::Here(_)) => Promised::Unread,
    }
}

impl Lacking {
    /// What the lock says was prepared.
    pub(in crate::driver) fn prepared(&self) -> Prepared {
        let digest = self.votes.get(self.lock).map_or(B256::ZERO, |lock| lock.digest);
        Prepared { round: self.cut.round, digest }
    }

    /// The votes with this block in its place, if it is the one.
    pub(in crate::driver) fn with(&self, block: &ProposedBlock, rule: ProposalRound) -> Option<Vec<Kept>> {
        let prepared = self.prepared();
        let carried = match rule {
            ProposalRound::Real => prepared.round,
            ProposalRound::Zero => 0,
        };
        let is_named = |block: &ProposedBlock| {
            let rounds = [0, block.round(), prepared.round].into_iter();
            // Only a network of two digests has a certificate by the other one (`qbft::digest`).
            let other = |round| rule == ProposalRound::Zero && block.commit_hash(round) == prepared.digest;
            block.digest() == prepared.digest || rounds.into_iter().any(other)
        };
        let block = [block.clone(), block.with_round(carried)].into_iter().find(is_named)?;
        let mut votes = self.votes.clone();
        let lock = votes.get_mut(self.lock)?;
        let (before, after) = lock.payload.split_at_checked(self.cut.at)?;
        lock.payload = [before, &alloy_rlp::encode(&block), after].concat().into();
        let is_vote = decode_record::<ProposedBlock>(lock.phase, &lock.payload)
            .is_ok_and(|vote| vote.digest() == prepared.digest);
        // The digest is of the header; whoever sent the block may have put another body under it.
        (is_vote && ledger::is_whole(block.block())).then_some(votes)
    }
}

/// The block in a vote of a journal, if it has one.
pub(super) fn block(vote: &Kept) -> Option<ProposedBlock> {
    match decode_record::<ProposedBlock>(vote.phase, &vote.payload).ok()? {
        Record::Proposal { payload, .. } => Some(payload.block),
        Record::Commit { certificate, .. } => Some(certificate.block.clone()),
        Record::RoundChange { certificate, .. } => Some(certificate?.block.clone()),
        Record::Prepare(_) => None,
    }
}

/// `format ‖ (phase u8 ‖ height u64 ‖ round u32 ‖ digest ‖ cut u32 ‖ prepared round u32 ‖ length u32 ‖ payload)*`; no block
/// stands at the very start of a vote, so a cut at 0 is none.
fn written(promises: impl Iterator<Item = Promise>) -> Bytes {
    let mut out = vec![FORMAT];
    // A record of the fence has at most 3 MiB.
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    for Promise { vote, cut } in promises {
        out.push(vote.phase);
        out.extend_from_slice(&vote.height.to_be_bytes());
        out.extend_from_slice(&vote.round.to_be_bytes());
        out.extend_from_slice(vote.digest.as_slice());
        out.extend_from_slice(&number(cut.map_or(0, |cut| cut.at)));
        out.extend_from_slice(&cut.map_or(0, |cut| cut.round).to_be_bytes());
        out.extend_from_slice(&number(vote.payload.len()));
        out.extend_from_slice(&vote.payload);
    }
    out.into()
}

fn parse(promise: &[u8]) -> Option<Vec<Promise>> {
    let Some((format, mut rest)) = promise.split_first() else { return Some(Vec::new()) };
    let mut promises = Vec::new();
    if *format != FORMAT {
        return None;
    }
    while !rest.is_empty() {
        let (phase, after) = rest.split_first()?;
        let (height, after) = after.split_first_chunk::<8>()?;
        let (round, after) = after.split_first_chunk::<4>()?;
        let (digest, after) = after.split_first_chunk::<32>()?;
        let (at, after) = after.split_first_chunk::<4>()?;
        let (prepared, after) = after.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let (payload, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let vote = Kept {
            height: u64::from_be_bytes(*height),
            round: u32::from_be_bytes(*round),
            phase: *phase,
            digest: B256::from(*digest),
            payload: Bytes::copy_from_slice(payload),
        };
        let at = usize::try_from(u32::from_be_bytes(*at)).ok()?;
        let cut = (at > 0).then(|| Cut { at, round: u32::from_be_bytes(*prepared) });
        promises.push(Promise { vote, cut });
        rest = after;
    }
    Some(promises)
}

#[cfg(test)]
mod tests;
