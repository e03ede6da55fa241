//! A Secret that stands for a key in a vault: it says where the key is and whose address it gives, and holds none.

use super::{SecretError, entry};
use crate::{
    names::{SECRET_ADDRESS, SECRET_KEY_ID, VAULT_RECORD},
    vault::KeyId,
};
use alloy_primitives::Address;
use k8s_openapi::api::core::v1::Secret;

/// What such a Secret says; `None` for one that holds a key.
pub fn recorded(secret: &Secret) -> Option<Result<(Address, KeyId), SecretError>> {
    if secret.type_.as_deref() != Some(VAULT_RECORD) {
        return None;
    }
    let read = || {
        let address = entry(secret, SECRET_ADDRESS)?.trim().parse().ok()?;
        Some((address, entry(secret, SECRET_KEY_ID)?.trim().parse().ok()?))
    };
    let name = secret.metadata.name.clone().unwrap_or_default();
    Some(read().ok_or(SecretError::Record { secret: name }))
}
