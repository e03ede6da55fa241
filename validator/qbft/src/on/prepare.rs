//! Spec: UponPrepare.

use crate::{
    auth::Verified,
    block::Proposal,
    config::FUTURE_ROUNDS,
    instance::Instance,
    message::{Certificate, Prepare, Prepared},
    record::Record,
    reject::Rejected,
};
use alloc::sync::Arc;

impl<B: Proposal> Instance<B> {
    /// Counts a PREPARE of the current round, or of one soon to come.
    pub(crate) fn on_prepare(&mut self, vote: Verified<Prepare>) -> Result<(), Rejected> {
        let Prepare { round, digest, .. } = *vote.payload();
        if round < self.round {
            return Err(Rejected::OldRound { got: round, want: self.round });
        }
        self.check_near(round)?;
        let state = self.state(round);
        if let Some(accepted) = state.accepted.as_ref().filter(|accepted| accepted.digest != digest) {
            return Err(Rejected::WrongDigest { got: digest, want: accepted.digest });
        }
        state.prepares.insert(vote)?;
        self.check_prepared();
        Ok(())
    }

    pub(crate) fn check_near(&self, round: u32) -> Result<(), Rejected> {
        let limit = self.round.saturating_add(FUTURE_ROUNDS);
        if round > limit { Err(Rejected::FarRound { got: round, limit }) } else { Ok(()) }
    }

    /// A quorum has prepared the valid proposal of the current round: lock it, and commit to it.
    pub(crate) fn check_prepared(&mut self) {
        let (round, quorum) = (self.round, self.quorum());
        if self.prepared.as_ref().is_some_and(|lock| lock.prepared.round >= round) {
            return;
        }
        let Some(state) = self.known(round) else { return };
        let Some(accepted) = state.accepted.as_ref().filter(|accepted| accepted.valid) else { return };
        if state.prepares.count() < quorum {
            return;
        }
        let certificate = Arc::new(Certificate {
            prepared: Prepared { round, digest: accepted.digest },
            block: accepted.block.clone(),
            prepares: Arc::from(state.prepares.votes()),
        });
        self.prepared = Some(certificate.clone());
        self.cast(Record::Commit { height: self.height(), certificate });
    }
}
