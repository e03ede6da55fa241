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
                // Only a COMMIT takes two; a block need not be hashed again to find out.
                if !matches!(unsigned, Unsigned::Commit { .. }) {
                    return Ok(Signatures { message: seal, seal: None });
                }
                signed.push((missing, seal));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use futures::future::{BoxFuture, FutureExt as _, ready};
    use parking_lot::Mutex;

    /// Remembers what it was asked for; a signature starts with the first bytes of the hash.
    #[derive(Default)]
    struct Recorder(Mutex<Vec<B256>>);

    impl Signer for Recorder {
        fn address(&self) -> Address {
            Address::ZERO
        }

        fn sign(&self, hash: B256) -> BoxFuture<'_, Result<Seal, SignerError>> {
            self.0.lock().push(hash);
            ready(Ok(Seal::right_padding_from(hash.as_slice()))).boxed()
        }
    }

    #[test]
    fn a_commit_has_its_seal_signed_first_and_each_hash_once() {
        let commit_hash = B256::repeat_byte(7);
        let unsigned = Unsigned::Commit { height: 1, round: 0, digest: B256::ZERO, commit_hash };
        let signer = Recorder::default();
        let signatures = sign(&signer, &unsigned, Encoding::Besu26).now_or_never().unwrap().unwrap();
        let asked = signer.0.lock().clone();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0], commit_hash);
        assert_eq!(signatures.seal, Some(Seal::right_padding_from(commit_hash.as_slice())));
        assert_eq!(signatures.message, Seal::right_padding_from(asked[1].as_slice()));
    }
}
