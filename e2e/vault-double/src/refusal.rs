//! Refusals in the shapes of Key Vault's: status, code, inner code and words.

use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) inner: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) retry_after_s: Option<u32>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: String) -> Self {
        Self { status, code, inner: None, message, retry_after_s: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadParameter", message.into())
    }

    pub(crate) fn unauthorised(message: impl Into<String>) -> Self {
        Self::new(401, "Unauthorized", message.into())
    }

    /// No role of the caller's holds the action.
    pub(crate) fn by_rbac(client: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid={client}\r\nAction: '{action}'\r\nResource: '{resource}'\r\nAssignment: (not found)\r\nDecisionReason: 'DeniedWithNoValidRBAC'\r\n"
        );
        Self { inner: Some("ForbiddenByRbac"), ..Self::new(403, "Forbidden", message) }
    }

    pub(crate) fn disabled(operation: &str, what: &str, inner: &'static str) -> Self {
        let message = format!("Operation {operation} is not allowed on a disabled {what}.");
        Self { inner: Some(inner), ..Self::new(403, "Forbidden", message) }
    }

    pub(crate) fn key_not_found(name: &str) -> Self {
        let message = format!(
            "A key with (name/id) {name} was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command."
        );
        Self::new(404, "KeyNotFound", message)
    }

    pub(crate) fn secret_not_found(name: &str) -> Self {
        let message = format!(
            "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command."
        );
        Self::new(404, "SecretNotFound", message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "NotFound", "No such path or method in this double.".to_owned())
    }

    pub(crate) fn conflict(message: String) -> Self {
        Self::new(409, "Conflict", message)
    }

    pub(crate) fn throttled(retry_after_s: Option<u32>) -> Self {
        let message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached";
        Self { retry_after_s, ..Self::new(429, "Throttled", message.to_owned()) }
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(503, "ServiceUnavailable", "The service is temporarily unavailable.".to_owned())
    }

    /// The document.
    pub(crate) fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(inner) = self.inner {
            error["innererror"] = json!({ "code": inner });
        }
        json!({ "error": error })
    }

    /// What it counts as.
    pub(crate) const fn outcome(&self) -> &'static str {
        match self.status {
            401 => "unauthorised",
            403 => "forbidden",
            404 => "not-found",
            409 => "conflict",
            429 => "throttled",
            500.. => "failed",
            _ => "bad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn a_refusal_has_the_shape_that_the_sdk_reads_codes_from() {
        let body = Refusal::disabled("sign", "key", "KeyDisabled").body();
        assert_eq!(body["error"]["code"], "Forbidden");
        assert_eq!(body["error"]["innererror"]["code"], "KeyDisabled");
        assert_eq!(body["error"]["message"], "Operation sign is not allowed on a disabled key.");
        assert!(Refusal::throttled(None).body()["error"].get("innererror").is_none());
    }
}
