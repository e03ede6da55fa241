//! What a namespace begins with: the manifests that are edited, those of `examples/` for one node, which is all that a field
//! needs; and what others have made before.

use super::{
    hints::{self, Hint},
    schema::Field,
};
use crate::{fake_network::Founder, publisher};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

/// Why the examples are not read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file.
    #[error("{file}: {source}")]
    Read {
        /// Which.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Its text.
    #[error("{file}: {source}")]
    Yaml {
        /// Which.
        file: String,
        /// Why.
        source: Box<serde_saphyr::Error>,
    },
    /// A document of the publisher.
    #[error("network info: {0}")]
    Json(#[from] serde_json::Error),
}

/// What stands in values of the table of hints for what only a run knows, as `${url}`.
pub type Words = BTreeMap<&'static str, String>;

/// What a namespace begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Both manifests by kind, without a namespace.
    pub manifests: BTreeMap<String, Value>,
    /// `ConfigMaps` and Secrets that are there before them.
    pub given: Vec<Value>,
    /// The member whose network it joins.
    pub founder: Option<Founder>,
    /// What words stand for.
    pub words: Words,
}

/// A namespace that creates its network, and one that joins another's.
pub struct Beginnings {
    creating: Beginning,
    joining: Beginning,
}

impl Beginnings {
    /// From the examples, and from a publisher at this address that this authority vouches for.
    ///
    /// # Errors
    /// An example is not there or is no YAML.
    pub fn read(url: &str, authority: &str) -> Result<Self, ManifestError> {
        let manifests = base()?;
        let creating = Beginning { manifests, given: Vec::new(), founder: None, words: Words::default() };
        Ok(Self { joining: joining(&creating.manifests, url, authority)?, creating })
    }

    /// The one in which a field is edited.
    #[must_use]
    pub fn of(&self, field: &Field) -> &Beginning {
        if Self::joins(field) { &self.joining } else { &self.creating }
    }

    /// Whether a field is edited in a namespace that joins.
    #[must_use]
    pub fn joins(field: &Field) -> bool {
        hints::of(field).contains(&Hint::Joining)
    }
}

/// Puts words' meanings in their places. The values' own depth bounds the recursion.
pub fn fill(value: &mut Value, words: &Words) {
    match value {
        Value::String(text) if text.contains("${") => {
            for (word, meaning) in words {
                *text = text.replace(&format!("${{{word}}}"), meaning);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, words)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, words)),
        _ => {}
    }
}

fn base() -> Result<BTreeMap<String, Value>, ManifestError> {
    let mut consortium = example("consortium.yaml")?;
    let mut fleet = example("validator.yaml")?;
    for manifest in [&mut consortium, &mut fleet] {
        if let Some(metadata) = manifest["metadata"].as_object_mut() {
            metadata.remove("namespace");
        }
    }
    fleet["spec"]["replicas"] = json!(1);
    // An image that was set once stays when it is no longer set, so a fleet that comes back has to have one.
    fleet["spec"]["image"] = json!("registry.example/quorate/validator:1");
    Ok(BTreeMap::from([("Consortium".to_owned(), consortium), ("Validator".to_owned(), fleet)]))
}

/// Joins what a founder publishes by https; the same, a later issue of it, and another network are in `ConfigMaps`.
fn joining(base: &BTreeMap<String, Value>, url: &str, authority: &str) -> Result<Beginning, ManifestError> {
    let info = publisher::of_example();
    let later = publisher::published(None, "bank-a-0-0.moved.example", 2);
    let other = publisher::published(Some(10_102), "other.example", 1);
    let document = |name: &str, info| -> Result<Value, ManifestError> {
        let text = serde_json::to_string(info)?;
        Ok(
            json!({ "kind": "ConfigMap", "metadata": { "name": name }, "data": { "network-info.json": text } }),
        )
    };
    let both = json!({ "ca.crt": authority, "other.crt": authority });
    let given = vec![
        document("from-bank-a", &info)?,
        document("from-bank-a-later", &later)?,
        document("from-another", &other)?,
        json!({ "kind": "ConfigMap", "metadata": { "name": "bank-a-ca" }, "data": both }),
        json!({ "kind": "Secret", "metadata": { "name": "bank-a-ca" }, "stringData": both }),
    ];
    let mut manifests = base.clone();
    if let Some(spec) = manifests.get_mut("Consortium").and_then(|object| object["spec"].as_object_mut()) {
        spec.remove("create");
        spec["member"]["alias"] = json!("bank-b");
        let source = json!({ "url": url, "caBundle": { "configMapRef": { "name": "bank-a-ca" } } });
        spec.insert("join".to_owned(), json!({ "genesisHash": info.genesis_hash, "networkInfo": [source] }));
    }
    let founder = Founder { admin: publisher::ADMIN, operator: info.publisher, seats: publisher::seats() };
    let words = Words::from([
        ("url", url.to_owned()),
        ("hash", info.genesis_hash.to_string()),
        ("other-hash", other.genesis_hash.to_string()),
    ]);
    Ok(Beginning { manifests, given, founder: Some(founder), words })
}

fn example(file: &str) -> Result<Value, ManifestError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(file);
    let text = std::fs::read_to_string(&path)
        .map_err(|source| ManifestError::Read { file: path.display().to_string(), source })?;
    serde_saphyr::from_str(&text)
        .map_err(|source| ManifestError::Yaml { file: path.display().to_string(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::{Words, fill};
    use serde_json::json;

    #[test]
    fn words_get_their_meaning_wherever_they_stand() {
        let words = Words::from([("url", "https://a".to_owned()), ("hash", "0x1".to_owned())]);
        let mut value = json!({ "list": [{ "url": "${url}/${hash}" }, "${other}"], "number": 1 });
        fill(&mut value, &words);
        assert_eq!(value, json!({ "list": [{ "url": "https://a/0x1" }, "${other}"], "number": 1 }));
    }
}
