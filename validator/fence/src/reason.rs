//! Why not.

use crate::{
    record::{Holder, Place},
    wire::RecordError,
};
use alloy_primitives::B256;

/// Why a vote is not granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another process votes, or nobody yet.
    #[error("this process does not hold the identity")]
    NotHolder,
    /// The wish is from before this process became the holder.
    #[error("the vote was decided on in epoch {got}, it is epoch {now} now")]
    OldEpoch {
        /// Of the wish.
        got: u64,
        /// The present one.
        now: u64,
    },
    /// A later slot is granted or asked for already.
    #[error("{got} lies before {newest}, which is taken")]
    Behind {
        /// The slot refused.
        got: Place,
        /// The newest one.
        newest: Place,
    },
    /// The slot is taken by another digest.
    #[error("at {place} {have} is granted, so {got} is not")]
    Conflict {
        /// The slot.
        place: Place,
        /// What is granted there.
        have: B256,
        /// What was asked for.
        got: B256,
    },
    /// A wish for a later round came before this one was granted.
    #[error("{place} was overtaken by a vote at {by}")]
    Overtaken {
        /// The slot refused.
        place: Place,
        /// The later one.
        by: Place,
    },
    /// The store takes no record of that length.
    #[error("a record of {got} bytes, the store takes {limit}: leave the block out of the evidence")]
    TooLarge {
        /// Its length.
        got: usize,
        /// Most.
        limit: usize,
    },
    /// Too many wait.
    #[error("{limit} votes wait for the store already")]
    Busy {
        /// Most that may wait.
        limit: usize,
    },
}

impl Refusal {
    /// For a metric.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotHolder => "not_holder",
            Self::OldEpoch { .. } => "old_epoch",
            Self::Behind { .. } => "behind",
            Self::Conflict { .. } => "conflict",
            Self::Overtaken { .. } => "overtaken",
            Self::TooLarge { .. } => "too_large",
            Self::Busy { .. } => "busy",
        }
    }
}

/// Why this process is the holder no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// Another one took over.
    #[error("{by} took the identity over (epoch {epoch})")]
    TakenOver {
        /// Who.
        by: Holder,
        /// In which epoch.
        epoch: u64,
    },
    /// Another one of the same name took over: the same manifest or a copy of the disk runs elsewhere.
    #[error(
        "another process under our own name, {by}, took the identity over (epoch {epoch}): the same manifest or a copy of this disk runs in a second place; stop one of them"
    )]
    Twin {
        /// Who.
        by: Holder,
        /// In which epoch.
        epoch: u64,
    },
    /// The record has writes under this process's id that it did not make: its memory was copied.
    #[error(
        "the record has writes under our own process id that we did not make (epoch {epoch}): a copy of this running process exists; stop both and start one"
    )]
    Copied {
        /// In which epoch.
        epoch: u64,
    },
}

/// Why this process does nothing at all until something outside has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// There is no record, and the identity is not known to be new.
    #[error(
        "the fence's record is missing although the identity has had one: what was signed is unknown. Bring the store's newest record back; a new one is only made for an identity that never voted"
    )]
    Missing,
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] RecordError),
    /// It is another identity's.
    #[error(
        "the fence's record is of {have}, this process votes for {want}: two identities were given one record"
    )]
    Foreign {
        /// In the store.
        have: B256,
        /// Ours.
        want: B256,
    },
    /// This process's own journal has later votes: the record is an old one.
    #[error(
        "the vote journal has {journal}, the fence's record only {record}: the store was set back, or votes were cast without it. Bring the store's newest record back"
    )]
    JournalAhead {
        /// Newest slot of the journal.
        journal: Place,
        /// Newest slot of the record.
        record: Place,
    },
    /// The store shows an older record than before, and goes on doing so.
    #[error(
        "the store shows revision {have} of the fence's record after it had shown {want}: it was set back. Bring the newest record back"
    )]
    SetBack {
        /// Shown now.
        have: u64,
        /// Known.
        want: u64,
    },
}

impl Stop {
    /// For a metric and a condition's reason.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Missing => "record_missing",
            Self::Unreadable(_) => "record_unreadable",
            Self::Foreign { .. } => "record_foreign",
            Self::JournalAhead { .. } => "journal_ahead",
            Self::SetBack { .. } => "record_set_back",
        }
    }
}
