//! Spec: UponPrepare.

use crate::{
    auth::Verified,
    block::Proposal,
    config::FUTURE_ROUNDS,
    instance::Instance,
    message::{Certificate, Prepare, Prepared},
    record::Record,
    reject::Rejected,
    round::Accepted,
    tally::Tally,
};
use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::B256;

impl<B: Proposal> Instance<B> {
    /// Counts a PREPARE of the current round, or of one soon to come.
    pub(crate) fn on_prepare(&mut self, vote: Verified<Prepare>) -> Result<(), Rejected> {
        let Prepare { round, digest, .. } = *vote.payload();
        if round < self.round {
            return Err(Rejected::OldRound { got: round, want: self.round });
        }
        self.check_near(round)?;
        let state = self.state(round);
        if let Some(accepted) = state.accepted.as_ref().filter(|accepted| !accepted.is_named(digest)) {
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
        let Some((digest, prepares)) = certifying(accepted, &state.prepares, quorum) else { return };
        let prepared = Prepared { round, digest };
        let certificate = Arc::new(Certificate { prepared, block: accepted.block.clone(), prepares });
        self.prepared = Some(certificate.clone());
        self.cast(Record::Commit { height: self.height(), certificate });
    }
}

/// A quorum of PREPAREs that name the block by one digest, its own before the other.
fn certifying<B: Proposal>(
    accepted: &Accepted<B>,
    prepares: &Tally<Prepare>,
    quorum: usize,
) -> Option<(B256, Arc<[Verified<Prepare>]>)> {
    [Some(accepted.digest), accepted.other].into_iter().flatten().find_map(|digest| {
        let named = prepares.votes().iter().filter(|vote| vote.payload().digest == digest);
        let named: Vec<_> = named.cloned().collect();
        (named.len() >= quorum).then(|| (digest, named.into()))
    })
}
