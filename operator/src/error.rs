//! What can go wrong in one pass; every class is tried again, sooner or later.

use crate::account::AccountError;
use operator_core::{
    cache::KeptError,
    validate::{self, InvalidField},
};

/// Why a pass ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server refused or could not be reached.
    #[error("{what}: {source}")]
    Kubernetes {
        /// Which call.
        what: &'static str,
        /// Why.
        source: Box<kube::Error>,
    },
    /// The API server refused an object of ours for what is in it: trying again changes nothing until the spec does.
    #[error("{0}")]
    Child(String),
    /// The API server did not answer in time.
    #[error("{what}: no answer within {seconds} s")]
    Deadline {
        /// Which call.
        what: &'static str,
        /// The deadline.
        seconds: u64,
    },
    /// An object does not serialise.
    #[error("object does not serialise: {0}")]
    Json(#[from] serde_json::Error),
    /// A kept object does not read back.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// A node configuration does not render.
    #[error(transparent)]
    Config(#[from] chain::config::ConfigError),
    /// A node's RPC refused or could not be reached.
    #[error("chain: {0}")]
    Chain(#[from] crate::chain_access::ChainError),
    /// The key does not sign.
    #[error("signature: {0}")]
    Sign(#[from] k256::ecdsa::Error),
    /// An account of the member does not sign.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The object has no namespace, which the API server never lets happen.
    #[error("object has no {0}")]
    Incomplete(&'static str),
    /// A watch began anew while we read the same: which of the two is newer cannot be told.
    #[error("{0} were listed anew while they were read for a decision: the next pass reads them again")]
    Overtaken(&'static str),
    /// Another operator leads, or may.
    #[error("another operator leads, or may: nothing is sent until this one has the lease")]
    NotLeading,
    /// The spec is refused; shown in the status, never returned from a pass.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
}

impl Error {
    /// Label of the error in metrics.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Kubernetes { .. } if self.is_conflict() => "conflict",
            Self::Kubernetes { .. } if self.is_not_leading() => "not-leading",
            Self::Kubernetes { .. } => "kubernetes",
            Self::Overtaken(_) => "conflict",
            Self::Deadline { .. } => "deadline",
            Self::Json(_) | Self::Kept(_) | Self::Config(_) | Self::Incomplete(_) => "render",
            Self::Chain(_) => "chain",
            Self::Sign(_) | Self::Account(_) => "sign",
            Self::NotLeading => "not-leading",
            Self::Invalid(_) | Self::Child(_) => "invalid",
        }
    }

    /// The same of a child's write: what its fields are refused for is said in the words of the spec.
    pub(crate) fn of_child(self, kind: &str, name: &str) -> Self {
        match self.said_of_child(kind, name) {
            Some(said) => Self::Child(said),
            None => self,
        }
    }

    /// What the API server refuses of a child's fields; `None` for what passes by itself.
    pub(crate) fn said_of_child(&self, kind: &str, name: &str) -> Option<String> {
        let status = self.answer().filter(|status| matches!(status.code, 400 | 422))?;
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        let causes: Vec<_> =
            causes.iter().map(|cause| (cause.field.clone(), cause.message.clone())).collect();
        Some(validate::refused_child(kind, name, &causes, &status.message))
    }

    /// Somebody else wrote first: reading again settles it.
    pub(crate) fn is_conflict(&self) -> bool {
        self.status_code() == Some(409)
    }

    /// What the API server answered with.
    pub(crate) fn status_code(&self) -> Option<u16> {
        self.answer().map(|status| status.code)
    }

    /// Code and message of the API server's answer, if that is what ended the pass.
    pub(crate) fn refusal(&self) -> Option<(u16, &str)> {
        self.answer().map(|status| (status.code, status.message.as_str()))
    }

    /// What the API server answered, if that is what ended the pass.
    fn answer(&self) -> Option<&kube::core::Status> {
        let Self::Kubernetes { source, .. } = self else { return None };
        match &**source {
            kube::Error::Api(status) => Some(status),
            _ => None,
        }
    }

    /// The write was held back here: this process does not lead.
    pub(crate) fn is_not_leading(&self) -> bool {
        match self {
            Self::Kubernetes { source, .. } => {
                matches!(&**source, kube::Error::Service(inner) if inner.is::<crate::client::NotLeading>())
            }
            Self::NotLeading => true,
            _ => false,
        }
    }
}
