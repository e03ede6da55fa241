//! The record's bytes: one encoding of each record, bounded, with a checksum over all of it.

use crate::record::{Block, Evidence, Holder, HolderId, Name, Place, Record, Successor};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};

const MAGIC: &[u8; 7] = b"QRTFENC";
const VERSION: u8 = 1;
/// Longest record that is written or read, bytes. A store may take less ([`crate::Config::limit`]).
pub const MAX_RECORD: usize = 8 * 1024 * 1024;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Something else stands there.
    #[error("this is no fence record: another object has its name")]
    NoRecord,
    /// Written by a later release.
    #[error(
        "fence record of version {have}, this release reads version {want}: start the release that wrote it"
    )]
    Version {
        /// In the store.
        have: u8,
        /// Ours.
        want: u8,
    },
    /// The bytes changed, or are not all there.
    #[error(
        "fence record is damaged: checksum {have:08x}, its bytes give {want:08x}; restore no copy of it: it must be the newest"
    )]
    Damaged {
        /// In the store.
        have: u32,
        /// Of the bytes.
        want: u32,
    },
    /// The checksum holds and the content does not.
    #[error("fence record is malformed at its {0}")]
    Malformed(&'static str),
    /// Nobody writes one this long.
    #[error("fence record of {got} bytes, at most {MAX_RECORD} are read")]
    TooLong {
        /// Its length.
        got: usize,
    },
}

impl Record {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(self.subject.as_slice());
        for number in [self.revision, self.epoch, self.beat] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.holder.id.0);
        put_name(&mut out, &self.holder.name);
        out.extend_from_slice(self.journal.as_slice());
        out.extend_from_slice(&self.place.height.to_be_bytes());
        out.extend_from_slice(&self.place.round.to_be_bytes());
        out.push(self.place.phase);
        out.extend_from_slice(self.digest.as_slice());
        put_bytes(&mut out, &self.evidence.promise);
        match &self.evidence.block {
            Block::None => out.push(0),
            Block::Here(bytes) => {
                out.push(1);
                put_bytes(&mut out, bytes);
            }
            Block::Elsewhere(digest) => {
                out.push(2);
                out.extend_from_slice(digest.as_slice());
            }
        }
        match &self.released {
            None => out.push(0),
            Some(Successor::Anybody) => out.push(1),
            Some(Successor::Named(name)) => {
                out.push(2);
                put_name(&mut out, name);
            }
        }
        match &self.requested {
            None => out.push(0),
            Some(name) => {
                out.push(1);
                put_name(&mut out, name);
            }
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let name = |name: &Name| name.as_str().len().saturating_add(1);
        let block = match &self.evidence.block {
            Block::None => 1,
            Block::Here(bytes) => bytes.len().saturating_add(5),
            Block::Elsewhere(_) => 33,
        };
        let released = match &self.released {
            None | Some(Successor::Anybody) => 1,
            Some(Successor::Named(successor)) => name(successor).saturating_add(1),
        };
        let requested = self.requested.as_ref().map_or(1, |by| name(by).saturating_add(1));
        [
            8 + 32 + 24 + 16 + 32 + 13 + 32 + 4 + 4,
            name(&self.holder.name),
            self.evidence.promise.len(),
            block,
            released,
            requested,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Reads them: nothing but what [`Record::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD {
            return Err(RecordError::TooLong { got: bytes.len() });
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(RecordError::NoRecord)?;
        let have = *rest.first().ok_or(RecordError::NoRecord)?;
        if have != VERSION {
            return Err(RecordError::Version { have, want: VERSION });
        }
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(RecordError::NoRecord)?;
        let (have, want) = (u32::from_be_bytes(*crc), crc32fast::hash(body));
        if have != want {
            return Err(RecordError::Damaged { have, want });
        }
        let mut reader = Reader(body.get(8..).ok_or(RecordError::NoRecord)?);
        let record = reader.record()?;
        if reader.0.is_empty() { Ok(record) } else { Err(RecordError::Malformed("end")) }
    }
}

fn put_name(out: &mut Vec<u8>, name: &Name) {
    // A name has at most 253 bytes.
    out.push(u8::try_from(name.as_str().len()).unwrap_or(u8::MAX));
    out.extend_from_slice(name.as_str().as_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // A record is shorter than 3 MiB.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn record(&mut self) -> Result<Record, RecordError> {
        Ok(Record {
            subject: self.hash("subject")?,
            revision: self.number("revision")?,
            epoch: self.number("epoch")?,
            beat: self.number("beat")?,
            holder: Holder { id: HolderId(self.array("holder")?), name: self.name("holder's name")? },
            journal: self.hash("journal")?,
            place: Place {
                height: self.number("height")?,
                round: u32::from_be_bytes(self.array("round")?),
                phase: self.byte("phase")?,
            },
            digest: self.hash("digest")?,
            evidence: Evidence { promise: self.bytes("promise")?, block: self.block()? },
            released: match self.byte("release")? {
                0 => None,
                1 => Some(Successor::Anybody),
                2 => Some(Successor::Named(self.name("successor")?)),
                _ => return Err(RecordError::Malformed("release")),
            },
            requested: match self.byte("request")? {
                0 => None,
                1 => Some(self.name("request")?),
                _ => return Err(RecordError::Malformed("request")),
            },
        })
    }

    fn block(&mut self) -> Result<Block, RecordError> {
        match self.byte("block")? {
            0 => Ok(Block::None),
            1 => Ok(Block::Here(self.bytes("block")?)),
            2 => Ok(Block::Elsewhere(self.hash("block")?)),
            _ => Err(RecordError::Malformed("block")),
        }
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&[u8], RecordError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(RecordError::Malformed(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], RecordError> {
        self.take(N, what)?.try_into().map_err(|_| RecordError::Malformed(what))
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, RecordError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn number(&mut self, what: &'static str) -> Result<u64, RecordError> {
        self.array(what).map(u64::from_be_bytes)
    }

    fn hash(&mut self, what: &'static str) -> Result<B256, RecordError> {
        self.array(what).map(B256::from)
    }

    fn bytes(&mut self, what: &'static str) -> Result<Bytes, RecordError> {
        let length = u32::from_be_bytes(self.array(what)?);
        let length = usize::try_from(length).map_err(|_| RecordError::Malformed(what))?;
        self.take(length, what).map(Bytes::copy_from_slice)
    }

    fn name(&mut self, what: &'static str) -> Result<Name, RecordError> {
        let length = usize::from(self.byte(what)?);
        let name =
            core::str::from_utf8(self.take(length, what)?).map_err(|_| RecordError::Malformed(what))?;
        Name::new(name).map_err(|_| RecordError::Malformed(what))
    }
}
