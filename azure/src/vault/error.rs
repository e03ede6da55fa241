//! What a vault answers instead of what was asked for, and what is to be done about it.

use crate::{
    NotReached,
    error::{lasting, short},
};
use azure_core::{
    error::ErrorKind,
    http::{RawResponse, headers::HeaderName},
};
use serde::Deserialize;
use std::{error::Error as _, time::Duration};

/// Longest pause that a vault's word is taken for.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// Longest answer that is looked into for a reason.
const MOST_REASON_BYTES: usize = 16 << 10;

/// Why a vault did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Not the address of a vault.
    #[error("vault address {url:?} {reason}; write https://<name>.vault.azure.net")]
    Address {
        /// As written.
        url: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A host that must not see a token.
    #[error(
        "{0} is no host of Azure's vaults: tokens go to others only where a certificate authority of one's own is named with them"
    )]
    Host(String),
    /// Not a name in a vault.
    #[error("{what} {got:?} is no name in a vault: 1 to 127 letters, digits and dashes")]
    Name {
        /// Of what.
        what: &'static str,
        /// As written.
        got: String,
    },
    /// Entra gives no token.
    #[error(
        "Microsoft Entra gives no token: {0}; compare the federated credential with the pod's service account"
    )]
    Token(String),
    /// The vault does not take the token.
    #[error("401 {code}: the vault does not take the token; compare the tenant, and the clocks")]
    Unauthorised {
        /// The vault's word.
        code: String,
    },
    /// Asked too often.
    #[error("429: the vault is asked more often than it allows; see how many validators one vault carries")]
    Throttled {
        /// How long it wants to be left alone, if it says so.
        retry_after: Option<Duration>,
    },
    /// No right, or not yet: a role takes up to ten minutes to be in force.
    #[error(
        "403 {code}: the identity has no role for this in the vault, or not yet (up to ten minutes), or the vault's firewall keeps it out"
    )]
    Forbidden {
        /// The vault's word.
        code: String,
    },
    /// The key or secret exists and is switched off, or outside its time.
    #[error("403 {0}: this version is disabled or outside its validity; enable it in the vault")]
    Disabled(String),
    /// No such key or secret.
    #[error("404 {0}: no such name or version in the vault; if it was deleted, recover it")]
    NotFound(String),
    /// More versions than are looked at: which is the newest cannot be told.
    #[error(
        "{name} has more than {most} versions, and which is the newest cannot be told; use another name, and turn rotation policies off"
    )]
    Versions {
        /// Of the key or secret.
        name: String,
        /// Versions that are looked at.
        most: usize,
    },
    /// The vault is in trouble.
    #[error("{status} {code}: the vault is not available")]
    Unavailable {
        /// HTTP status.
        status: u16,
        /// The vault's word.
        code: String,
    },
    /// No connection, or cut off.
    #[error("{0}")]
    Network(String),
    /// No answer in time.
    #[error("no answer from the vault in time")]
    Deadline,
    /// Not what was asked for.
    #[error("the vault's answer is not what was asked for: {0}")]
    Malformed(String),
    /// Another refusal.
    #[error("{status} {code}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The vault's word.
        code: String,
    },
}

impl VaultError {
    /// Whether the same call may go well a moment later, without anybody doing anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Throttled { .. }
                | Self::Unauthorised { .. }
                | Self::Unavailable { .. }
                | Self::Network(_)
                | Self::Deadline
                | Self::Malformed(_)
        )
    }

    /// How long the vault wants to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// One word, for counters.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Address { .. } | Self::Host(_) | Self::Name { .. } => "misconfigured",
            Self::Token(_) | Self::Unauthorised { .. } => "token",
            Self::Throttled { .. } => "throttled",
            Self::Forbidden { .. } => "forbidden",
            Self::Disabled(_) => "disabled",
            Self::NotFound(_) => "not_found",
            Self::Versions { .. } => "versions",
            Self::Unavailable { .. } | Self::Status { .. } => "unavailable",
            Self::Network(_) => "network",
            Self::Deadline => "deadline",
            Self::Malformed(_) => "malformed",
        }
    }
}

impl From<azure_core::Error> for VaultError {
    fn from(error: azure_core::Error) -> Self {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, raw_response } => {
                let code = error_code.as_deref().map(short).unwrap_or_default();
                answered(u16::from(*status), code, raw_response.as_deref())
            }
            _ => not_reached(&error),
        }
    }
}

