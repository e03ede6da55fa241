//! A key vault, as the operator reaches it by its own workload identity: what it lists, makes and signs.

use crate::metrics::VaultMetrics;
use alloy_primitives::Address;
use azure_access::vault::{Protection, VaultError, VaultKeys, VaultSecrets};
use k256::ecdsa::VerifyingKey;
use operator_core::{
    keys::{Key, address_of},
    vault::{ADDRESS_TAG, Home, KeyPlace, Trouble, TroubleKind, Version},
};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// HTTP 400: what a vault of the standard tier answers to a key in hardware.
const BAD_REQUEST: u16 = 400;
/// HTTP 409: a deleted key has the name.
const CONFLICT: u16 = 409;

/// One vault.
pub(crate) struct OpenVault {
    pub(super) keys: VaultKeys,
    pub(super) secrets: VaultSecrets,
    pub(super) metrics: VaultMetrics,
}

impl OpenVault {
    fn counted<T>(&self, operation: &'static str, answer: Result<T, VaultError>) -> Result<T, VaultError> {
        self.metrics.asked(operation, answer.as_ref().map_or_else(VaultError::label, |_| "ok"));
        answer
    }

    /// The versions under a name; none when there is no such name.
    pub(crate) async fn versions(&self, place: &KeyPlace) -> Result<Vec<Version>, VaultError> {
        let listed = match place.home {
            Home::Key => self.keys.versions(&place.name).await,
            Home::Secret => self.secrets.versions(&place.name).await,
        };
        match self.counted("versions", listed) {
            Ok(versions) => Ok(versions.into_iter().map(version).collect()),
            Err(VaultError::NotFound(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Makes a key there; where the vault only keeps it, `fresh` is what it keeps.
    pub(crate) async fn make(
        &self,
        place: &KeyPlace,
        mut tags: BTreeMap<String, String>,
        fresh: impl FnOnce() -> Result<Key, k256::ecdsa::Error>,
    ) -> Result<Version, VaultError> {
        match place.home {
            Home::Key => {
                let made = self.keys.create(&place.name, Protection::Hsm, tags).await;
                Ok(version(self.counted("make", made)?.version))
            }
            Home::Secret => {
                let key = fresh().map_err(|error| VaultError::Malformed(error.to_string()))?;
                tags.insert(ADDRESS_TAG.to_owned(), key.address.to_string());
                let value = Zeroizing::new(key.to_hex());
                drop(key);
                let set = self.secrets.set(&place.name, &value, tags).await;
                Ok(version(self.counted("make", set)?))
            }
        }
    }

    /// What a version of a key verifies with.
    pub(crate) async fn address(&self, name: &str, version: &str) -> Result<Address, VaultError> {
        let shown = self.keys.get(name, Some(version)).await;
        let public: VerifyingKey = self.counted("address", shown)?.public;
        Ok(address_of(&public))
    }

    /// `r ‖ s` over a digest.
    pub(crate) async fn sign(
        &self,
        name: &str,
        version: &str,
        digest: [u8; 32],
    ) -> Result<[u8; 64], VaultError> {
        let signed = self.keys.sign(name, version, digest).await;
        self.counted("sign", signed)
    }
}

fn version(of: azure_access::vault::Version) -> Version {
    Version { id: of.version, usable: of.enabled, created: of.created, tags: of.tags }
}

/// As a person is told of it.
pub(crate) fn trouble(error: &VaultError) -> Trouble {
    let hint = match error {
        VaultError::Host(_) => "; if it is a vault, add its host to the chart's azure.vaultHosts",
        VaultError::Forbidden { .. } => {
            "; the operator's workload identity needs the role of a creator on the vault (docs/keys.md, Roles)"
        }
        VaultError::Status { status: BAD_REQUEST, .. } => {
            "; keys in hardware (EC-HSM) take a vault of the premium tier, or make the key by hand with --kty EC and set create to false"
        }
        _ => "",
    };
    let kind = match error {
        VaultError::Host(_) => TroubleKind::Host,
        VaultError::Token(_) | VaultError::Unauthorised { .. } => TroubleKind::Token,
        VaultError::Forbidden { .. } => TroubleKind::Refused,
        VaultError::Throttled { .. } => TroubleKind::Throttled,
        VaultError::Status { status: CONFLICT, .. } => TroubleKind::Deleted,
        VaultError::Status { status: BAD_REQUEST, .. }
        | VaultError::Malformed(_)
        | VaultError::Versions { .. } => TroubleKind::Unfit,
        _ => TroubleKind::Unreachable,
    };
    Trouble { kind, message: format!("{error}{hint}") }
}

#[cfg(test)]
mod tests {
    use super::trouble;
    use azure_access::vault::VaultError;
    use operator_core::vault::TroubleKind;

    #[test]
    fn admission_and_nodes_know_the_same_hosts_as_azures() {
        assert_eq!(operator_core::validate::VAULT_HOSTS, azure_access::hosts::VAULTS);
    }

    #[test]
    fn every_answer_of_a_vault_says_who_has_to_do_what() {
        let code = || "word".to_owned();
        for (error, kind, word) in [
            (VaultError::Host("evil.example".to_owned()), TroubleKind::Host, "azure.vaultHosts"),
            (VaultError::Token("AADSTS700213".to_owned()), TroubleKind::Token, "AADSTS700213"),
            (VaultError::Unauthorised { code: code() }, TroubleKind::Token, "401"),
            (VaultError::Forbidden { code: code() }, TroubleKind::Refused, "docs/keys.md"),
            (VaultError::Throttled { retry_after: None }, TroubleKind::Throttled, "429"),
            (VaultError::Status { status: 409, code: code() }, TroubleKind::Deleted, "409"),
            (VaultError::Status { status: 400, code: code() }, TroubleKind::Unfit, "premium"),
            (VaultError::Malformed("another curve".to_owned()), TroubleKind::Unfit, "another curve"),
            (
                VaultError::Versions { name: "a".to_owned(), most: 500 },
                TroubleKind::Unfit,
                "more than 500 versions",
            ),
            (VaultError::Unavailable { status: 503, code: code() }, TroubleKind::Unreachable, "503"),
            (VaultError::Deadline, TroubleKind::Unreachable, "in time"),
        ] {
            let told = trouble(&error);
            assert_eq!(told.kind, kind, "{error}");
            assert!(told.message.contains(word), "{}", told.message);
        }
    }
}
