//! Key vaults and managed HSMs: keys that sign without leaving them, and secrets.
//!
//! Every call is one attempt: whether, when and how often it is tried again is its caller's budget, told by [`VaultError`].

mod error;
mod keys;
mod secrets;
mod signature;

pub use error::VaultError;
pub use keys::{Protection, VaultKey, VaultKeys};
pub use secrets::{Secret, VaultSecrets};
pub use signature::{SignatureError, recoverable};

use crate::{
    Https, Identity,
    hosts::{VAULTS, may_have_tokens},
};
use azure_core::http::{
    Pager, Response, Url,
    pager::{Page, PagerContinuation},
};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Versions of a key or a secret on one page: as many as vaults give.
const PAGE: i32 = 25;
/// Pages of versions that are read. They come in the order of their ids, so the newest may be on any of them.
const MOST_PAGES: usize = 20;
/// Longest name of a key or a secret, and of a version.
const LONGEST_NAME: usize = 127;

/// One vault, the identity that opens it, and the way there. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault {
    url: Url,
    identity: Identity,
    https: Https,
    /// Whether the audience that the vault asks a token for has to be its own domain's.
    is_azures: bool,
}

impl Vault {
    /// The vault at this address. Beside Azure's own only hosts that are named here may be one: it is shown a token.
    pub fn at(url: &str, named: &[String], identity: &Identity, https: &Https) -> Result<Self, VaultError> {
        let wrong = |reason: &'static str| VaultError::Address { url: shown(url), reason };
        let url = Url::parse(url).map_err(|_| wrong("is no URL"))?;
        if url.scheme() != "https" {
            return Err(wrong("is not https"));
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has more than a host and a port"));
        }
        let host = url.host_str().unwrap_or_default();
        let is_azures = may_have_tokens(VAULTS, host);
        if !is_azures && !may_have_tokens(named, host) {
            return Err(VaultError::Host(host.to_owned()));
        }
        Ok(Self { identity: identity.clone(), https: https.clone(), is_azures, url })
    }

    /// What an answer holds.
    fn model<T: DeserializeOwned>(&self, answer: azure_core::Result<Response<T>>) -> Result<T, VaultError> {
        answer.and_then(Response::into_model).map_err(|error| self.failed(error))
    }

    /// What all pages of a listing of this name's versions hold.
    async fn pages<P>(&self, name: &str, listed: azure_core::Result<Pager<P>>) -> Result<Vec<P>, VaultError>
    where
        P: Page + DeserializeOwned + Send,
    {
        let mut pages = listed.map_err(|error| self.failed(error))?.into_pages();
        let mut read = Vec::new();
        while let Some(page) = pages.next().await {
            read.push(self.model(page)?);
            match pages.continuation() {
                Some(PagerContinuation::Link(next)) if next.origin() != self.url.origin() => {
                    let elsewhere = shown(next.as_str());
                    return Err(VaultError::Malformed(format!("a list that goes on at {elsewhere}")));
                }
                Some(_) if read.len() == MOST_PAGES => {
                    return Err(VaultError::Versions { name: shown(name), most: MOST_PAGES * PAGE as usize });
                }
                _ => {}
            }
        }
        Ok(read)
    }

    /// A refused token is not shown again.
    fn failed(&self, error: azure_core::Error) -> VaultError {
        let error = VaultError::from(error);
        if matches!(error, VaultError::Unauthorised { .. }) {
            self.identity.forget();
        }
        error
    }
}

/// One version of a key or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub version: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it was made, in seconds since 1970; 0 when the vault does not say.
    pub created: i64,
    /// What its maker has written on it.
    pub tags: Tags,
}

/// Words on a key or a secret, by name.
pub type Tags = BTreeMap<String, String>;

/// The newest version that may be used.
#[must_use]
pub fn newest(versions: &[Version]) -> Option<&Version> {
    versions.iter().filter(|version| version.enabled).max_by_key(|version| version.created)
}

