//! Blocks from a file: each is checked like one from a peer, seals and execution included, before the next is read.

use super::{DbError, Moved, file::BlockFile};
use chain::hash::block_hash;
use ledger::{At, Block, Ledger};
use std::path::Path;

/// Commits the blocks of a file behind the head; those that are here already are compared and passed over. `progress`
/// hears of each committed block. All of them are on disk when this returns.
pub fn import(ledger: &Ledger, path: &Path, mut progress: impl FnMut(u64)) -> Result<Moved, DbError> {
    let mut file = BlockFile::open(path)?;
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    let mut moved = Moved { skipped: 0, written: 0, last: ledger.head().number };
    while let Some(block) = file.next()? {
        let number = block.header.number;
        let want = ledger.head().number + 1;
        if number < want {
            compare(ledger, &block)?;
            moved.skipped += 1;
            continue;
        }
        if number > want {
            return Err(DbError::Gap { got: number, want });
        }
        let refused = |source| DbError::Refused { number, source: Box::new(source) };
        ledger.commit(block).map_err(refused)?;
        moved.written += 1;
        moved.last = number;
        progress(number);
    }
    ledger.flush()?;
    if file.ends_within_a_block(length) {
        tracing::warn!(last = moved.last, "the file ends within a block; what was whole is imported");
    }
    Ok(moved)
}

/// The block is the one that is here, whoever sealed it.
fn compare(ledger: &Ledger, block: &Block) -> Result<(), DbError> {
    let number = block.header.number;
    let want = ledger.block_hash(At::Number(number))?;
    // Block 0 hashes as its family says, so its header is compared itself.
    let got = if number == 0 { None } else { block_hash(&block.header).ok() };
    let is_same = match got {
        Some(got) => want == Some(got),
        None => ledger.header(At::Number(number))?.as_ref() == Some(&block.header),
    };
    if is_same {
        return Ok(());
    }
    let shown =
        |hash: Option<alloy_primitives::B256>| hash.map_or("none".to_string(), |hash| hash.to_string());
    Err(DbError::Other { number, got: shown(got), want: shown(want) })
}
