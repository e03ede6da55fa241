//! What is made durable before anything is signed, and what a restart makes of it.

use crate::message::{Certificate, Justification, Phase, Prepare, ProposalPayload, RoundChange};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::B256;
use core::ops::RangeInclusive;

/// The intent to sign one message. It contains all that re-sending it, and keeping its promises, takes after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<B> {
    /// A proposal and its justification.
    Proposal {
        /// What will be signed.
        payload: ProposalPayload<B>,
        /// What goes with it.
        justification: Justification,
    },
    /// A PREPARE.
    Prepare(Prepare),
    /// A COMMIT, with the lock it stands on.
    Commit {
        /// Height.
        height: u64,
        /// The prepared certificate of the round that is committed.
        certificate: Arc<Certificate<B>>,
    },
    /// A ROUND-CHANGE, with the lock it carries.
    RoundChange {
        /// What will be signed.
        payload: RoundChange,
        /// Evidence for `payload.prepared`.
        certificate: Option<Arc<Certificate<B>>>,
    },
}

impl<B: crate::Proposal> Record<B> {
    /// Height.
    pub fn height(&self) -> u64 {
        match self {
            Self::Proposal { payload, .. } => payload.height,
            Self::Prepare(prepare) => prepare.height,
            Self::Commit { height, .. } => *height,
            Self::RoundChange { payload, .. } => payload.height,
        }
    }

    /// Round; the target round of a ROUND-CHANGE.
    pub fn round(&self) -> u32 {
        match self {
            Self::Proposal { payload, .. } => payload.round,
            Self::Prepare(prepare) => prepare.round,
            Self::Commit { certificate, .. } => certificate.prepared.round,
            Self::RoundChange { payload, .. } => payload.round,
        }
    }

    /// Phase. A journal refuses a second record for one (height, round, phase) unless it is the same.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Proposal { .. } => Phase::Proposal,
            Self::Prepare(_) => Phase::Prepare,
            Self::Commit { .. } => Phase::Commit,
            Self::RoundChange { .. } => Phase::RoundChange,
        }
    }

    /// What the vote is for: the block's digest; for a ROUND-CHANGE the prepared digest, or zero.
    pub fn digest(&self) -> B256 {
        match self {
            Self::Proposal { payload, .. } => payload.block.digest(),
            Self::Prepare(prepare) => prepare.digest,
            Self::Commit { certificate, .. } => certificate.prepared.digest,
            Self::RoundChange { payload, .. } => {
                payload.prepared.map_or(B256::ZERO, |prepared| prepared.digest)
            }
        }
    }
}

impl<B: Clone> Record<B> {
    /// The same with every block in it put through `with`: what a decoder cannot know of a block, its owner adds.
    #[must_use]
    pub fn with_blocks(self, with: impl Fn(B) -> B) -> Self {
        let certified = |certificate: Arc<Certificate<B>>| {
            let Certificate { prepared, block, prepares } = Arc::unwrap_or_clone(certificate);
            Arc::new(Certificate { prepared, block: with(block), prepares })
        };
        match self {
            Self::Proposal { payload, justification } => {
                let payload = ProposalPayload { block: with(payload.block), ..payload };
                Self::Proposal { payload, justification }
            }
            Self::Prepare(prepare) => Self::Prepare(prepare),
            Self::Commit { height, certificate } => {
                Self::Commit { height, certificate: certified(certificate) }
            }
            Self::RoundChange { payload, certificate } => {
                Self::RoundChange { payload, certificate: certificate.map(certified) }
            }
        }
    }
}

/// What the journal held at start: the records of the newest height in it.
#[derive(Clone, Debug)]
pub struct Recovered<B> {
    records: Vec<Arc<Record<B>>>,
}

impl<B> Default for Recovered<B> {
    /// Nothing was ever signed.
    fn default() -> Self {
        Self { records: Vec::new() }
    }
}

impl<B: crate::Proposal> Recovered<B> {
    /// From the journal's records, in any order; those below the newest height among them are dropped.
    pub fn new(records: impl IntoIterator<Item = Record<B>>) -> Self {
        let mut records: Vec<_> = records.into_iter().map(Arc::new).collect();
        let newest = records.iter().map(|record| record.height()).max().unwrap_or(0);
        records.retain(|record| record.height() == newest);
        Self { records }
    }

    /// The newest height that was voted at; `None` if nothing was.
    pub fn height(&self) -> Option<u64> {
        self.records.first().map(|record| record.height())
    }

    /// Those of these rounds. Kept are the later ones alone.
    pub(crate) fn take(&mut self, rounds: RangeInclusive<u32>) -> Vec<Arc<Record<B>>> {
        let (taken, others): (Vec<_>, _) = core::mem::take(&mut self.records)
            .into_iter()
            .partition(|record| rounds.contains(&record.round()));
        let is_later = |record: &Arc<Record<B>>| record.round() > *rounds.end();
        self.records = others.into_iter().filter(is_later).collect();
        taken
    }
}
