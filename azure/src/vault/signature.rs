//! A vault's signature as Ethereum takes it. The vault gives `r ‖ s` without saying which of the points it is, and `s` may be the
//! high one.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey, signature::hazmat::PrehashVerifier};

/// Why a vault's signature is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Of another length.
    #[error("signature of {0} bytes, expected 64")]
    Length(usize),
    /// Numbers that are no signature.
    #[error("r or s is no scalar of the curve")]
    Scalars,
    /// Made with another key, or over something else.
    #[error("signature does not verify with the key that the vault showed")]
    Foreign,
}

/// `r ‖ s ‖ v` with low `s` and `v` 0 or 1, if this key signed this digest: what does not verify is never passed on.
pub fn recoverable(raw: &[u8], digest: &[u8; 32], key: &VerifyingKey) -> Result<[u8; 65], SignatureError> {
    let raw: &[u8; 64] = raw.try_into().map_err(|_| SignatureError::Length(raw.len()))?;
    let signature = Signature::from_slice(raw).map_err(|_| SignatureError::Scalars)?;
    let signature = signature.normalize_s().unwrap_or(signature);
    key.verify_prehash(digest, &signature).map_err(|_| SignatureError::Foreign)?;
    let recovery = RecoveryId::trial_recovery_from_prehash(key, digest, &signature)
        .map_err(|_| SignatureError::Foreign)?;
    // The curve point's x exceeded the order; chance 2^-127, and Ethereum has no word for it.
    if recovery.is_x_reduced() {
        return Err(SignatureError::Scalars);
    }
    let mut seal = [0; 65];
    seal[..64].copy_from_slice(&signature.to_bytes());
    seal[64] = recovery.to_byte();
    Ok(seal)
}

#[cfg(test)]
mod tests {
    use super::{SignatureError, recoverable};
    use k256::{
        Scalar,
        ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey},
    };

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_slice(&[byte; 32]).expect("a key")
    }

    fn high(signature: &Signature) -> Signature {
        let (r, s) = signature.split_scalars();
        let s: Scalar = -*s;
        Signature::from_scalars(r.to_bytes(), s.to_bytes()).expect("a signature")
    }

    #[test]
    fn a_signature_with_high_or_low_s_recovers_to_the_key_and_is_low() {
        for byte in 1..=32 {
            let (key, digest) = (key(byte), [byte; 32]);
            let (low, _) = key.sign_prehash_recoverable(&digest).expect("signs");
            for raw in [low, high(&low)] {
                let seal = recoverable(&raw.to_bytes(), &digest, key.verifying_key()).expect("used");
                assert_eq!(seal[..64], low.to_bytes()[..]);
                let recovery = RecoveryId::from_byte(seal[64]).expect("0 or 1");
                let who = VerifyingKey::recover_from_prehash(&digest, &low, recovery).expect("recovers");
                assert_eq!(&who, key.verifying_key());
            }
        }
    }

    #[test]
    fn what_the_key_did_not_sign_is_never_passed_on() {
        let (ours, digest) = (key(1), [7; 32]);
        let refused = |raw: &[u8], digest: &[u8; 32]| {
            recoverable(raw, digest, ours.verifying_key()).expect_err("refused")
        };
        let (theirs, _) = key(2).sign_prehash_recoverable(&digest).expect("signs");
        assert_eq!(refused(&theirs.to_bytes(), &digest), SignatureError::Foreign);
        let (other, _) = ours.sign_prehash_recoverable(&[8; 32]).expect("signs");
        assert_eq!(refused(&other.to_bytes(), &digest), SignatureError::Foreign);
        assert_eq!(refused(&[0; 64], &digest), SignatureError::Scalars);
        assert_eq!(refused(&[0xff; 64], &digest), SignatureError::Scalars);
        assert_eq!(refused(&[1; 63], &digest), SignatureError::Length(63));
        assert_eq!(refused(&[], &digest), SignatureError::Length(0));
    }
}
