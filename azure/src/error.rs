//! What can go wrong with Azure's storage and with the identity, and what a person does about it.

use azure_core::error::ErrorKind;

/// Longest word of others that is repeated.
const MOST_CHARACTERS: usize = 300;

/// Why a container was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum AzureError {
    /// TLS cannot be set up.
    #[error("tls: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// Not an address.
    #[error("is no address of a container: {0}")]
    Url(String),
    /// A host that must not see a token.
    #[error("{0} is none of the hosts to which tokens of the workload identity are sent")]
    Host(String),
    /// Nothing to get tokens with.
    #[error("the pod has no workload identity ({0})")]
    NoIdentity(String),
    /// No token.
    #[error("Microsoft Entra gives the workload identity no token: {0}")]
    Token(String),
    /// No right.
    #[error(
        "{status} {code}: the workload identity needs a role on the container, Storage Blob Data Contributor to write and Storage Blob Data Reader to read, and the account's firewall has to let it in"
    )]
    Refused {
        /// HTTP status.
        status: u16,
        /// Azure's word.
        code: String,
    },
    /// No such container.
    #[error("404 {0}: there is no such container, or it is not for everybody to read")]
    Missing(String),
    /// Somebody else wrote in between.
    #[error("somebody else wrote the blob at the same time")]
    Overtaken,
    /// Another answer.
    #[error("answers {status} {code}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Azure's word.
        code: String,
    },
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
}

impl From<azure_core::Error> for AzureError {
    fn from(error: azure_core::Error) -> Self {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, .. } => {
                let (status, code) =
                    (u16::from(*status), error_code.as_deref().map(short).unwrap_or_default());
                match status {
                    401 | 403 => Self::Refused { status, code },
                    404 => Self::Missing(code),
                    // Of what is done here, only writes are conditional.
                    409 if code == "BlobAlreadyExists" => Self::Overtaken,
                    412 => Self::Overtaken,
                    _ => Self::Status { status, code },
                }
            }
            ErrorKind::Credential => Self::Token(short(lasting(&error.to_string()))),
            _ => Self::Unreachable(short(&error.to_string())),
        }
    }
}

impl AzureError {
    /// Whether somebody else's rights may do.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Missing(_) | Self::Status { status: 409, .. })
    }
}

/// Entra's words without what it says anew each time, numbers and the hour of the request: the same refusal is no news. The SDK
/// cannot read answers whose words hold a line's end, and quotes them.
pub(crate) fn lasting(text: &str) -> &str {
    let said = text.find("AADSTS").map_or(text, |at| &text[at..]);
    let said = said.split_once("Trace ID:").map_or(said, |(before, _)| before);
    said.trim_end().trim_end_matches("\\r\\n").trim_end()
}

/// One line, not longer than a condition takes.
pub(crate) fn short(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::{AzureError, MOST_CHARACTERS};
    use azure_core::error::{Error, ErrorKind};

    fn answer(status: u16, code: &str) -> AzureError {
        let kind = ErrorKind::HttpResponse {
            status: status.into(),
            error_code: Some(code.to_owned()),
            raw_response: None,
        };
        Error::with_message(kind, "said").into()
    }

    #[test]
    fn the_same_refusal_of_entra_reads_the_same_each_time() {
        let said = |trace: u8, end: &str| {
            let text = format!(
                "failed. string \"AADSTS700213: No matching record.{end}Trace ID: {trace}{end}Timestamp: 0{trace}Z"
            );
            AzureError::from(Error::with_message(ErrorKind::Credential, text)).to_string()
        };
        assert_eq!(said(1, "\r\n"), said(2, "\r\n"));
        assert_eq!(said(1, "\r\n"), said(2, "\\r\\n"), "as the SDK quotes it");
        assert!(
            said(1, "\r\n").ends_with("no token: AADSTS700213: No matching record."),
            "{}",
            said(1, "\r\n")
        );
    }

    #[test]
    fn a_write_that_came_second_is_known_and_long_words_of_others_are_cut() {
        assert!(matches!(answer(412, "ConditionNotMet"), AzureError::Overtaken));
        assert!(matches!(answer(409, "BlobAlreadyExists"), AzureError::Overtaken));
        assert!(answer(409, "PublicAccessNotPermitted").is_refusal(), "the identity may yet be let in");
        let long = AzureError::from(Error::with_message(ErrorKind::Io, "x\n".repeat(4000)));
        assert_eq!(long.to_string().chars().count(), MOST_CHARACTERS);
    }
}
