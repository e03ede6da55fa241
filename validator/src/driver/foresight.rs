//! The seal of a COMMIT, asked for together with PREPARE where the signer is a network away, and withheld until it may be used.
//!
//! A seal in this node's memory is no vote: it leaves in a COMMIT and in nothing else, and the core asks for a COMMIT's
//! signatures only once its record, with the certificate that the block is prepared, is durable ([`super::sign`] is called then
//! and not before). A seal for a round that is not prepared is forgotten with the next one, and with the process.

use super::ProposedBlock;
use crate::signer::{Purpose, Request, Signer, SignerError};
use alloy_primitives::B256;
use chain::Seal;
use futures::future::{BoxFuture, FutureExt as _, Shared};
use qbft::{Proposal as _, Unsigned};
use std::{sync::Arc, time::Duration};

/// A signature on its way; whoever asks is told once it is there.
pub(super) type Awaited = Shared<BoxFuture<'static, Result<Seal, SignerError>>>;

/// The newest proposal and the newest seal, no more.
#[derive(Default)]
pub(super) struct Foresight {
    proposal: Option<Seen>,
    seal: Option<(B256, Awaited)>,
}

struct Seen {
    height: u64,
    round: u32,
    digest: B256,
    block: ProposedBlock,
}

impl Foresight {
    /// Notes a proposal that may get this node's PREPARE.
    pub(super) fn saw(&mut self, height: u64, round: u32, digest: B256, block: ProposedBlock) {
        self.proposal = Some(Seen { height, round, digest, block });
    }

    /// What a request tells of the COMMIT that may follow it: for a PREPARE, the seal is on its way from now on.
    pub(super) fn look(
        &mut self,
        unsigned: &Unsigned<ProposedBlock>,
        signer: &Arc<dyn Signer>,
        budget: Duration,
    ) -> Option<Awaited> {
        let prepare = match unsigned {
            Unsigned::Proposal(payload) => {
                self.saw(payload.height, payload.round, payload.block.digest(), payload.block.clone());
                return None;
            }
            Unsigned::Prepare(prepare) => prepare,
            Unsigned::Commit { .. } | Unsigned::RoundChange(_) => return None,
        };
        let is_of = |seen: &&Seen| {
            (seen.height, seen.round, seen.digest) == (prepare.height, prepare.round, prepare.digest)
        };
        let hash = self.proposal.as_ref().filter(is_of)?.block.commit_hash(prepare.round);
        let (signer, request) = (Arc::clone(signer), Request { hash, purpose: Purpose::CommitSeal, budget });
        let seal = async move { signer.sign(request).await }.boxed().shared();
        self.seal = Some((hash, seal.clone()));
        Some(seal)
    }

    /// The seal over this, if it was asked for; it is given out once.
    pub(super) fn seal_for(&mut self, unsigned: &Unsigned<ProposedBlock>) -> Option<(B256, Awaited)> {
        let Unsigned::Commit { commit_hash, .. } = unsigned else { return None };
        self.seal.take_if(|(hash, _)| hash == commit_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sign::tests::Recorder, *};
    use alloy_consensus::Header;
    use chain::{Extra, hash::ProposalRound};
    use devp2p::{Block, BlockBody};
    use qbft::message::{Prepare, ProposalPayload};

    fn block(height: u64, round: u32) -> ProposedBlock {
        let header =
            Header { number: height, extra_data: Extra::unsealed(round).to_bytes(), ..Header::default() };
        let block = Block { header, body: BlockBody::default() };
        ProposedBlock::new(Arc::new(block), ProposalRound::Real).unwrap()
    }

    fn prepare(block: &ProposedBlock, round: u32) -> Unsigned<ProposedBlock> {
        Unsigned::Prepare(Prepare { height: block.height(), round, digest: block.digest() })
    }

    fn commit(block: &ProposedBlock, round: u32) -> Unsigned<ProposedBlock> {
        let (height, digest, commit_hash) = (block.height(), block.digest(), block.commit_hash(round));
        Unsigned::Commit { height, round, digest, commit_hash }
    }

    fn signer() -> (Arc<Recorder>, Arc<dyn Signer>) {
        let recorder = Arc::new(Recorder::default());
        (Arc::clone(&recorder), recorder)
    }

    const BUDGET: Duration = Duration::from_secs(1);

    #[test]
    fn the_seal_is_asked_for_with_prepare_and_given_out_for_that_commit_only() {
        let (recorder, signer) = signer();
        let (ours, other) = (block(3, 1), block(4, 1));
        let mut foresight = Foresight::default();
        foresight.saw(3, 1, ours.digest(), ours.clone());
        let seal = foresight.look(&prepare(&ours, 1), &signer, BUDGET).expect("asked for");
        assert!(foresight.seal_for(&commit(&other, 1)).is_none());
        assert!(foresight.seal_for(&commit(&ours, 2)).is_none());
        assert!(foresight.seal_for(&prepare(&ours, 1)).is_none());
        let (hash, withheld) = foresight.seal_for(&commit(&ours, 1)).expect("withheld until now");
        assert_eq!(hash, ours.commit_hash(1));
        assert_eq!(withheld.now_or_never().unwrap(), seal.now_or_never().unwrap());
        assert!(foresight.seal_for(&commit(&ours, 1)).is_none(), "once");
        assert_eq!(*recorder.0.lock(), [(ours.commit_hash(1), Purpose::CommitSeal)]);
    }

    #[test]
    fn our_own_proposal_is_seen_too_and_what_was_not_seen_has_no_seal_ahead() {
        let (recorder, signer) = signer();
        let (ours, unseen) = (block(3, 0), block(3, 1));
        let mut foresight = Foresight::default();
        let proposal = Unsigned::Proposal(ProposalPayload { height: 3, round: 0, block: ours.clone() });
        assert!(foresight.look(&proposal, &signer, BUDGET).is_none());
        assert!(foresight.look(&prepare(&unseen, 1), &signer, BUDGET).is_none());
        assert!(foresight.look(&commit(&ours, 0), &signer, BUDGET).is_none());
        assert!(foresight.look(&prepare(&ours, 0), &signer, BUDGET).is_some());
        assert!(recorder.0.lock().is_empty(), "whoever is given it has to drive it");
    }

    #[test]
    fn of_two_rounds_the_later_ones_seal_is_kept() {
        let (_, signer) = signer();
        let (first, second) = (block(3, 0), block(3, 1));
        let mut foresight = Foresight::default();
        for (round, block) in [(0, &first), (1, &second)] {
            foresight.saw(3, round, block.digest(), block.clone());
            assert!(foresight.look(&prepare(block, round), &signer, BUDGET).is_some());
        }
        assert!(foresight.seal_for(&commit(&first, 0)).is_none());
        assert!(foresight.seal_for(&commit(&second, 1)).is_some());
    }
}
