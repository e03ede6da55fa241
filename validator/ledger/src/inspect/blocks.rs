//! Whether every block is there, is what its hash says, follows its parent and is found by its hash.

use super::{Files, InspectError};
use alloy_consensus::proofs::calculate_transaction_root;
use alloy_primitives::B256;
use chain::hash::block_hash;
use rayon::prelude::*;
use std::ops::RangeInclusive;

/// Blocks read at once.
const CHUNK: u64 = 512;

/// What links a block to its neighbours.
struct Link {
    number: u64,
    hash: B256,
    parent: B256,
}

impl Files {
    /// Checks blocks from `from` to the newest, those that a snapshot left out aside; `progress` hears of the last one checked and the newest, and may be what a
    /// later run starts from. Seals are not checked: they were before a block was stored, and its hash holds the rest.
    pub fn verify_blocks(&self, from: u64, mut progress: impl FnMut(u64, u64)) -> Result<u64, InspectError> {
        let (newest, earliest) = (self.blocks.head()?, self.blocks.earliest()?);
        if from == 0 && earliest > 0 {
            self.check(0..=0, None)?;
        }
        let from = if earliest > 0 { from.max(earliest) } else { from };
        let mut parent = match from.checked_sub(1) {
            Some(before) => self.blocks.hash(before)?,
            None => None,
        };
        for start in (from..=newest).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
            let end = newest.min(start + CHUNK - 1);
            parent = self.check(start..=end, parent)?;
            progress(end, newest);
        }
        Ok(newest)
    }

    /// Checks blocks that follow the one with this hash; gives the hash of the last.
    fn check(
        &self,
        numbers: RangeInclusive<u64>,
        mut parent: Option<B256>,
    ) -> Result<Option<B256>, InspectError> {
        let links = numbers.into_par_iter().map(|number| self.link(number));
        for link in links.collect::<Result<Vec<_>, _>>()? {
            let Link { number, hash, parent: named } = link;
            if number == 0 {
                same(0, "hash", &hash, &self.genesis)?;
            } else if let Some(parent) = parent {
                same(number, "parent hash", &named, &parent)?;
            }
            parent = Some(hash);
        }
        Ok(parent)
    }

    /// Checks one block by itself.
    fn link(&self, number: u64) -> Result<Link, InspectError> {
        let missing = || InspectError::NoBlock { number };
        let (header, hash) = self.blocks.header(number)?.ok_or_else(missing)?;
        let body = self.blocks.body(number)?.ok_or_else(missing)?;
        same(number, "number", &header.number, &number)?;
        let indexed = self.blocks.number(&hash)?;
        let indexed = indexed.map_or("none".to_string(), |number| number.to_string());
        same(number, "number by hash", &indexed, &number.to_string())?;
        // A genesis block's hash is the family's own affair, and was compared when the files were opened.
        if number > 0 {
            let want = block_hash(&header).map_or_else(|error| error.to_string(), |hash| hash.to_string());
            same(number, "hash", &hash.to_string(), &want)?;
            let root = calculate_transaction_root(&body.transactions);
            same(number, "transactions root of the body", &root, &header.transactions_root)?;
        }
        Ok(Link { number, hash, parent: header.parent_hash })
    }
}

fn same<T: PartialEq + ToString + ?Sized>(
    number: u64,
    what: &'static str,
    got: &T,
    want: &T,
) -> Result<(), InspectError> {
    if got == want {
        return Ok(());
    }
    Err(InspectError::Block { number, what, got: got.to_string(), want: want.to_string() })
}
