//! The proof of possession with which the operator seats this node's identity, kept fresh while it has no seat.

use crate::{
    driver::DriverHandle,
    import::Importer,
    signer::{Purpose, Request, Signer, budget},
};
use alloy_primitives::Address;
use alloy_sol_types::SolCall as _;
use chain::{
    governance::{GOVERNANCE, Governance, PROOF_WINDOW, seat_digest, seat_signature},
    status::SeatProof,
};
use ledger::{At, CallError, CallRequest, CallStatus, HeadInfo, Ledger};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The newest proof.
pub type SeatProofWatch = watch::Receiver<Option<SeatProof>>;

/// A proof is made anew when a quarter of the blocks it is good for have passed.
const RENEW_AFTER: u64 = PROOF_WINDOW / 4;

/// Makes the proofs.
pub struct SeatProver {
    /// State to look the member up in.
    pub ledger: Ledger,
    /// Heads.
    pub importer: Arc<Importer>,
    /// Whether the identity has a seat.
    pub driver: DriverHandle,
    /// What this node may vote with, and the admin accounts of the members that the proofs are made out to.
    pub identities: Vec<(Arc<dyn Signer>, Address)>,
}

/// Why there is no proof yet.
#[derive(Debug, thiserror::Error)]
enum ProofError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("governance contract did not answer memberOf: {0:?}")]
    Answer(CallStatus),
    #[error("governance contract answered memberOf with something else: {0}")]
    Shape(#[from] alloy_sol_types::Error),
    #[error(transparent)]
    Signer(#[from] crate::signer::SignerError),
    #[error("reading the contract was cut short")]
    CutShort,
}

impl SeatProver {
    /// Runs until told to stop; the proof is absent until the member is known on chain.
    pub async fn run(self, proof: watch::Sender<Option<SeatProof>>, stop: CancellationToken) {
        let mut heads = self.importer.heads();
        let mut proven = None;
        loop {
            let head = heads.borrow_and_update().clone();
            let (identity, seated) = {
                let view = self.driver.view.borrow();
                (view.identity, view.seated)
            };
            if proven != identity {
                proof.send_replace(None);
                proven = identity;
            }
            let age = proof.borrow().as_ref().map(|p| head.number.saturating_sub(p.block_number));
            let own = self.identities.iter().find(|(signer, _)| Some(signer.address()) == identity);
            if let Some((signer, member)) =
                own.filter(|_| !seated && age.is_none_or(|age| age >= RENEW_AFTER))
            {
                match self.prove(signer.as_ref(), *member, &head).await {
                    Ok(made) => drop(proof.send_replace(made)),
                    Err(error) => tracing::debug!(%error, "no seat proof"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = heads.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn prove(
        &self,
        signer: &dyn Signer,
        member: Address,
        head: &HeadInfo,
    ) -> Result<Option<SeatProof>, ProofError> {
        let ledger = self.ledger.clone();
        let number = head.number;
        let id = tokio::task::spawn_blocking(move || member_id(&ledger, member, number))
            .await
            .map_err(|_| ProofError::CutShort)??;
        if id == 0 {
            return Ok(None);
        }
        let chain_id = self.ledger.genesis().config.chain_id;
        let hash = seat_digest(chain_id, id, signer.address(), head.number, head.hash);
        let request = Request { hash, purpose: Purpose::SeatProof, budget: budget::ASIDE };
        let seal = signer.sign(request).await?;
        Ok(Some(SeatProof {
            member,
            block_number: head.number,
            block_hash: head.hash,
            signature: seat_signature(&seal),
        }))
    }
}

/// The on-chain id of the member whose admin this is; 0 when there is none.
fn member_id(ledger: &Ledger, admin: Address, block: u64) -> Result<u32, ProofError> {
    let request = CallRequest {
        to: Some(GOVERNANCE),
        data: Governance::memberOfCall { account: admin }.abi_encode().into(),
        ..CallRequest::default()
    };
    let outcome = ledger.call(&request, At::Number(block))?;
    if outcome.status != CallStatus::Success {
        return Err(ProofError::Answer(outcome.status));
    }
    Ok(Governance::memberOfCall::abi_decode_returns(&outcome.output)?.id)
}
