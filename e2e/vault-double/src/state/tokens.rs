//! Microsoft Entra, as far as a workload identity meets it: an assertion for an access token, and the pages that say where.

use super::{Answer, Asked, State};
use crate::{
    assertion::{self, AssertionError},
    faults::TokenClock,
    jwt::{self, Claims},
};
use serde_json::json;
use std::collections::BTreeMap;

/// Seconds that a token is good for.
const LIFETIME_S: u64 = 3600;
/// Seconds that a wrong clock is off.
const OFF_S: u64 = 4 * 3600;
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why there is no token, in Entra's words.
#[derive(Debug, thiserror::Error)]
enum NoToken {
    #[error("AADSTS90002: Tenant '{0}' not found.")]
    Tenant(String),
    #[error("AADSTS70003: The app requested an unsupported grant type or assertion type.")]
    Grant,
    #[error(
        "AADSTS1002012: The provided value for scope '{0}' is not valid. Client credential flows must have a scope value with /.default suffixed."
    )]
    Scope(String),
    #[error("AADSTS700016: Application with identifier '{0}' was not found in the directory.")]
    Client(String),
    #[error(transparent)]
    Assertion(#[from] AssertionError),
}

impl NoToken {
    const fn code(&self) -> (&'static str, u32) {
        match self {
            Self::Tenant(_) => ("invalid_request", 90_002),
            Self::Grant => ("unsupported_grant_type", 70_003),
            Self::Scope(_) => ("invalid_scope", 1_002_012),
            Self::Client(_) => ("unauthorized_client", 700_016),
            Self::Assertion(error) => ("invalid_client", error.number()),
        }
    }
}

impl State {
    /// What Entra answers, if the request is for it.
    pub(super) fn entra(&mut self, asked: &Asked, now: u64) -> Option<Answer> {
        let parts: Vec<&str> = asked.path.split('/').filter(|part| !part.is_empty()).collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("POST", [tenant, "oauth2", "v2.0", "token"]) => Some(self.token(asked, tenant, now)),
            ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
                let base = format!("{}/{tenant}", asked.base());
                Some(Answer::ok(json!({
                    "issuer": format!("{base}/v2.0"), "token_endpoint": format!("{base}/oauth2/v2.0/token"),
                    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                })))
            }
            ("GET", ["common", "discovery", "instance"]) => {
                let page = format!("{}/{}/v2.0/.well-known/openid-configuration", asked.base(), self.tenant);
                let host = asked.host.as_str();
                let names = json!({ "preferred_network": host, "preferred_cache": host, "aliases": [host] });
                Some(Answer::ok(json!({
                    "tenant_discovery_endpoint": page, "api-version": "1.1", "metadata": [names],
                })))
            }
            _ => None,
        }
    }

    fn token(&mut self, asked: &Asked, tenant: &str, now: u64) -> Answer {
        let issued = self.issued(asked, tenant, now);
        self.log.count("token", if issued.is_ok() { "served" } else { "refused" });
        if let Ok(token) = &issued {
            self.log.issued(token.clone());
        }
        match issued {
            Ok(token) => Answer::ok(json!({
                "token_type": "Bearer", "expires_in": LIFETIME_S, "ext_expires_in": LIFETIME_S,
                "access_token": token,
            })),
            Err(error) => {
                let (code, number) = error.code();
                // As Entra ends its words: with what is new each time.
                let words = format!("{error}\r\nTrace ID: 0\r\nCorrelation ID: 0\r\nTimestamp: {now}");
                let body = json!({
                    "error": code, "error_description": words, "error_codes": [number],
                    "timestamp": now.to_string(), "trace_id": "0", "correlation_id": "0",
                });
                Answer { status: if code == "invalid_client" { 401 } else { 400 }, headers: Vec::new(), body }
            }
        }
    }

    fn issued(&self, asked: &Asked, tenant: &str, now: u64) -> Result<String, NoToken> {
        if tenant != self.tenant {
            return Err(NoToken::Tenant(tenant.to_owned()));
        }
        let form = form(&String::from_utf8_lossy(&asked.body));
        let value = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_wanted =
            value("grant_type") == "client_credentials" && value("client_assertion_type") == ASSERTION;
        if !is_wanted {
            return Err(NoToken::Grant);
        }
        let scope = value("scope");
        let audience = scope.strip_suffix("/.default").ok_or_else(|| NoToken::Scope(scope.to_owned()))?;
        let id = value("client_id");
        let client = self.clients.get(id).ok_or_else(|| NoToken::Client(id.to_owned()))?;
        assertion::check(value("client_assertion"), &client.subjects, &self.issuer, now)?;
        let clock = match self.faults.tokens {
            TokenClock::Right => now,
            TokenClock::Behind => now.saturating_sub(OFF_S),
            TokenClock::Ahead => now.saturating_add(OFF_S),
        };
        Ok(jwt::issue(
            &self.secret,
            &Claims {
                aud: audience.to_owned(),
                iss: format!("https://sts.windows.net/{}/", self.tenant),
                appid: client.client_id.clone(),
                tid: self.tenant.clone(),
                iat: clock,
                nbf: clock,
                exp: clock.saturating_add(LIFETIME_S),
            },
        ))
    }
}

/// The fields of a form.
fn form(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        if let Some(value) = escaped.and_then(|digits| hex::decode(digits).ok()) {
            out.extend(value);
            at += 3;
        } else {
            out.push(if *byte == b'+' { b' ' } else { *byte });
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{decoded, form};

    #[test]
    fn a_form_is_read_as_it_was_written() {
        let read = form("scope=https%3A%2F%2Fvault.azure.net%2F.default&client_id=a+b&odd=100%");
        assert_eq!(read["scope"], "https://vault.azure.net/.default");
        assert_eq!((read["client_id"].as_str(), read["odd"].as_str()), ("a b", "100%"));
        assert_eq!(decoded("%zz"), "%zz");
    }
}
