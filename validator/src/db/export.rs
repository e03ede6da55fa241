//! Blocks to a file. What a run before left in it is compared with the chain and kept.

use super::{DbError, Moved, file::BlockFile};
use alloy_rlp::Encodable as _;
use ledger::{At, Ledger};
use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    ops::RangeInclusive,
    path::Path,
};

/// Writes blocks of a range to `path`, going on behind those that it holds; a block that was cut short is written anew.
/// `progress` hears of the last block written. The file is on disk when this returns.
pub fn export(
    ledger: &Ledger,
    range: RangeInclusive<u64>,
    path: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Moved, DbError> {
    let (from, to, newest) = (*range.start(), *range.end(), ledger.head().number);
    if from > to || to > newest {
        return Err(DbError::Range { from, to, newest });
    }
    let failed = |source| DbError::File { path: path.to_path_buf(), source };
    let (mut next, length) = if path.exists() { kept(ledger, from, path)? } else { (from, 0) };
    let skipped = next - from;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    file.set_len(length).map_err(failed)?;
    let mut file = at_end(file).map_err(failed)?;
    let mut bytes = Vec::new();
    while next <= to {
        let block = ledger.block(At::Number(next))?.ok_or(DbError::Range { from, to, newest })?;
        bytes.clear();
        block.encode(&mut bytes);
        file.write_all(&bytes).map_err(failed)?;
        progress(next);
        next += 1;
    }
    file.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
    Ok(Moved { skipped, written: (to + 1).saturating_sub(from + skipped), last: next - 1 })
}

fn at_end(mut file: File) -> std::io::Result<BufWriter<File>> {
    use std::io::Seek as _;
    file.seek(std::io::SeekFrom::End(0))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// The first block that a file lacks, and where its whole blocks end.
fn kept(ledger: &Ledger, from: u64, path: &Path) -> Result<(u64, u64), DbError> {
    let mut file = BlockFile::open(path)?;
    let mut next = from;
    while let Some(block) = file.next()? {
        let number = block.header.number;
        if number != next {
            return Err(if next == from {
                DbError::Start { got: number, want: from }
            } else {
                DbError::Gap { got: number, want: next }
            });
        }
        let here = ledger.header(At::Number(number))?;
        if here.as_ref() != Some(&block.header) {
            let hash = |header: &alloy_consensus::Header| header.hash_slow().to_string();
            let want = here.as_ref().map_or("no block".to_string(), hash);
            return Err(DbError::Other { number, got: hash(&block.header), want });
        }
        next += 1;
    }
    Ok((next, file.offset()))
}
