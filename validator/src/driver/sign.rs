//! Signatures from a signer that may be a network away.

use super::{ProposedBlock, foresight::Awaited};
use crate::{
    metrics::Metrics,
    signer::{Purpose, Request, Signer, SignerError},
};
use alloy_primitives::B256;
use chain::Seal;
use futures::future::{BoxFuture, FutureExt as _};
use qbft::{Encoding, Input, Signatures, Ticket, Unsigned};
use std::{sync::Arc, time::Duration};

/// A vote that is being signed, from the core's request to the answer that the core is given.
pub struct Signing {
    /// The core's name for it.
    pub ticket: Ticket,
    /// What is signed.
    pub unsigned: Unsigned<ProposedBlock>,
    /// How the network writes messages.
    pub encoding: Encoding,
    /// How long anybody needs it.
    pub budget: Duration,
    /// A seal that was asked for ahead, and over which hash.
    pub ahead: Option<(B256, Awaited)>,
}

/// An answer for the core, or how to wait for it. Whoever may not wait gives the second to a task.
pub type Answer = Result<Input<ProposedBlock>, BoxFuture<'static, Input<ProposedBlock>>>;

impl Signing {
    /// Asks the signer. A key in memory has answered when this returns: a change of threads would cost half as much again as
    /// the signature. Not so for a PROPOSAL: its whole block is encoded and hashed for it, which may cost a hundred signatures.
    pub fn begin(self, signer: Arc<dyn Signer>, metrics: Arc<Metrics>) -> Answer {
        let takes_long = signer.is_remote() || matches!(self.unsigned, Unsigned::Proposal(_));
        let mut answer = self.answer(signer, metrics).boxed();
        if takes_long {
            return Err(answer);
        }
        (&mut answer).now_or_never().ok_or(answer)
    }

    async fn answer(self, signer: Arc<dyn Signer>, metrics: Arc<Metrics>) -> Input<ProposedBlock> {
        let Self { ticket, unsigned, encoding, budget, ahead } = self;
        let kind = purpose(&unsigned).label();
        match sign(signer.as_ref(), &unsigned, encoding, budget, ahead).await {
            Ok(signatures) => {
                metrics.votes_signed.get_or_create(&[("kind", kind)]).inc();
                Input::Signed { ticket, signatures }
            }
            Err(error) => {
                if error.is_told() {
                    tracing::debug!(%error, kind, "not signed");
                } else {
                    tracing::warn!(%error, kind, "not signed");
                }
                Input::SignFailed { ticket }
            }
        }
    }
}

/// What is signed.
pub(super) const fn purpose(unsigned: &Unsigned<ProposedBlock>) -> Purpose {
    match unsigned {
        Unsigned::Proposal(_) => Purpose::Proposal,
        Unsigned::Prepare(_) => Purpose::Prepare,
        Unsigned::Commit { .. } => Purpose::Commit,
        Unsigned::RoundChange(_) => Purpose::RoundChange,
    }
}

/// The round that a vote is of.
pub(super) const fn round(unsigned: &Unsigned<ProposedBlock>) -> u32 {
    match unsigned {
        Unsigned::Proposal(payload) => payload.round,
        Unsigned::Prepare(prepare) => prepare.round,
        Unsigned::Commit { round, .. } => *round,
        Unsigned::RoundChange(payload) => payload.round,
    }
}

