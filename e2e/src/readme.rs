//! The README must not drift: its manifests are the ones the demo and the tests apply, it explains every field of both
//! resources, and every command it names exists.

use serde_json::Value;
use std::{fs, path::PathBuf};

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_manifests_in_the_readme_are_the_ones_that_the_tests_apply() {
    let readme = read("README.md");
    for example in ["examples/consortium.yaml", "examples/validator.yaml"] {
        assert!(readme.contains(read(example).trim_end()), "README.md does not hold {example} word for word");
    }
}

#[test]
fn the_readme_explains_every_field_of_both_resources() {
    let readme = read("README.md");
    for crd in ["crds/consortia.yaml", "crds/validators.yaml"] {
        let crd: Value = serde_saphyr::from_str(&read(crd)).expect("a CRD is YAML");
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let mut fields = Vec::new();
        leaves(spec, String::new(), &mut fields);
        assert!(fields.len() > 10, "{fields:?}");
        for field in fields {
            assert!(readme.contains(&format!("`{field}`")), "README.md does not explain {field}");
        }
    }
}

/// Dotted paths of the leaves; affinity is Kubernetes' own and counts as one.
fn leaves(schema: &Value, path: String, into: &mut Vec<String>) {
    let (fields, path) = match (schema["properties"].as_object(), schema["items"]["properties"].as_object()) {
        (Some(fields), _) if !path.ends_with("affinity") => (fields, path),
        (None, Some(fields)) => (fields, format!("{path}[]")),
        _ => return into.push(path),
    };
    for (name, field) in fields {
        let dot = if path.is_empty() { "" } else { "." };
        leaves(field, format!("{path}{dot}{name}"), into);
    }
}

#[test]
fn the_readme_has_no_place_left_to_fill() {
    assert!(!read("README.md").contains("<!--"));
}

#[test]
fn every_make_command_that_the_documents_name_exists() {
    let makefile = read("Makefile");
    for document in ["README.md", "CONTRIBUTING.md"] {
        let text = read(document);
        let quoted = text.split("`make ").skip(1);
        let in_blocks = text.lines().filter_map(|line| line.strip_prefix("make "));
        for command in quoted.chain(in_blocks) {
            let name = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
            let target: String = command.chars().take_while(name).collect();
            assert!(
                makefile.contains(&format!("\n{target}:")),
                "{document} names `make {target}`, which does not exist"
            );
        }
    }
}
