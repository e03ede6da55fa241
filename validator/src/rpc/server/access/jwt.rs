//! JSON Web Tokens with HMAC-SHA256, as the Engine API has them: one shared secret, `iat` within a minute of now. A claim
//! `namespaces` narrows what the token opens.

use super::keys::Allowed;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Seconds that a token's `iat` may be from now (execution-apis, `engine/authentication.md`).
const DRIFT_S: u64 = 60;
/// Characters of a token that is looked at.
const MOST: usize = 4096;

/// The secret of a port.
pub(crate) struct JwtSecret(Zeroizing<Vec<u8>>);

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("token is malformed")]
    Malformed,
    #[error("token is not signed with HS256")]
    Algorithm,
    #[error("token is not signed with this node's secret")]
    Signature,
    #[error("token has no iat claim")]
    NoTime,
    #[error("token was issued at {iat}, now is {now}: more than {DRIFT_S} s apart")]
    Stale { iat: u64, now: u64 },
    #[error("token expired at {exp}, now is {now}")]
    Expired { exp: u64, now: u64 },
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iat: Option<u64>,
    exp: Option<u64>,
    namespaces: Option<Vec<String>>,
}

impl JwtSecret {
    /// 32 bytes as hexadecimal digits, with or without `0x`, as other clients write them.
    pub(crate) fn parse(texts: &[Vec<u8>]) -> Result<Self, String> {
        let text = texts.first().map(Vec::as_slice).unwrap_or_default().trim_ascii();
        let digits = text.strip_prefix(b"0x").unwrap_or(text);
        match HEXLOWER_PERMISSIVE.decode(digits) {
            Ok(secret) if secret.len() == 32 => Ok(Self(Zeroizing::new(secret))),
            _ => {
                Err("is not a secret of 64 hexadecimal digits; make one with: openssl rand -hex 32"
                    .to_string())
            }
        }
    }

    /// What the token opens; `now` in seconds of the epoch.
    pub(crate) fn check(&self, token: &str, now: u64) -> Result<Allowed, TokenError> {
        let (signed, signature) =
            token.rsplit_once('.').filter(|_| token.len() <= MOST).ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let Header { alg } = json(header)?;
        if alg != "HS256" {
            return Err(TokenError::Algorithm);
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| TokenError::Malformed)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| TokenError::Signature)?;
        mac.update(signed.as_bytes());
        // In constant time.
        mac.verify_slice(&signature).map_err(|_| TokenError::Signature)?;
        let Claims { iat, exp, namespaces } = json(claims)?;
        let iat = iat.ok_or(TokenError::NoTime)?;
        if iat.abs_diff(now) > DRIFT_S {
            return Err(TokenError::Stale { iat, now });
        }
        match exp {
            Some(exp) if exp <= now => Err(TokenError::Expired { exp, now }),
            _ => Ok(namespaces.map(Into::into)),
        }
    }
}

fn json<T: for<'a> Deserialize<'a>>(part: &str) -> Result<T, TokenError> {
    let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;
    const SECRET: &str = "0x0303030303030303030303030303030303030303030303030303030303030303";

    fn secret() -> JwtSecret {
        JwtSecret::parse(&[format!("{SECRET}\n").into_bytes()]).unwrap()
    }

    fn sign(key: &[u8], header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
    }

    fn check(header: &str, claims: &str) -> Result<Allowed, TokenError> {
        secret().check(&sign(&[3; 32], header, claims), NOW)
    }

    const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    #[test]
    fn the_token_of_rfc_7515_a_1_verifies() {
        let key = BASE64URL_NOPAD
            .decode(b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        // Its signature holds; it has no iat, which is all that is wrong with it here.
        assert_eq!(JwtSecret(Zeroizing::new(key)).check(token, NOW), Err(TokenError::NoTime));
        assert_eq!(secret().check(token, NOW), Err(TokenError::Signature));
    }

    #[test]
    fn a_fresh_token_opens_all_or_the_namespaces_that_it_names() {
        assert_eq!(check(HS256, &format!(r#"{{"iat":{NOW}}}"#)), Ok(None));
        let narrow = check(HS256, &format!(r#"{{"iat":{},"namespaces":["eth"],"id":"x"}}"#, NOW - DRIFT_S));
        assert_eq!(narrow, Ok(Some(["eth".to_string()].into())));
    }

    #[test]
    fn stale_expired_unsigned_and_malformed_tokens_open_nothing() {
        let stale = |iat| check(HS256, &format!(r#"{{"iat":{iat}}}"#));
        assert_eq!(stale(NOW - 61), Err(TokenError::Stale { iat: NOW - 61, now: NOW }));
        assert_eq!(stale(NOW + 61), Err(TokenError::Stale { iat: NOW + 61, now: NOW }));
        let expired = check(HS256, &format!(r#"{{"iat":{NOW},"exp":{NOW}}}"#));
        assert_eq!(expired, Err(TokenError::Expired { exp: NOW, now: NOW }));
        for alg in ["none", "HS512", "RS256", "hs256"] {
            assert_eq!(check(&format!(r#"{{"alg":"{alg}"}}"#), r#"{"iat":1}"#), Err(TokenError::Algorithm));
        }
        let good = sign(&[3; 32], HS256, &format!(r#"{{"iat":{NOW}}}"#));
        let (signed, _) = good.rsplit_once('.').unwrap();
        for bad in
            ["", ".", "..", "a.b.c", &format!("{signed}."), &format!("{signed}.AAAA"), &"x".repeat(5000)]
        {
            assert!(secret().check(bad, NOW).is_err(), "{bad}");
        }
        let other = sign(&[4; 32], HS256, &format!(r#"{{"iat":{NOW}}}"#));
        assert_eq!(secret().check(&other, NOW), Err(TokenError::Signature));
    }

    #[test]
    fn a_secret_has_32_bytes() {
        for bad in ["", "0x00", &"g".repeat(64), &"0".repeat(66)] {
            assert!(JwtSecret::parse(&[bad.as_bytes().to_vec()]).is_err(), "{bad}");
        }
    }
}
