//! Votes of block-header mode after a block: carried on from head to head, and worked out from the headers since the last
//! block that says the set by itself when a ledger is opened or history is asked about.

use crate::{
    At, HeadInfo, Ledger, LedgerError,
    ledger::{Chain, Head},
};
use alloy_consensus::Header;
use chain::{
    Extra,
    genesis::Selection,
    profile::Family,
    voting::{Cast, VoteTally},
};
use std::sync::{Arc, OnceLock};

impl Ledger {
    /// The set of head + 1 and the votes pending there; `None` when a contract names that set.
    pub fn votes(&self) -> Result<Option<Arc<VoteTally>>, LedgerError> {
        let (chain, head) = (&*self.chain, self.chain.head());
        if !chain.counts_votes(head.info.number) {
            return Ok(None);
        }
        head.tally(chain).map(Some)
    }

    /// The same after any block. Reads up to an epoch of headers.
    pub fn votes_after(&self, at: At) -> Result<Option<Arc<VoteTally>>, LedgerError> {
        let number = self.number(at)?.ok_or_else(|| LedgerError::UnknownBlock(at.to_string()))?;
        if number == self.chain.head().info.number {
            return self.votes();
        }
        let counts = self.chain.counts_votes(number);
        counts.then(|| self.chain.tally_after(number).map(Arc::new)).transpose()
    }
}

impl Head {
    pub(crate) fn tally(&self, chain: &Chain) -> Result<Arc<VoteTally>, LedgerError> {
        if let Some(tally) = self.tally.get() {
            return Ok(Arc::clone(tally));
        }
        let tally = Arc::new(chain.tally_after(self.info.number)?);
        Ok(Arc::clone(self.tally.get_or_init(|| tally)))
    }
}

impl Chain {
    /// Whether the set after this block follows from votes.
    fn counts_votes(&self, number: u64) -> bool {
        self.genesis.schedule.at(number.saturating_add(1)).selection == Selection::Header
    }

    /// The tally of a head that follows `parent`; unset when it must be worked out from the headers.
    pub(crate) fn next_tally(
        &self,
        parent: &Head,
        next: &HeadInfo,
    ) -> Result<OnceLock<Arc<VoteTally>>, LedgerError> {
        let slot = OnceLock::new();
        let Some(before) = parent.tally.get().filter(|_| self.counts_votes(next.number)) else {
            return Ok(slot);
        };
        let extra = extra(&next.header)?;
        let mut tally = match self.given(next.number, &extra) {
            Some(given) => given,
            None => VoteTally::clone(before),
        };
        self.count(&mut tally, &next.header, &extra);
        let _first = slot.set(Arc::new(tally));
        Ok(slot)
    }

    /// The last block up to this one that says the set by itself, where votes decide on the set after it.
    pub(crate) fn votes_since(&self, number: u64) -> Option<u64> {
        let says = |at: &u64| {
            let given = at.checked_add(1).and_then(|next| self.genesis.schedule.validators_at(next));
            given.is_some() || self.genesis.schedule.is_epoch(*at)
        };
        self.counts_votes(number).then(|| (0..=number).rev().find(says).unwrap_or(0))
    }

    fn tally_after(&self, number: u64) -> Result<VoteTally, LedgerError> {
        let mut headers = Vec::new();
        let mut at = number;
        let mut tally = loop {
            let unknown = || LedgerError::UnknownBlock(at.to_string());
            let (header, _) = self.blocks.header(at)?.ok_or_else(unknown)?;
            let extra = extra(&header)?;
            let given = self.given(at, &extra).or_else(|| {
                let starts = self.genesis.schedule.is_epoch(at);
                starts.then(|| VoteTally::new(self.genesis.family, &extra.validators))
            });
            headers.push((header, extra));
            match given {
                Some(tally) => break tally,
                // Block 0 is an epoch block, so this ends there.
                None => at = at.saturating_sub(1),
            }
        };
        for (header, extra) in headers.iter().rev() {
            self.count(&mut tally, header, extra);
        }
        Ok(tally)
    }

    /// The set after `number`, where the genesis file gives it.
    fn given(&self, number: u64, extra: &Extra) -> Option<VoteTally> {
        let given = self.genesis.schedule.validators_at(number.checked_add(1)?)?;
        tracing::debug!(
            after = number,
            replaced = extra.validators.len(),
            set = given.len(),
            "set given by genesis"
        );
        Some(VoteTally::new(self.genesis.family, given))
    }

    /// Counts a header's vote. On a set that the genesis gave from the next block on, Besu still counts it.
    fn count(&self, tally: &mut VoteTally, header: &Header, extra: &Extra) {
        let is_given = self.genesis.schedule.validators_at(header.number.saturating_add(1)).is_some();
        if is_given && self.genesis.family == Family::GoQuorum {
            return;
        }
        tally.apply(&Cast {
            block: header.number,
            author: header.beneficiary,
            vote: extra.vote,
            is_epoch: self.genesis.schedule.is_epoch(header.number),
        });
    }
}

fn extra(header: &Header) -> Result<Extra, LedgerError> {
    Extra::decode_exact(&header.extra_data)
        .map_err(|_| LedgerError::Corrupt { what: "extra data of a header" })
}
