//! An account of the member that signs: with a key from a Secret, read for this signature alone, or by the vault that has the key.

use crate::{
    azure::{Closed, OpenVault},
    calls::call,
    context::Context,
    error::Error,
};
use alloy_primitives::{Address, B256, Signature};
use azure_access::vault::VaultError;
use k8s_openapi::api::core::v1::Secret;
use k256::ecdsa::{RecoveryId, VerifyingKey};
use operator_core::{
    keys::{self, Key, address_of},
    validate::AccountKey,
    vault::KeyId,
};
use std::sync::Arc;

/// Why an account does not sign.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// Its key.
    #[error("account does not sign: {0}")]
    Key(#[from] k256::ecdsa::Error),
    /// The vault is not even asked.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The vault has asked to be left alone.
    #[error("vault {0} has asked to be left alone for a while")]
    Resting(String),
    /// Its vault.
    #[error("{id}: {error}")]
    Vault {
        /// Which key.
        id: Box<KeyId>,
        /// Why.
        error: VaultError,
    },
    /// Somebody else's signature.
    #[error("{id}: the vault's signature is not of {address}, which is on record; nothing is sent")]
    Foreign {
        /// Which key.
        id: Box<KeyId>,
        /// Whose it has to be.
        address: Address,
    },
}

/// One that can sign.
pub(crate) enum Account {
    /// With its key.
    Local(Box<Key>),
    /// By its vault.
    Vault {
        /// Its address.
        address: Address,
        /// The one version that is used.
        id: Box<KeyId>,
        /// Its vault.
        vault: Arc<OpenVault>,
    },
}

impl Account {
    /// Reads what stands in the Secret; `None` when that is not an account's, which the pass says itself.
    pub(crate) async fn open(
        context: &Context,
        namespace: &str,
        of: &AccountKey,
    ) -> Result<Option<Self>, Error> {
        let api = context.api::<Secret>(namespace);
        let Some(secret) = call("read Secret", api.get_opt(&of.secret)).await? else { return Ok(None) };
        let Some(place) = of.place() else {
            return Ok(keys::read(&secret).ok().map(|key| Self::Local(Box::new(key))));
        };
        let recorded = keys::recorded(&secret).and_then(Result::ok);
        let Some((address, id)) = recorded.filter(|(_, id)| id.place == *place) else { return Ok(None) };
        if context.vaults.rests(&id.place.vault).is_some() {
            return Err(AccountError::Resting(id.place.vault).into());
        }
        let vault = context.azure.vault(&id.place.vault).map_err(AccountError::from)?;
        Ok(Some(Self::Vault { address, id: Box::new(id), vault }))
    }

    /// Its address.
    pub(crate) const fn address(&self) -> Address {
        match self {
            Self::Local(key) => key.address,
            Self::Vault { address, .. } => *address,
        }
    }

    /// Its key is in a vault.
    pub(crate) const fn is_in_vault(&self) -> bool {
        matches!(self, Self::Vault { .. })
    }

    /// Signs a digest. A local key always gives the same signature (RFC 6979), a vault another one each time.
    pub(crate) async fn sign(&self, context: &Context, digest: B256) -> Result<Signature, AccountError> {
        match self {
            Self::Local(key) => Ok(Signature::from(key.signing.sign_prehash_recoverable(digest.as_slice())?)),
            Self::Vault { address, id, vault } => {
                let signed = vault.sign(&id.place.name, &id.version, digest.0).await;
                let raw = signed.map_err(|error| {
                    context.vaults.rest(&id.place.vault, &error);
                    AccountError::Vault { id: id.clone(), error }
                })?;
                recovered(&raw, digest, *address)
                    .ok_or_else(|| AccountError::Foreign { id: id.clone(), address: *address })
            }
        }
    }
}

/// The vault's `r ‖ s` as Ethereum takes it: low `s`, and which of two points it is; `None` when neither is this address.
fn recovered(raw: &[u8; 64], digest: B256, address: Address) -> Option<Signature> {
    let signature = k256::ecdsa::Signature::from_slice(raw).ok()?;
    let signature = signature.normalize_s().unwrap_or(signature);
    let ids = [false, true].map(|is_odd| RecoveryId::new(is_odd, false));
    let ours = |id: &RecoveryId| {
        let who = VerifyingKey::recover_from_prehash(digest.as_slice(), &signature, *id);
        who.is_ok_and(|who| address_of(&who) == address)
    };
    ids.into_iter().find(ours).map(|id| Signature::from((signature, id)))
}

#[cfg(test)]
mod tests {
    use super::recovered;
    use alloy_primitives::B256;
    use k256::{
        Scalar,
        ecdsa::{Signature, SigningKey},
    };
    use operator_core::keys::Key;

    #[test]
    fn a_vaults_signature_with_high_or_low_s_becomes_the_accounts_own_and_anothers_is_refused() {
        for seed in 1..=16 {
            let key = Key::new(SigningKey::from_slice(&[seed; 32]).expect("a key"));
            let digest = B256::repeat_byte(seed);
            let (low, id) = key.signing.sign_prehash_recoverable(digest.as_slice()).expect("signs");
            let (r, s) = low.split_scalars();
            let minus: Scalar = -*s;
            let high = Signature::from_scalars(r.to_bytes(), minus.to_bytes()).expect("a signature");
            let want = alloy_primitives::Signature::from((low, id));
            for raw in [low, high] {
                let raw: [u8; 64] = raw.to_bytes().into();
                assert_eq!(recovered(&raw, digest, key.address), Some(want));
                assert_eq!(recovered(&raw, B256::ZERO, key.address), None, "over something else");
            }
        }
        assert_eq!(recovered(&[0; 64], B256::ZERO, alloy_primitives::Address::ZERO), None);
    }
}
