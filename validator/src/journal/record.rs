//! One vote as it stands on disk: `length(u32) ‖ crc32(u32) ‖ body`, integers big-endian.

use alloy_primitives::{B256, Bytes};

/// Bytes in front of every body: its length and its CRC-32.
pub(super) const FRAME: usize = 8;
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
    /// Writing failed, now or earlier; nothing is accepted until the process is started again.
    #[error("vote journal cannot be written: {0}; free or repair the disk and restart the node")]
    Broken(String),
}

impl Record {
    /// The record as it is appended.
    pub(super) fn to_frame(&self) -> Vec<u8> {
        let length = FIXED + self.payload.len();
        let mut frame = Vec::with_capacity(FRAME + length);
        frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&self.height.to_be_bytes());
        frame.extend_from_slice(&self.round.to_be_bytes());
        frame.push(self.phase);
        frame.extend_from_slice(self.digest.as_slice());
        frame.extend_from_slice(&self.payload);
        let crc = crc32fast::hash(&frame[FRAME..]);
        frame[4..FRAME].copy_from_slice(&crc.to_be_bytes());
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

/// Reads the next record.
pub(super) fn scan(bytes: &[u8]) -> Scanned {
    // A file system may leave zeros where an interrupted append was.
    if bytes.iter().all(|b| *b == 0) {
        return Scanned::End;
    }
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Scanned::End };
    let Some((crc, rest)) = rest.split_first_chunk::<4>() else { return Scanned::End };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let Some(body) = rest.get(..length) else { return Scanned::End };
    let whole = crc32fast::hash(body) == u32::from_be_bytes(*crc);
    match Record::from_body(body).filter(|_| whole) {
        Some(record) => Scanned::Record(record, FRAME + length),
        None if rest.len() == length => Scanned::End,
        None => Scanned::Damaged,
    }
}