fn answered(status: u16, code: String, answer: Option<&RawResponse>) -> VaultError {
    match status {
        401 => VaultError::Unauthorised { code },
        403 => {
            let inner = answer.and_then(inner_code);
            match inner.as_deref() {
                // The same for keys and secrets, and for those outside their time.
                Some("KeyDisabled" | "SecretDisabled" | "KeyNotYetValid" | "KeyExpired") => {
                    VaultError::Disabled(inner.unwrap_or_default())
                }
                _ => VaultError::Forbidden { code: inner.unwrap_or(code) },
            }
        }
        404 => VaultError::NotFound(code),
        408 => VaultError::Deadline,
        429 => VaultError::Throttled { retry_after: answer.and_then(retry_after) },
        500.. => VaultError::Unavailable { status, code },
        _ => VaultError::Status { status, code },
    }
}

/// Where the transport failed, its own word is somewhere below; where Entra did, the SDK says so.
fn not_reached(error: &azure_core::Error) -> VaultError {
    let mut below: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(next) = below {
        match next.downcast_ref::<NotReached>() {
            Some(NotReached::Deadline(_)) => return VaultError::Deadline,
            Some(other) => return VaultError::Network(short(&other.to_string())),
            None => below = next.source(),
        }
    }
    let told = error.to_string();
    match error.kind() {
        ErrorKind::Credential => VaultError::Token(short(lasting(&told))),
        ErrorKind::DataConversion => VaultError::Malformed(short(&told)),
        _ => VaultError::Network(short(&told)),
    }
}

fn retry_after(answer: &RawResponse) -> Option<Duration> {
    let text = answer.headers().get_optional_str(&HeaderName::from_static("retry-after"))?;
    // A date in its place is none of ours to read: the caller's own pause holds.
    let seconds = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

#[derive(Deserialize)]
struct Answer {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    innererror: Inner,
}

#[derive(Deserialize)]
struct Inner {
    code: String,
}

fn inner_code(answer: &RawResponse) -> Option<String> {
    let body = answer.body().as_ref();
    let answer: Answer = serde_json::from_slice(body.get(..body.len().min(MOST_REASON_BYTES))?).ok()?;
    Some(short(&answer.error.innererror.code))
}

#[cfg(test)]
mod tests {
    use super::VaultError;
    use crate::NotReached;
    use azure_core::{
        Bytes,
        error::{Error, ErrorKind},
        http::{RawResponse, headers::Headers},
    };
    use std::time::Duration;

    fn answer(status: u16, code: &str, headers: &[(&'static str, &'static str)], body: &str) -> VaultError {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.insert(*name, *value);
        }
        let raw = RawResponse::from_bytes(status.into(), all, Bytes::from(body.to_owned()));
        let kind = ErrorKind::HttpResponse {
            status: status.into(),
            error_code: Some(code.to_owned()),
            raw_response: Some(Box::new(raw)),
        };
        Error::with_message(kind, "said").into()
    }

    #[test]
    fn every_answer_says_what_is_to_be_done() {
        let disabled = r#"{"error":{"code":"Forbidden","message":"m","innererror":{"code":"KeyDisabled"}}}"#;
        let no_role =
            r#"{"error":{"code":"Forbidden","message":"m","innererror":{"code":"ForbiddenByRbac"}}}"#;
        for (error, label, passing) in [
            (answer(401, "Unauthorized", &[], ""), "token", true),
            (answer(403, "Forbidden", &[], disabled), "disabled", false),
            (answer(403, "Forbidden", &[], no_role), "forbidden", false),
            (answer(403, "Forbidden", &[], "not JSON"), "forbidden", false),
            (answer(404, "KeyNotFound", &[], ""), "not_found", false),
            (answer(429, "Throttled", &[], ""), "throttled", true),
            (answer(500, "InternalServerError", &[], ""), "unavailable", true),
            (answer(503, "ServiceUnavailable", &[], ""), "unavailable", true),
            (answer(400, "BadParameter", &[], ""), "unavailable", false),
            (Error::with_message(ErrorKind::Credential, "AADSTS700213").into(), "token", false),
            (Error::with_message(ErrorKind::Io, "no route").into(), "network", true),
        ] {
            assert_eq!((error.label(), error.is_passing()), (label, passing), "{error}");
        }
    }

    #[test]
    fn a_vaults_wish_to_be_left_alone_is_heard_and_bounded() {
        let after = |value| answer(429, "Throttled", &[("retry-after", value)], "").retry_after();
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("99999999"), Some(Duration::from_hours(1)));
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(answer(503, "Busy", &[("retry-after", "7")], "").retry_after(), None);
    }

    #[test]
    fn silence_is_told_from_a_lost_connection_even_below_the_identity() {
        let below = |error: NotReached| {
            let inner = Error::with_error(ErrorKind::Io, error, "transport");
            VaultError::from(Error::with_error(ErrorKind::Credential, inner, "no token"))
        };
        assert_eq!(below(NotReached::Deadline(Duration::from_secs(1))), VaultError::Deadline);
        assert!(matches!(below(NotReached::Connection("refused".to_owned())), VaultError::Network(_)));
    }
}
