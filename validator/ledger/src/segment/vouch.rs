//! Blocks that are final by seals of a block after them.
//!
//! Seals are no part of a block's hash, so those that nobody had to check may be false on a final block, and whoever
//! passes them on may be honest. An honest seat seals a block only on a parent that is final for it, and a quorum has
//! honest seats: its seals on one block hold for all before it (ADR 19).

use crate::{
    CommitError, Ledger,
    commit::{check_place, check_seals},
    reseat::{reseat_in, undecided},
};
use alloy_consensus::Header;
use alloy_primitives::B256;
use std::{collections::HashSet, sync::Arc};

/// Blocks after the head that are final, whatever their own seals are worth. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Vouched(Arc<HashSet<B256>>);

impl Vouched {
    pub(super) fn holds(&self, hash: &B256) -> bool {
        self.0.contains(hash)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ledger {
    /// Of headers that follow the head and each other, the blocks up to the last one that the set of the next height
    /// sealed. It fails when there is none: a peer that is honest has one among those up to the next multiple of
    /// [`super::CERTIFIED_EVERY`], or up to its newest block.
    pub fn vouch(&self, headers: &[Header]) -> Result<Vouched, CommitError> {
        let (chain, head) = (&*self.chain, self.chain.head());
        let Some(first) = headers.first() else { return Ok(Vouched::default()) };
        check_place(&head, first)?;
        let validators = head.validators_of(chain, first).map_err(undecided)?;
        let (mut hashes, mut parent) = (Vec::new(), head.info.hash);
        for header in headers {
            // A record names a set of its own: what follows it says nothing of what was before.
            let is_reseat = reseat_in(header).map_err(undecided)?.is_some();
            if header.parent_hash != parent || (is_reseat && !hashes.is_empty()) {
                break;
            }
            parent = chain.genesis.block_hash(header).map_err(CommitError::ExtraData)?;
            hashes.push(parent);
        }
        let mut followed = headers.iter().take(hashes.len());
        let sealed = followed.rposition(|header| check_seals(header, &validators).is_ok());
        let Some(sealed) = sealed else {
            let from = first.number;
            return Err(CommitError::Uncertified { from, to: from.saturating_add(hashes.len() as u64 - 1) });
        };
        hashes.truncate(sealed + 1);
        Ok(Vouched(Arc::new(hashes.into_iter().collect())))
    }
}
