//! API keys: who holds one may call, perhaps only some namespaces.

use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Characters that a key must have: 32 random characters cannot be guessed.
const LEAST: usize = 32;

/// Namespaces that a caller may use; all that the port serves when `None`.
pub(crate) type Allowed = Option<Arc<[String]>>;

/// The keys of a port, as hashes: comparing them takes the same time whatever was sent.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    rows: Vec<([u8; 32], Allowed)>,
}

impl ApiKeys {
    /// A key a line, with the namespaces it opens after it; `#` begins a comment.
    ///
    /// ```text
    /// 3f8a…              everything that the port serves
    /// 9bd0…  eth,net     only these
    /// ```
    pub(crate) fn parse(texts: &[Vec<u8>]) -> Result<Self, String> {
        let text = texts.first().map(Vec::as_slice).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| "is not text".to_string())?;
        let mut rows = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(key) = words.next() else { continue };
            if key.len() < LEAST {
                return Err(format!("line {number}: a key has at least {LEAST} characters"));
            }
            let allowed = words.next().map(|list| list.split(',').map(str::to_string).collect());
            if words.next().is_some() {
                return Err(format!("line {number}: expected a key and perhaps a list such as eth,net"));
            }
            rows.push((Sha256::digest(key).into(), allowed));
        }
        if rows.is_empty() {
            return Err("holds no key; write one a line".to_string());
        }
        Ok(Self { rows })
    }

    /// What the key opens; nothing for a key that is not ours.
    pub(crate) fn check(&self, key: &str) -> Option<Allowed> {
        let hash = <[u8; 32]>::from(Sha256::digest(key));
        // All rows are compared, whichever matches.
        let mut found = None;
        for (known, allowed) in &self.rows {
            if bool::from(known.ct_eq(&hash)) {
                found = Some(allowed.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef";
    const TWO: &str = "fedcba9876543210fedcba9876543210";

    fn parse(text: &str) -> Result<ApiKeys, String> {
        ApiKeys::parse(&[text.as_bytes().to_vec()])
    }

    #[test]
    fn a_key_opens_what_stands_beside_it() {
        let keys = parse(&format!("# ours\n{ONE}\n\n  {TWO}  eth,net # theirs\n")).unwrap();
        assert_eq!(keys.check(ONE), Some(None));
        assert_eq!(keys.check(TWO), Some(Some(["eth".to_string(), "net".to_string()].into())));
        assert_eq!(keys.check(&ONE.to_uppercase()), None);
        assert_eq!(keys.check(""), None);
    }

    #[test]
    fn short_keys_and_files_without_any_are_refused() {
        assert_eq!(parse("short").unwrap_err(), "line 1: a key has at least 32 characters");
        assert_eq!(parse("# nothing\n").unwrap_err(), "holds no key; write one a line");
        assert!(parse(&format!("{ONE} eth net")).unwrap_err().starts_with("line 1: expected"));
    }
}
