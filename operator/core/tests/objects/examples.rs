//! Every manifest of `examples/` passes what the operator itself asks of one.

use operator_core::{
    api::{Consortium, Validator},
    validate,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn every_example_is_a_manifest_that_the_operator_would_carry_out() {
    let (mut all, mut kinds) = (Vec::new(), BTreeMap::<String, usize>::new());
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples"), &mut all);
    for path in all {
        let text = fs::read_to_string(&path).expect("the manifest");
        for document in text.split("\n---\n") {
            let object: Value = serde_saphyr::from_str(document).expect("YAML");
            let kind = object["kind"].as_str().expect("a kind").to_owned();
            let refused = match kind.as_str() {
                "Consortium" => {
                    let object: Consortium = serde_saphyr::from_str(document).expect("a Consortium");
                    validate::consortium(&object).err().map(|error| error.to_string())
                }
                "Validator" => {
                    let object: Validator = serde_saphyr::from_str(document).expect("a Validator");
                    validate::fleet(&object).err().map(|error| error.to_string())
                }
                _ => None,
            };
            assert_eq!(refused, None, "{} in {}", kind, path.display());
            *kinds.entry(kind).or_default() += 1;
        }
    }
    assert!(kinds["Consortium"] >= 7 && kinds["Validator"] >= 8, "{kinds:?}");
}
