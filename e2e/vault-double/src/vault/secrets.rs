//! Secrets and their versions.

use super::{About, Page, Place, Vault, Wanted, check_name, check_room, folded, page};
use crate::refusal::Refusal;
use serde::Deserialize;
use serde_json::{Value, json};

/// Characters of a value, as in Azure.
const MOST_VALUE: usize = 25_600;

/// A version of a secret. No `Debug`: logs are no place for values, not even a double's.
pub(crate) struct SecretVersion {
    about: About,
    value: String,
    content_type: Option<String>,
}

/// Body of a write.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetSecret {
    value: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(flatten)]
    wanted: Wanted,
}

impl SetSecret {
    /// A value and nothing else.
    pub(crate) fn of(value: String) -> Self {
        Self { value, content_type: None, wanted: Wanted::default() }
    }
}

impl Vault {
    /// A new secret, or a new version of one.
    pub(crate) fn set_secret(
        &mut self,
        name: &str,
        body: SetSecret,
        now: u64,
    ) -> Result<&SecretVersion, Refusal> {
        check_name(name)?;
        check_room(&self.secrets, name)?;
        body.wanted.check()?;
        if body.value.len() > MOST_VALUE || body.content_type.as_ref().is_some_and(|text| text.len() > 255) {
            return Err(Refusal::bad(format!("Property value has more than {MOST_VALUE} characters.")));
        }
        let ordinal = self.secrets.get(&folded(name)).map_or(0, Vec::len) as u64;
        let about = About::new(self.version_id("secrets", name, ordinal), &body.wanted, now);
        let versions = self.secrets.entry(folded(name)).or_default();
        versions.push(SecretVersion { about, value: body.value, content_type: body.content_type });
        versions.last().ok_or_else(Refusal::unavailable)
    }

    /// A version, or the newest; none that is disabled.
    pub(crate) fn secret(&self, name: &str, version: Option<&str>) -> Result<&SecretVersion, Refusal> {
        check_name(name)?;
        let versions = self.secrets.get(&folded(name)).map_or(&[][..], Vec::as_slice);
        let found = match version {
            None => versions.last(),
            Some(id) => versions.iter().find(|version| version.about.id.eq_ignore_ascii_case(id)),
        };
        let found = found.ok_or_else(|| match version {
            None => Refusal::secret_not_found(name),
            Some(id) => Refusal::secret_not_found(&format!("{name}/{id}")),
        })?;
        if found.about.enabled {
            Ok(found)
        } else {
            Err(Refusal::disabled("get", "secret", "SecretDisabled"))
        }
    }

    /// Makes every version of a secret readable, or none.
    pub(crate) fn enable_secret(&mut self, name: &str, enabled: bool) -> Result<(), Refusal> {
        let versions = self.secrets.get_mut(&folded(name)).ok_or_else(|| Refusal::secret_not_found(name))?;
        for version in versions {
            version.about.enabled = enabled;
        }
        Ok(())
    }

    /// The versions' properties, without values.
    pub(crate) fn list_secret_versions(&self, place: Place<'_>, asked: Page) -> Result<Value, Refusal> {
        check_name(place.name)?;
        let versions = self.secrets.get(&folded(place.name));
        let versions = versions.ok_or_else(|| Refusal::secret_not_found(place.name))?;
        let all = versions.iter().map(|version| (version.about.id.clone(), version.properties(place)));
        Ok(page(all.collect(), place, "secrets", asked))
    }
}

impl SecretVersion {
    pub(crate) fn id(&self) -> &str {
        &self.about.id
    }

    fn properties(&self, place: Place<'_>) -> Value {
        let About { id, tags, .. } = &self.about;
        json!({
            "id": format!("{}/secrets/{}/{id}", place.base, place.name),
            "contentType": self.content_type, "attributes": self.about.attributes(), "tags": tags,
        })
    }

    /// The document that reads and writes answer with.
    pub(crate) fn bundle(&self, place: Place<'_>) -> Value {
        let mut bundle = self.properties(place);
        bundle["value"] = json!(self.value);
        bundle
    }
}
