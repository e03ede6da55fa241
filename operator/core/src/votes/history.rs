//! What this member has voted, as the contract's logs and the call data behind them tell it. Nothing of it is stored anywhere
//! else: an operator that starts with nothing reads the same again.

use super::Mark;
use chain::governance::Status;
use std::collections::BTreeMap;

/// Votes that are remembered: each was a transaction of this member.
const MOST: usize = 4096;
/// Stands before a mark in call data. The contract reads past the end of its arguments, so a vote can carry it; it is no text,
/// so no memo has it by chance.
pub(super) const MAGIC: [u8; 8] = [0xf1, 0x9c, 0x51, 0x75, 0x6f, 0x72, 0x61, 0xfe];

/// What a vote does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// For it.
    For,
    /// Against it.
    Against,
    /// Takes either back.
    TakeBack,
}

/// One vote of this member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// On which proposal.
    pub id: u64,
    /// What.
    pub act: Act,
    /// The position that it was cast for; `None` when a person cast it.
    pub mark: Option<Mark>,
}

/// All of them, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Everything up to this block is in it.
    pub upto: u64,
    /// It reaches as far as the chain was read: what is not in it has not happened.
    pub complete: bool,
    /// How proposals ended that positions were about.
    pub ended: BTreeMap<u64, Status>,
    /// Oldest first.
    pub deeds: Vec<Deed>,
}

impl History {
    /// Nothing is read yet; what comes before this block is of no interest.
    #[must_use]
    pub fn from_block(block: u64) -> Self {
        Self { upto: block.saturating_sub(1), ..Self::default() }
    }

    /// Takes a vote that is newer than all before.
    pub fn push(&mut self, deed: Deed) {
        if self.deeds.len() >= MOST {
            self.deeds.remove(0);
        }
        self.deeds.push(deed);
    }

    /// The proposal on which a position was carried out, and not taken back by its line's removal since.
    #[must_use]
    pub fn spent_on(&self, mark: Mark) -> Option<u64> {
        let last = self.deeds.iter().rev().find(|deed| deed.mark == Some(mark))?;
        (last.act != Act::TakeBack).then_some(last.id)
    }

    /// The position for which our vote on a proposal was cast; `None` when a person had the last word.
    #[must_use]
    pub fn cast_for(&self, id: u64) -> Option<Mark> {
        let last = self.deeds.iter().rev().find(|deed| deed.id == id)?;
        last.mark.filter(|_| last.act != Act::TakeBack)
    }

    /// Whether the last word on a proposal was a person's.
    #[must_use]
    pub fn by_hand(&self, id: u64) -> bool {
        self.deeds.iter().rev().find(|deed| deed.id == id).is_some_and(|deed| deed.mark.is_none())
    }

    /// The mark in call data, however a wallet wraps it.
    #[must_use]
    pub fn mark_in(input: &[u8]) -> Option<Mark> {
        let whole = MAGIC.len() + Mark::len_bytes();
        let found = input.windows(whole).rev().find(|window| window.starts_with(&MAGIC))?;
        Some(Mark::from_slice(&found[MAGIC.len()..]))
    }
}
