//! What can go wrong with Azure, and what a person does about it.

use operator_core::{api::conditions::reasons, network_info::Publication};
use std::path::PathBuf;

/// Why a container was not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AzureError {
    /// The file with certificate authorities is none.
    #[error("--azure-ca-file: {path} {reason}", path = path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A host that must not see a token.
    #[error(
        "{0} is none of the hosts to which the operator sends tokens of its identity; if it is Azure's storage, add it to the chart's azure.storageHosts"
    )]
    Host(String),
    /// Nothing to get tokens with.
    #[error(
        "the operator's pod has no workload identity: set the chart's azure.workloadIdentity.clientId, see docs/joining.md and docs/keys.md ({0})"
    )]
    NoIdentity(String),
    /// Not open to everybody, and there is no identity that could be sent.
    #[error("it is not for everybody to read ({refused}), and {why}")]
    Closed {
        /// What it says to anybody.
        refused: String,
        /// Why no identity is sent.
        why: String,
    },
    /// Somebody else wrote in between.
    #[error("somebody else wrote the blob at the same time")]
    Overtaken,
    /// What has the same cure for everybody.
    #[error(transparent)]
    Access(azure_access::AzureError),
}

impl From<azure_access::AzureError> for AzureError {
    fn from(error: azure_access::AzureError) -> Self {
        match error {
            azure_access::AzureError::NoIdentity(why) => Self::NoIdentity(why),
            azure_access::AzureError::Host(host) => Self::Host(host),
            azure_access::AzureError::Overtaken => Self::Overtaken,
            other => Self::Access(other),
        }
    }
}

impl AzureError {
    /// Whether somebody else's rights may do.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Access(error) if error.is_refusal())
    }

    /// As a publication that failed.
    pub(crate) fn told(&self, container: &str) -> Publication {
        use azure_access::AzureError as Of;
        let reason = match self {
            Self::NoIdentity(_) => reasons::AZURE_IDENTITY_MISSING,
            Self::Host(_) => reasons::AZURE_HOST_REFUSED,
            Self::Access(Of::Token(_)) => reasons::AZURE_TOKEN_REFUSED,
            Self::Access(Of::Refused { .. }) => reasons::CONTAINER_REFUSED,
            Self::Access(Of::Missing(_)) => reasons::CONTAINER_MISSING,
            _ => reasons::CONTAINER_UNREACHABLE,
        };
        Publication::Failed { reason, message: format!("{container}: {self}") }
    }
}

#[cfg(test)]
mod tests {
    use super::AzureError;
    use azure_access::AzureError as Of;
    use operator_core::network_info::Publication;

    #[test]
    fn every_refusal_has_a_reason_that_says_what_to_correct() {
        let refused = Of::Refused { status: 403, code: "AuthorizationPermissionMismatch".to_owned() };
        let busy = Of::Status { status: 503, code: "ServerBusy".to_owned() };
        for (error, reason) in [
            (refused, "ContainerRefused"),
            (Of::Missing("ContainerNotFound".to_owned()), "ContainerMissing"),
            (busy, "ContainerUnreachable"),
            (Of::Host("tokens.example.com".to_owned()), "AzureHostRefused"),
            (Of::NoIdentity("AZURE_TENANT_ID not set".to_owned()), "AzureIdentityMissing"),
            (Of::Token("AADSTS700213".to_owned()), "AzureTokenRefused"),
            (Of::Unreachable("no connection".to_owned()), "ContainerUnreachable"),
        ] {
            let error = AzureError::from(error);
            let Publication::Failed { reason: told, message } = error.told("https://a/net") else {
                panic!("{error} is a failure");
            };
            assert_eq!(told, reason, "{message}");
            assert!(message.starts_with("https://a/net: "), "{message}");
        }
    }
}
