//! The generated files are what the types say.

use operator_core::api::validator::RpcNamespace;
use std::path::Path;

#[test]
fn generated_crds_equal_the_types_or_make_crds_was_forgotten() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (path, text) in operator_core::crds::files().expect("CRDs serialise") {
        let found = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(found == text, "{path} is not what the types say: run `make crds` and commit the result");
    }
}

/// Every string, list and map of a spec has a bound, or CEL costs and requests are unbounded.
#[test]
fn every_string_list_and_map_of_our_own_schema_is_bounded() {
    for crd in operator_core::crds::all() {
        let crd = serde_json::to_value(&crd).expect("serialises");
        let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").expect("a schema");
        let mut unbounded = Vec::new();
        walk(schema, "", &mut unbounded);
        assert_eq!(unbounded, Vec::<String>::new(), "fields without a bound");
    }
}

fn walk(schema: &serde_json::Value, path: &str, unbounded: &mut Vec<String>) {
    // Kubernetes' own type, bounded by the size of a request.
    if path.ends_with(".affinity") {
        return;
    }
    let has = |key: &str| schema.get(key).is_some();
    match schema["type"].as_str() {
        Some("string") if !has("maxLength") && !has("enum") => unbounded.push(path.to_owned()),
        Some("array") if !has("maxItems") => unbounded.push(path.to_owned()),
        Some("object") if has("additionalProperties") && !has("maxProperties") => {
            unbounded.push(path.to_owned());
        }
        _ => {}
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), unbounded);
    }
    if has("items") {
        walk(&schema["items"], &format!("{path}[]"), unbounded);
    }
}

#[test]
fn no_default_stands_in_a_list_item_and_no_object_is_empty() {
    for crd in operator_core::crds::all() {
        let text = serde_json::to_string(&crd).expect("serialises");
        assert!(
            !text.contains("\"properties\":{}"),
            "an empty object is a permanent difference for GitOps tools"
        );
    }
}

/// What the node accepts and what the resource offers are one list.
#[test]
fn every_namespace_of_the_node_can_be_asked_for_and_nothing_else() {
    let crd =
        operator_core::crds::all().into_iter().map(|crd| serde_json::to_value(&crd).expect("serialises"));
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/rpc/properties/namespaces";
    let field =
        crd.into_iter().find_map(|crd| crd.pointer(path).cloned()).expect("rpc.namespaces of Validator");
    let offered = field["items"]["enum"].as_array().expect("an enumeration");
    let mut offered: Vec<&str> = offered.iter().filter_map(serde_json::Value::as_str).collect();
    offered.sort_unstable();
    assert_eq!(offered, chain::config::RPC_NAMESPACES);
    assert_eq!(field["maxItems"], chain::config::RPC_NAMESPACES.len(), "all of them at once");
    for name in chain::config::RPC_NAMESPACES {
        let namespace: RpcNamespace = serde_json::from_value(name.into()).expect("offered");
        assert_eq!(namespace.as_str(), name, "as the node is told");
    }
}