/// Signs what the request takes, each signature within the budget. Which hash comes next may depend on the signature before it
/// (a COMMIT contains its seal), so the request is gone through until no signature is missing: at most three times. A seal that
/// was asked for ahead is taken, if it came.
async fn sign(
    signer: &dyn Signer,
    unsigned: &Unsigned<ProposedBlock>,
    encoding: Encoding,
    budget: Duration,
    ahead: Option<(B256, Awaited)>,
) -> Result<Signatures, SignerError> {
    let mut signed: Vec<(B256, Seal)> = Vec::new();
    if let Some((hash, seal)) = ahead
        && let Ok(seal) = seal.await
    {
        signed.push((hash, seal));
    }
    loop {
        let known = |hash: B256| signed.iter().find(|(h, _)| *h == hash).map(|(_, seal)| *seal).ok_or(hash);
        match unsigned.sign_with(encoding, known) {
            Ok(signatures) => return Ok(signatures),
            Err(hash) => {
                let is_seal =
                    matches!(unsigned, Unsigned::Commit { commit_hash, .. } if *commit_hash == hash);
                let purpose = if is_seal { Purpose::CommitSeal } else { purpose(unsigned) };
                let seal = signer.sign(Request { hash, purpose, budget }).await?;
                // Only a COMMIT takes two; a block need not be hashed again to find out.
                if !matches!(unsigned, Unsigned::Commit { .. }) {
                    return Ok(Signatures { message: seal, seal: None });
                }
                signed.push((hash, seal));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::signer::Snapshot;
    use alloy_consensus::Header;
    use alloy_primitives::Address;
    use chain::{Extra, hash::ProposalRound};
    use devp2p::{Block, BlockBody};
    use futures::future::{pending, ready};
    use parking_lot::Mutex;
    use qbft::message::ProposalPayload;

    const COMMIT_HASH: B256 = B256::repeat_byte(7);
    const COMMIT: Unsigned<ProposedBlock> =
        Unsigned::Commit { height: 1, round: 0, digest: B256::ZERO, commit_hash: COMMIT_HASH };
    const BUDGET: Duration = Duration::from_secs(1);

    /// Remembers what it was asked for; a signature starts with the first bytes of the hash.
    #[derive(Default)]
    pub(in crate::driver) struct Recorder(pub(in crate::driver) Mutex<Vec<(B256, Purpose)>>);

    impl Signer for Recorder {
        fn address(&self) -> Address {
            Address::ZERO
        }

        fn sign(&self, request: Request) -> BoxFuture<'_, Result<Seal, SignerError>> {
            self.0.lock().push((request.hash, request.purpose));
            ready(Ok(Seal::right_padding_from(request.hash.as_slice()))).boxed()
        }

        fn snapshot(&self) -> Snapshot {
            unreachable!("nobody asks")
        }
    }

    fn signed(signer: &Recorder, ahead: Option<(B256, Awaited)>) -> Signatures {
        sign(signer, &COMMIT, Encoding::Besu26, BUDGET, ahead).now_or_never().unwrap().unwrap()
    }

    fn awaited(outcome: Result<Seal, SignerError>) -> (B256, Awaited) {
        (COMMIT_HASH, ready(outcome).boxed().shared())
    }

    #[test]
    fn a_commit_has_its_seal_signed_first_and_each_hash_once() {
        let signer = Recorder::default();
        let signatures = signed(&signer, None);
        let asked = signer.0.lock().clone();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0], (COMMIT_HASH, Purpose::CommitSeal));
        assert_eq!(asked[1].1, Purpose::Commit);
        assert_eq!(signatures.seal, Some(Seal::right_padding_from(COMMIT_HASH.as_slice())));
        assert_eq!(signatures.message, Seal::right_padding_from(asked[1].0.as_slice()));
    }

    #[test]
    fn a_seal_that_came_ahead_is_not_asked_for_again_and_one_that_did_not_come_is() {
        let signer = Recorder::default();
        let seal = Seal::repeat_byte(9);
        assert_eq!(signed(&signer, Some(awaited(Ok(seal)))).seal, Some(seal));
        assert_eq!(
            signer.0.lock().iter().map(|(_, purpose)| *purpose).collect::<Vec<_>>(),
            [Purpose::Commit]
        );
        let signer = Recorder::default();
        signed(&signer, Some(awaited(Err(SignerError::OpenCircuit))));
        assert_eq!(signer.0.lock().len(), 2);
    }

    /// A network away, or not; never answers.
    struct Silent {
        is_remote: bool,
    }

    impl Signer for Silent {
        fn address(&self) -> Address {
            Address::ZERO
        }

        fn sign(&self, _: Request) -> BoxFuture<'_, Result<Seal, SignerError>> {
            pending().boxed()
        }

        fn is_remote(&self) -> bool {
            self.is_remote
        }

        fn snapshot(&self) -> Snapshot {
            unreachable!("nobody asks")
        }
    }

    fn begun(signer: Arc<dyn Signer>, unsigned: Unsigned<ProposedBlock>) -> Answer {
        let encoding = Encoding::Besu26;
        let signing = Signing { ticket: Ticket(3), unsigned, encoding, budget: BUDGET, ahead: None };
        signing.begin(signer, Arc::default())
    }

    #[test]
    fn a_key_in_memory_answers_where_it_is_asked_and_whoever_waits_is_left_to_a_task() {
        let Ok(Input::Signed { ticket: Ticket(3), .. }) = begun(Arc::new(Recorder::default()), COMMIT) else {
            panic!("no answer at once")
        };
        for is_remote in [true, false] {
            assert!(begun(Arc::new(Silent { is_remote }), COMMIT).is_err(), "{is_remote}");
        }
    }

    #[test]
    fn a_proposal_is_encoded_and_signed_by_a_task_wherever_the_key_is() {
        let header = Header { extra_data: Extra::unsealed(0).to_bytes(), ..Header::default() };
        let block = Arc::new(Block { header, body: BlockBody::default() });
        let block = ProposedBlock::new(block, ProposalRound::Real).unwrap();
        let signer = Arc::new(Recorder::default());
        let proposal = Unsigned::Proposal(ProposalPayload { height: 0, round: 0, block });
        let Err(answer) = begun(signer.clone(), proposal) else { panic!("signed where it was asked for") };
        assert_eq!(*signer.0.lock(), [], "nothing is encoded before somebody waits");
        assert!(matches!(answer.now_or_never(), Some(Input::Signed { ticket: Ticket(3), .. })));
    }
}
