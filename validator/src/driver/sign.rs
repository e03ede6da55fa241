//! Signatures from a signer that may be a network away.

use super::ProposedBlock;
use crate::signer::{Signer, SignerError};
use alloy_primitives::B256;
use chain::Seal;
use qbft::{Encoding, Signatures, Unsigned};

/// Signs what the request takes. Which hash comes next may depend on the signature before it (a COMMIT contains its
/// seal), so the request is gone through until no signature is missing: at most three times.
pub(super) async fn sign(
    signer: &dyn Signer,
    unsigned: &Unsigned<ProposedBlock>,
    encoding: Encoding,
) -> Result<Signatures, SignerError> {
    let mut signed: Vec<(B256, Seal)> = Vec::new();
    loop {
        let known = |hash: B256| signed.iter().find(|(h, _)| *h == hash).map(|(_, seal)| *seal).ok_or(hash);
        match unsigned.sign_with(encoding, known) {
            Ok(signatures) => return Ok(signatures),
            Err(missing) => {
                let seal = signer.sign(missing).await?;
                signed.push((missing, seal));
            }
        }
    }
}
