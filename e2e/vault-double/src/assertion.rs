//! The projected service account token as Entra looks at it: who it names, for whom it is, whether it is in its time, and, where
//! the cluster's public keys are known, whether the cluster signed it.

use crate::jwt::{self, Parts};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Audience that a federated credential wants.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Public keys of a cluster's API server, as its `/openid/v1/jwks` gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Name of the key.
    pub kid: String,
    /// Kind of the key; only `RSA` verifies anything.
    pub kty: String,
    /// RSA modulus, base64url.
    #[serde(default)]
    pub n: String,
    /// RSA exponent, base64url.
    #[serde(default)]
    pub e: String,
}

/// What the double knows of the cluster that its clients' tokens come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    /// Issuer that assertions must name; any when absent.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Keys that must have signed them (RS256); signatures are not looked at when absent.
    #[serde(default)]
    pub jwks: Option<Jwks>,
}

/// Why an assertion is not believed: Entra's number for it, and its words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssertionError {
    #[error("AADSTS50027: JWT token is invalid or malformed.")]
    Malformed,
    #[error(
        "AADSTS700212: No matching federated identity record found for presented assertion audience '{got}'. The audience must be {AUDIENCE}."
    )]
    Audience { got: String },
    #[error(
        "AADSTS700211: No matching federated identity record found for presented assertion issuer '{got}', expected '{want}'."
    )]
    Issuer { got: String, want: String },
    #[error(
        "AADSTS700213: No matching federated identity record found for presented assertion subject '{got}'."
    )]
    Subject { got: String },
    #[error(
        "AADSTS700024: Client assertion is not within its valid time range. Current time: {now}, assertion valid from {nbf}, expiry time of assertion {exp}."
    )]
    Time { now: u64, nbf: u64, exp: u64 },
    #[error("AADSTS700027: Client assertion failed signature validation: {0}.")]
    Signature(&'static str),
}

