//! Spec: UponCommit.

use crate::{
    auth::Verified, block::Proposal, config::PAST_ROUNDS, instance::Instance, message::Commit,
    output::Output, reject::Rejected,
};

impl<B: Proposal> Instance<B> {
    /// Counts a COMMIT; a past round may still decide, because its quorum, once reached, has decided for everybody.
    pub(crate) fn on_commit(&mut self, vote: Verified<Commit>) -> Result<(), Rejected> {
        let Commit { round, digest, .. } = *vote.payload();
        if round < self.round.saturating_sub(PAST_ROUNDS) {
            return Err(Rejected::OldRound { got: round, want: self.round });
        }
        self.check_near(round)?;
        let state = self.state(round);
        if let Some(accepted) = &state.accepted {
            if !accepted.is_named(digest) {
                return Err(Rejected::WrongDigest { got: digest, want: accepted.digest });
            }
            if !accepted.is_sealed_by(&vote) {
                return Err(Rejected::BadSeal { author: vote.author() });
            }
        }
        state.commits.insert(vote)?;
        self.check_committed(round);
        Ok(())
    }

    /// A quorum has committed to a block that is here and valid: it is final, prepared here or not.
    pub(crate) fn check_committed(&mut self, round: u32) {
        let quorum = self.quorum();
        let Some(state) = self.known(round) else { return };
        let Some(accepted) = state.accepted.as_ref().filter(|accepted| accepted.valid) else { return };
        if self.is_decided || state.commits.count() < quorum {
            return;
        }
        let block = accepted.block.clone();
        let seals = state.commits.votes().iter().map(|vote| vote.payload().seal).collect();
        self.is_decided = true;
        self.out.push(Output::Finalise { block, round, seals });
    }
}
