//! Blocks of a file, one after the other, never more than one in memory.

use super::DbError;
use alloy_rlp::Decodable;
use ledger::Block;
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

/// No block is larger: eight times what a block may have (EIP-7934).
const MAX_BLOCK: usize = 64 << 20;

/// A file being read.
pub(super) struct BlockFile {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next block begins.
    offset: u64,
}

impl BlockFile {
    pub(super) fn open(path: &Path) -> Result<Self, DbError> {
        let file = File::open(path).map_err(|source| DbError::File { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), file: BufReader::with_capacity(1 << 20, file), offset: 0 })
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next block; none at the end, and none where the file ends within a block.
    pub(super) fn next(&mut self) -> Result<Option<Block>, DbError> {
        let Some(bytes) = self.item()? else { return Ok(None) };
        let mut rest = bytes.as_slice();
        let block = Block::decode(&mut rest).map_err(|error| self.malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(self.malformed("bytes after the block"));
        }
        self.offset += bytes.len() as u64;
        Ok(Some(block))
    }

    /// One RLP list with its prefix.
    fn item(&mut self) -> Result<Option<Vec<u8>>, DbError> {
        let mut bytes = Vec::new();
        if !self.take(&mut bytes, 1)? {
            return Ok(None);
        }
        let length = match bytes.first().copied() {
            Some(first @ 0xc0..=0xf7) => usize::from(first - 0xc0),
            Some(first @ 0xf8..=0xff) => {
                if !self.take(&mut bytes, usize::from(first - 0xf7))? {
                    return Ok(None);
                }
                bytes.iter().skip(1).fold(0_usize, |length, byte| {
                    length.saturating_mul(256).saturating_add(usize::from(*byte))
                })
            }
            _ => return Err(self.malformed("no block begins here")),
        };
        if length > MAX_BLOCK {
            return Err(self.malformed(format!("a block of {length} bytes, at most {MAX_BLOCK} are taken")));
        }
        Ok(self.take(&mut bytes, length)?.then_some(bytes))
    }

    /// Adds so many bytes; false where the file ends before.
    fn take(&mut self, bytes: &mut Vec<u8>, count: usize) -> Result<bool, DbError> {
        let failed = |source: io::Error| DbError::File { path: self.path.clone(), source };
        let got = (&mut self.file).take(count as u64).read_to_end(bytes).map_err(failed)?;
        Ok(got == count)
    }

    /// Whether bytes follow the last whole block.
    pub(super) fn ends_within_a_block(&mut self, length: u64) -> bool {
        self.offset < length || self.file.fill_buf().is_ok_and(|rest| !rest.is_empty())
    }

    fn malformed(&self, reason: impl Into<String>) -> DbError {
        DbError::Malformed { path: self.path.clone(), offset: self.offset, reason: reason.into() }
    }
}