impl AssertionError {
    /// Entra's number.
    pub(crate) const fn number(&self) -> u32 {
        match self {
            Self::Malformed => 50_027,
            Self::Audience { .. } => 700_212,
            Self::Issuer { .. } => 700_211,
            Self::Subject { .. } => 700_213,
            Self::Time { .. } => 700_024,
            Self::Signature(_) => 700_027,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    aud: Audience,
    iss: String,
    sub: String,
    exp: u64,
    #[serde(default)]
    nbf: u64,
}

/// Whether the assertion is one of these subjects', now.
pub(crate) fn check(
    assertion: &str,
    subjects: &[String],
    known: &Issuer,
    now: u64,
) -> Result<(), AssertionError> {
    let parts = jwt::parts::<Claims>(assertion).ok_or(AssertionError::Malformed)?;
    if let Some(jwks) = &known.jwks {
        signed(&parts, jwks)?;
    }
    let Claims { aud, iss, sub, exp, nbf } = parts.claims;
    let audiences = match aud {
        Audience::One(audience) => vec![audience],
        Audience::Several(audiences) => audiences,
    };
    if !audiences.iter().any(|audience| audience == AUDIENCE) {
        return Err(AssertionError::Audience { got: audiences.join(", ") });
    }
    if let Some(want) = known.issuer.as_ref().filter(|want| **want != iss) {
        return Err(AssertionError::Issuer { got: iss, want: want.clone() });
    }
    if !subjects.contains(&sub) {
        return Err(AssertionError::Subject { got: sub });
    }
    if now < nbf || now >= exp {
        return Err(AssertionError::Time { now, nbf, exp });
    }
    Ok(())
}

fn signed<T>(parts: &Parts<T>, jwks: &Jwks) -> Result<(), AssertionError> {
    if parts.algorithm != "RS256" {
        return Err(AssertionError::Signature("only RS256 is verified here"));
    }
    let named = |key: &&Jwk| key.kty == "RSA" && parts.key.as_ref().is_none_or(|kid| *kid == key.kid);
    let bytes = |text: &str| BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok();
    let holds = |key: &Jwk| {
        let (Some(n), Some(e)) = (bytes(&key.n), bytes(&key.e)) else { return false };
        RsaPublicKeyComponents { n, e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, parts.signed.as_bytes(), &parts.signature)
            .is_ok()
    };
    if jwks.keys.iter().filter(named).any(holds) {
        return Ok(());
    }
    Err(AssertionError::Signature("no key of the issuer verifies it"))
}

/// A token as a projected volume holds it, for tests without a cluster: signed by nobody.
pub fn projected_token(subject: &str, audience: &str, issuer: &str, from: u64, until: u64) -> String {
    let header = json!({ "alg": "RS256", "kid": "nobody", "typ": "JWT" });
    let claims = json!({
        "aud": [audience], "iss": issuer, "sub": subject, "iat": from, "nbf": from, "exp": until,
    });
    format!("{}.{}.bm9ib2R5", jwt::encoded(&header), jwt::encoded(&claims))
}

#[cfg(test)]
mod tests {
    use super::{AUDIENCE, AssertionError, Issuer, Jwk, Jwks, check, projected_token};
    use crate::jwt;
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::{KeyPair, KeySize},
        signature::{KeyPair as _, RSA_PKCS1_SHA256},
    };
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::json;

    const NODE: &str = "system:serviceaccount:bank-a:bank-a";
    const CLUSTER: &str = "https://kubernetes.default.svc";

    fn subjects() -> Vec<String> {
        vec![NODE.to_owned()]
    }

    fn number(assertion: &str, known: &Issuer, now: u64) -> Result<(), u32> {
        check(assertion, &subjects(), known, now).map_err(|error| error.number())
    }

    #[test]
    fn a_token_of_the_named_service_account_is_believed_within_its_time() {
        let token = projected_token(NODE, AUDIENCE, CLUSTER, 100, 200);
        let known = Issuer { issuer: Some(CLUSTER.to_owned()), jwks: None };
        assert_eq!(number(&token, &known, 150), Ok(()));
        assert_eq!(number(&format!("{token}\n"), &known, 150), Ok(()), "as a file ends");
        assert_eq!(number(&token, &known, 200), Err(700_024));
        assert_eq!(number(&token, &known, 99), Err(700_024));
    }

    #[test]
    fn what_is_wrong_with_an_assertion_is_told_by_entras_number() {
        let anybody = Issuer::default();
        let other = "system:serviceaccount:bank-a:default";
        for (token, told) in [
            (projected_token(other, AUDIENCE, CLUSTER, 100, 200), 700_213),
            (projected_token(NODE, CLUSTER, CLUSTER, 100, 200), 700_212),
            ("no.token.atall".to_owned(), 50_027),
        ] {
            assert_eq!(number(&token, &anybody, 150), Err(told), "{token}");
        }
        let known = Issuer { issuer: Some("https://other".to_owned()), jwks: None };
        assert_eq!(number(&projected_token(NODE, AUDIENCE, CLUSTER, 100, 200), &known, 150), Err(700_211));
    }

    #[test]
    fn with_the_clusters_keys_only_what_the_cluster_signed_is_believed() {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let public = key.public_key();
        let (n, e) = (public.modulus().big_endian_without_leading_zero(), public.exponent());
        let (n, e) = (BASE64URL_NOPAD.encode(n), BASE64URL_NOPAD.encode(e.big_endian_without_leading_zero()));
        let jwks = Jwks { keys: vec![Jwk { kid: "cluster".into(), kty: "RSA".into(), n, e }] };
        let known = Issuer { issuer: None, jwks: Some(jwks) };
        let claims = json!({ "aud": AUDIENCE, "iss": CLUSTER, "sub": NODE, "exp": 200 });
        let header = json!({ "alg": "RS256", "kid": "cluster" });
        let text = format!("{}.{}", jwt::encoded(&header), jwt::encoded(&claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("signed");
        let token = format!("{text}.{}", BASE64URL_NOPAD.encode(&signature));
        assert_eq!(number(&token, &known, 150), Ok(()));
        let forged = projected_token(NODE, AUDIENCE, CLUSTER, 100, 200);
        let refused = check(&forged, &subjects(), &known, 150).expect_err("nobody signed it");
        assert!(matches!(refused, AssertionError::Signature(_)), "{refused}");
    }
}
