//! One vote as it stands on disk: `length(u32) ‖ crc32(length) ‖ crc32(body) ‖ body`, integers big-endian.
//!
//! The length has a checksum of its own, or a damaged one would make everything behind it look like a torn tail. Both
//! checksums start from the journal's id: nothing that peers put into a payload can pass for a record.

use alloy_primitives::{B256, Bytes};

/// Bytes in front of every body: its length and two checksums.
pub(super) const FRAME: usize = 12;
/// Bytes of a body without its payload.
const FIXED: usize = 8 + 4 + 1 + 32;
/// Longest payload accepted: a proposal of the largest block (EIP-7934) with its justification.
pub(super) const MAX_PAYLOAD: usize = 24 * 1024 * 1024;

/// A vote: the slot, what was voted for, and the bytes needed to say it again after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Block number voted on.
    pub height: u64,
    /// Round of that height.
    pub round: u32,
    /// Kind of vote, as the caller numbers them.
    pub phase: u8,
    /// What the slot was given to; equal digests are the same vote.
    pub digest: B256,
    /// The caller's bytes.
    pub payload: Bytes,
}

/// How an insertion ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The slot was free; the record is durable now.
    New,
    /// The slot already holds this digest; nothing was written.
    Same,
}

/// Why a vote must not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another digest holds the slot: sending this one would be equivocation.
    #[error("height {height} round {round} phase {phase} already went to {have}, not voting for {got}")]
    Conflict {
        /// Slot's height.
        height: u64,
        /// Slot's round.
        round: u32,
        /// Slot's phase.
        phase: u8,
        /// Digest on disk.
        have: B256,
        /// Digest refused.
        got: B256,
    },
    /// The height is decided.
    #[error("height {height} is at or below {watermark}, which is decided")]
    Decided {
        /// Height refused.
        height: u64,
        /// Highest decided height.
        watermark: u64,
    },
    /// The journal stands in for a lost one and has not been activated.
    #[error("the journal replaces a lost one; the node sits out until the chain has moved on")]
    Inactive,
    /// The payload is longer than [`MAX_PAYLOAD`].
    #[error("payload has {got} bytes, at most {MAX_PAYLOAD} fit a record")]
    TooLong {
        /// Its length.
        got: usize,
    },
    /// The block below could not be written to disk.
    #[error("nothing is voted for while the block below is not on disk: {0}")]
    BlockNotDurable(String),
    /// Writing failed, now or earlier; nothing is accepted until the process is started again.
    #[error("vote journal cannot be written: {0}; free or repair the disk and restart the node")]
    Broken(String),
}

impl Record {
    /// The record as it is appended to the journal with this id.
    pub(super) fn to_frame(&self, id: B256) -> Vec<u8> {
        let length = FIXED + self.payload.len();
        let mut frame = Vec::with_capacity(FRAME + length);
        frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        frame.extend_from_slice(&checksum(id, &frame).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&self.height.to_be_bytes());
        frame.extend_from_slice(&self.round.to_be_bytes());
        frame.push(self.phase);
        frame.extend_from_slice(self.digest.as_slice());
        frame.extend_from_slice(&self.payload);
        let crc = checksum(id, &frame[FRAME..]);
        frame[8..FRAME].copy_from_slice(&crc.to_be_bytes());
        frame
    }

    /// Reads a body whose CRC was right.
    fn from_body(body: &[u8]) -> Option<Self> {
        let (height, rest) = body.split_first_chunk::<8>()?;
        let (round, rest) = rest.split_first_chunk::<4>()?;
        let (phase, rest) = rest.split_first()?;
        let (digest, payload) = rest.split_first_chunk::<32>()?;
        Some(Self {
            height: u64::from_be_bytes(*height),
            round: u32::from_be_bytes(*round),
            phase: *phase,
            digest: B256::from(*digest),
            payload: Bytes::copy_from_slice(payload),
        })
    }
}

/// What stands at the start of `bytes`.
pub(super) enum Scanned {
    /// A whole record and the bytes it takes.
    Record(Record, usize),
    /// The end, or a record whose writing was cut short: it was never sent.
    End,
    /// A damaged record with more behind it: not the work of an interrupted append.
    Damaged,
}

/// Reads the next record of the journal with this id.
pub(super) fn scan(id: B256, bytes: &[u8]) -> Scanned {
    // Zeros are room for records to come.
    if is_zero(bytes) {
        return Scanned::End;
    }
    let Some((length, crc, rest)) = frame_start(id, bytes) else {
        // An interrupted append is the last: with a record behind it this was a record too.
        return if holds_record(id, bytes) { Scanned::Damaged } else { Scanned::End };
    };
    let Some(body) = rest.get(..length) else { return Scanned::End };
    match Record::from_body(body).filter(|_| checksum(id, body) == crc) {
        Some(record) => Scanned::Record(record, FRAME + length),
        None if is_zero(rest.get(length..).unwrap_or_default()) => Scanned::End,
        None => Scanned::Damaged,
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Length and checksum of the body, and what follows; none unless the length is as it was written.
fn frame_start(id: B256, bytes: &[u8]) -> Option<(usize, u32, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (length_crc, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    if checksum(id, length) != u32::from_be_bytes(*length_crc) {
        return None;
    }
    Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, u32::from_be_bytes(*crc), rest))
}

/// Whether a whole record stands anywhere in `bytes`; the file's length, at most one rotation and one record, bounds it.
fn holds_record(id: B256, bytes: &[u8]) -> bool {
    // Nothing starts in the room behind the last byte that was written.
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    (1..written).any(|start| {
        let frame = bytes.get(start..).and_then(|bytes| frame_start(id, bytes));
        let body = frame.and_then(|(length, crc, rest)| Some((rest.get(..length)?, crc)));
        body.is_some_and(|(body, crc)| checksum(id, body) == crc)
    })
}

fn checksum(id: B256, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_slice());
    hasher.update(bytes);
    hasher.finalize()
}