/// Nothing else becomes part of a path.
fn checked<'a>(what: &'static str, name: &'a str) -> Result<&'a str, VaultError> {
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(name) } else { Err(VaultError::Name { what, got: shown(name) }) }
}

/// Name and version of `https://…/keys/<name>/<version>`.
fn named(id: Option<&String>) -> Result<(String, String), VaultError> {
    let missing = || VaultError::Malformed("no id with a name and a version".to_owned());
    let url = Url::parse(id.ok_or_else(missing)?).map_err(|_| missing())?;
    let mut parts = url.path().split('/').skip(2).map(str::to_owned);
    let (name, version) = (parts.next().ok_or_else(missing)?, parts.next().ok_or_else(missing)?);
    checked("name", &name).and(checked("version", &version)).map_err(|_| missing())?;
    Ok((name, version))
}

fn shown(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::{Tags, Vault, VaultError, Version, checked, named, newest};
    use crate::{Https, Identity, Limits, WorkloadIdentity, trust};

    fn at(url: &str, hosts: &[&str]) -> Result<Vault, VaultError> {
        let https = Https::new(trust::public(), Limits::default()).expect("TLS");
        let of = WorkloadIdentity {
            tenant_id: "t".to_owned(),
            client_id: "c".to_owned(),
            token_file: "/nowhere".into(),
            authority_host: None,
        };
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        Vault::at(url, &hosts, &Identity::workload(of, &https), &https)
    }

    #[test]
    fn only_azures_hosts_and_those_that_are_named_are_vaults_and_only_azures_must_ask_for_their_own_audience()
    {
        assert!(at("https://bank-a.vault.azure.net", &[]).expect("Azure's").is_azures);
        assert!(at("https://bank-a.managedhsm.azure.net/", &[]).expect("Azure's").is_azures);
        assert!(!at("https://127.0.0.1:8443", &["127.0.0.1"]).expect("named").is_azures);
        for url in ["https://vault.azure.net.example.com", "https://evilvault.azure.net", "https://10.0.0.1"]
        {
            assert!(matches!(at(url, &["127.0.0.1"]), Err(VaultError::Host(_))), "{url}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_nothing_else() {
        for url in [
            "http://bank-a.vault.azure.net",
            "https://bank-a.vault.azure.net/keys",
            "https://bank-a.vault.azure.net/?sig=1",
            "https://somebody@bank-a.vault.azure.net/",
            "bank-a.vault.azure.net",
            "",
        ] {
            assert!(matches!(at(url, &[]), Err(VaultError::Address { .. })), "{url}");
        }
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for name in ["", "a/b", "..", "a?b", "a%2fb", "a b", &"a".repeat(128)] {
            assert!(matches!(checked("key", name), Err(VaultError::Name { .. })), "{name}");
        }
        assert_eq!(checked("key", "bank-a-bank-a-0").expect("a name"), "bank-a-bank-a-0");
    }

    #[test]
    fn name_and_version_are_read_from_an_id() {
        let id = |text: &str| named(Some(&text.to_owned()));
        let read = id("https://v.vault.azure.net/keys/bank-a-0/0123abc").expect("an id");
        assert_eq!(read, ("bank-a-0".to_owned(), "0123abc".to_owned()));
        for text in ["https://v.vault.azure.net/keys/bank-a-0", "keys/a/b", "https://v/keys/a/%20"] {
            assert!(id(text).is_err(), "{text}");
        }
        assert!(named(None).is_err());
    }

    #[test]
    fn the_newest_version_is_one_that_may_be_used() {
        let version = |name: &str, enabled, created| Version {
            version: name.to_owned(),
            enabled,
            created,
            tags: Tags::new(),
        };
        let versions = [version("a", true, 1), version("b", true, 3), version("c", false, 5)];
        assert_eq!(newest(&versions).map(|newest| newest.version.as_str()), Some("b"));
        assert_eq!(newest(&versions[2..]), None);
    }
}
