//! JSON web tokens: the vault's own access tokens, and what is common to all.

use crate::seeded::keyed;
use data_encoding::BASE64URL_NOPAD;
use hmac::Mac as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

/// Longest token that is looked at.
const MOST_BYTES: usize = 16 * 1024;

/// Who a token is for, from whom, and when. A token's other claims are nobody's business here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) aud: String,
    pub(crate) iss: String,
    pub(crate) appid: String,
    pub(crate) tid: String,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) exp: u64,
}

/// A token's parts, decoded and not verified.
pub(crate) struct Parts<T> {
    pub(crate) algorithm: String,
    pub(crate) key: Option<String>,
    pub(crate) claims: T,
    /// What the signature is over.
    pub(crate) signed: String,
    pub(crate) signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// Takes a token apart; none if it is none.
pub(crate) fn parts<T: DeserializeOwned>(token: &str) -> Option<Parts<T>> {
    let token = token.trim();
    if token.len() > MOST_BYTES {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let bytes = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
    let header: Header = serde_json::from_slice(&bytes(header)?).ok()?;
    Some(Parts {
        algorithm: header.alg,
        key: header.kid,
        claims: serde_json::from_slice(&bytes(claims)?).ok()?,
        signed: signed.to_owned(),
        signature: bytes(signature)?,
    })
}

/// Why an access token does not open the vault.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token is none of this double's")]
    Foreign,
    #[error("AKV10022: Invalid audience. Expected {want}, found: {got}.")]
    Audience { got: String, want: String },
    #[error("[TokenExpired] Error validating token: it expired at {exp}, it is {now}.")]
    Expired { exp: u64, now: u64 },
    #[error("[TokenNotYetValid] Error validating token: it is valid from {nbf}, it is {now}.")]
    NotYetValid { nbf: u64, now: u64 },
}

/// A token with these claims.
pub(crate) fn issue(secret: &[u8], claims: &Claims) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let claims = json!(claims);
    let signed = format!("{}.{}", encoded(&header), encoded(&claims));
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac(secret, &signed)))
}

pub(crate) fn encoded(value: &serde_json::Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

fn mac(secret: &[u8], signed: &str) -> Vec<u8> {
    keyed(secret).chain_update(signed).finalize().into_bytes().to_vec()
}

/// The claims of a token that is one of ours, for this audience, now.
pub(crate) fn verify(secret: &[u8], token: &str, audience: &str, now: u64) -> Result<Claims, TokenError> {
    let parts =
        parts::<Claims>(token).filter(|parts| parts.algorithm == "HS256").ok_or(TokenError::Foreign)?;
    let checked = keyed(secret).chain_update(&parts.signed).verify_slice(&parts.signature);
    checked.map_err(|_| TokenError::Foreign)?;
    let claims = parts.claims;
    if claims.aud.trim_end_matches('/') != audience {
        return Err(TokenError::Audience { got: claims.aud, want: audience.to_owned() });
    }
    if now >= claims.exp {
        return Err(TokenError::Expired { exp: claims.exp, now });
    }
    if now < claims.nbf {
        return Err(TokenError::NotYetValid { nbf: claims.nbf, now });
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::{Claims, TokenError, issue, verify};

    const SECRET: &[u8] = b"secret";
    const VAULT: &str = "https://vault.azure.net";

    fn claims() -> Claims {
        let text = |text: &str| text.to_owned();
        let (iss, appid, tid) = (text("https://sts"), text("app"), text("tenant"));
        Claims { aud: text(VAULT), iss, appid, tid, iat: 100, nbf: 100, exp: 200 }
    }

    #[test]
    fn a_token_opens_the_vault_within_its_time_only() {
        let token = issue(SECRET, &claims());
        assert_eq!(verify(SECRET, &token, VAULT, 100), Ok(claims()));
        assert_eq!(verify(SECRET, &token, VAULT, 199), Ok(claims()));
        assert_eq!(verify(SECRET, &token, VAULT, 200), Err(TokenError::Expired { exp: 200, now: 200 }));
        assert_eq!(verify(SECRET, &token, VAULT, 99), Err(TokenError::NotYetValid { nbf: 100, now: 99 }));
    }

    #[test]
    fn a_token_for_storage_or_of_another_double_opens_nothing() {
        let token = issue(SECRET, &Claims { aud: "https://storage.azure.com".into(), ..claims() });
        assert!(matches!(verify(SECRET, &token, VAULT, 100), Err(TokenError::Audience { .. })));
        let token = issue(b"other", &claims());
        assert_eq!(verify(SECRET, &token, VAULT, 100), Err(TokenError::Foreign));
        for text in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(verify(SECRET, text, VAULT, 100), Err(TokenError::Foreign), "{text}");
        }
    }
}
