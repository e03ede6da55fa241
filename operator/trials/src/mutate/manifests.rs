//! The manifests that are edited: those of `examples/`, for one node, which is all that a field needs.

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
}

/// Both manifests by kind, without a namespace.
///
/// # Errors
/// An example is not there or is no YAML.
pub fn base() -> Result<BTreeMap<String, Value>, ManifestError> {
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

fn example(file: &str) -> Result<Value, ManifestError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(file);
    let text = std::fs::read_to_string(&path)
        .map_err(|source| ManifestError::Read { file: path.display().to_string(), source })?;
    serde_saphyr::from_str(&text)
        .map_err(|source| ManifestError::Yaml { file: path.display().to_string(), source: Box::new(source) })
}
