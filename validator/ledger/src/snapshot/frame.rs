//! Frames of a snapshot file.

use super::{MAGIC, SnapshotError};
use alloy_primitives::{B256, Keccak256};
use std::{
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// Longest payload read: a frame is written at about 1 MiB, or as long as one contract's code.
const MAX_PAYLOAD: usize = 64 << 20;
/// Kind, length and hash.
pub(super) const FRONT: u64 = 37;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Head = 0,
    Headers = 1,
    Block = 2,
    State = 3,
    End = 4,
}

impl Kind {
    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Head,
            1 => Self::Headers,
            2 => Self::Block,
            3 => Self::State,
            4 => Self::End,
            _ => return None,
        })
    }
}

fn digest(index: u64, kind: Kind, payload: &[u8]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(index.to_be_bytes());
    hasher.update([kind as u8]);
    hasher.update(payload);
    hasher.finalize()
}

/// Writes frames one after the other.
pub(super) struct FrameWriter<W> {
    out: W,
    index: u64,
    pub(super) bytes: u64,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        Ok(Self { out, index: 0, bytes: MAGIC.len() as u64 })
    }

    pub(super) fn write(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        self.out.write_all(&[kind as u8])?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(digest(self.index, kind, payload).as_slice())?;
        self.out.write_all(payload)?;
        self.index += 1;
        self.bytes += FRONT + u64::from(length);
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A frame whose hash is right.
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) index: u64,
    pub(super) payload: Vec<u8>,
}

/// Where the next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: u64,
    pub(super) offset: u64,
}

/// Reads frames one after the other.
pub(super) struct FrameReader<R> {
    input: R,
    path: PathBuf,
    pub(super) place: Place,
}

impl<R: Read + Seek> FrameReader<R> {
    pub(super) fn open(mut input: R, path: PathBuf) -> Result<Self, SnapshotError> {
        let mut magic = [0; MAGIC.len()];
        match input.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Ok(()) => {
                return Err(SnapshotError::Format {
                    found: format!("begins with {}", B256::right_padding_from(&magic)),
                });
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(SnapshotError::Format { found: "shorter than its first bytes".to_string() });
            }
            Err(source) => return Err(SnapshotError::Io { path, source }),
        }
        Ok(Self { input, path, place: Place { index: 0, offset: MAGIC.len() as u64 } })
    }

    pub(super) fn io(&self, source: io::Error) -> SnapshotError {
        SnapshotError::Io { path: self.path.clone(), source }
    }

    /// Goes on at a place that an earlier run had reached.
    pub(super) fn go_to(&mut self, place: Place) -> Result<(), SnapshotError> {
        self.input.seek(SeekFrom::Start(place.offset)).map_err(|source| self.io(source))?;
        self.place = place;
        Ok(())
    }

    /// The next frame; a file never ends before its last one.
    pub(super) fn next(&mut self) -> Result<Frame, SnapshotError> {
        let Place { index, offset } = self.place;
        let damaged = SnapshotError::Damaged { frame: index, offset };
        let mut front = [0; 37];
        self.exact(&mut front)?;
        let (kind, rest) = (front[0], &front[1..]);
        let length = rest.first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        let want = B256::from_slice(&rest[4..]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(kind) = Kind::from_byte(kind).filter(|_| length <= MAX_PAYLOAD) else { return Err(damaged) };
        let mut payload = Vec::new();
        let read = (&mut self.input).take(length as u64).read_to_end(&mut payload);
        read.map_err(|source| self.io(source))?;
        if payload.len() < length {
            return Err(SnapshotError::Truncated {
                frame: index,
                offset: offset + FRONT + payload.len() as u64,
            });
        }
        if digest(index, kind, &payload) != want {
            return Err(damaged);
        }
        self.place = Place { index: index + 1, offset: offset + FRONT + length as u64 };
        Ok(Frame { kind, index, payload })
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), SnapshotError> {
        let Place { index: frame, offset } = self.place;
        self.input.read_exact(bytes).map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => SnapshotError::Truncated { frame, offset },
            _ => self.io(source),
        })
    }
}
