//! What the vault holds, and what its operations do to it. Time comes as an argument, randomness from the seed.

pub(crate) mod backup;
pub(crate) mod keys;
pub(crate) mod secrets;

use crate::{refusal::Refusal, seeded::Seed};
use keys::KeyVersion;
use secrets::SecretVersion;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Keys, and secrets, that fit.
const MOST_NAMES: usize = 4096;
/// Versions of one of them.
const MOST_VERSIONS: usize = 600;
/// Tags of one version, as in Azure.
const MOST_TAGS: usize = 15;
/// Characters of a tag, as in Azure.
const MOST_TAG: usize = 256;
/// Versions on a page, as in Azure.
const PAGE: usize = 25;

/// Tags of a version.
pub(crate) type Tags = BTreeMap<String, String>;

/// What every version has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// 32 hex digits.
    pub(crate) id: String,
    pub(crate) enabled: bool,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) tags: Tags,
}

/// What a request may say of a version.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    pub(crate) attributes: Option<WantedAttributes>,
    #[serde(default)]
    pub(crate) tags: Option<Tags>,
}

/// Attributes that can be set.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WantedAttributes {
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
}

impl Wanted {
    fn check(&self) -> Result<(), Refusal> {
        let Some(tags) = &self.tags else { return Ok(()) };
        let fits = |(name, value): (&String, &String)| name.len() <= MOST_TAG && value.len() <= MOST_TAG;
        if tags.len() > MOST_TAGS || !tags.iter().all(fits) {
            return Err(Refusal::bad(format!("At most {MOST_TAGS} tags of {MOST_TAG} characters fit.")));
        }
        Ok(())
    }

    fn enabled(&self) -> Option<bool> {
        self.attributes.as_ref().and_then(|attributes| attributes.enabled)
    }
}

impl About {
    fn new(id: String, wanted: &Wanted, now: u64) -> Self {
        let tags = wanted.tags.clone().unwrap_or_default();
        Self { id, enabled: wanted.enabled().unwrap_or(true), created: now, updated: now, tags }
    }

    fn update(&mut self, wanted: Wanted, now: u64) {
        self.enabled = wanted.enabled().unwrap_or(self.enabled);
        if let Some(tags) = wanted.tags {
            self.tags = tags;
        }
        self.updated = now;
    }

    fn attributes(&self) -> Value {
        json!({
            "enabled": self.enabled, "created": self.created, "updated": self.updated,
            "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        })
    }
}

/// Where a thing is, as its id says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// `https://host:port`.
    pub(crate) base: &'a str,
    pub(crate) name: &'a str,
}

/// Which of a list's pages is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Page {
    pub(crate) skip: usize,
    pub(crate) most: Option<usize>,
}

/// The vault.
pub(crate) struct Vault {
    pub(crate) seed: Seed,
    keys: BTreeMap<String, Vec<KeyVersion>>,
    secrets: BTreeMap<String, Vec<SecretVersion>>,
}

impl Vault {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, keys: BTreeMap::new(), secrets: BTreeMap::new() }
    }
}

/// Azure tells names apart without regard to case.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if (1..=127).contains(&name.len()) && name.chars().all(known) {
        return Ok(());
    }
    Err(Refusal::bad(format!(
        "The request URI contains an invalid name: {name}; names are 1 to 127 of 0-9, a-z, A-Z and -."
    )))
}

fn check_room<T>(all: &BTreeMap<String, Vec<T>>, name: &str) -> Result<(), Refusal> {
    let full = match all.get(&folded(name)) {
        None => all.len() >= MOST_NAMES,
        Some(versions) => versions.len() >= MOST_VERSIONS,
    };
    if full {
        return Err(Refusal::conflict(format!(
            "This double holds {MOST_NAMES} names of {MOST_VERSIONS} versions."
        )));
    }
    Ok(())
}

/// A page of versions in the order of their ids, as Azure gives them: the newest may be anywhere.
fn page(mut all: Vec<(String, Value)>, place: Place<'_>, kind: &str, page: Page) -> Value {
    all.sort_by(|one, two| one.0.cmp(&two.0));
    let most = page.most.unwrap_or(PAGE).clamp(1, PAGE);
    let next = page.skip.saturating_add(most);
    let more = next < all.len();
    let value: Vec<Value> = all.into_iter().skip(page.skip).take(most).map(|(_, item)| item).collect();
    let link = format!(
        "{}/{kind}/{}/versions?api-version=7.5&$skiptoken={next}&maxresults={most}",
        place.base, place.name
    );
    json!({ "value": value, "nextLink": more.then_some(link) })
}

#[cfg(test)]
mod tests;
