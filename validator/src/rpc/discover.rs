//! `rpc.discover`: the OpenRPC document of a port, made from its method tables and cut to what the caller's key opens, so that it
//! names exactly what is answered.
//!
//! Names and types of arguments stand in [`mod@known`]; a method that is not there is described by its number of
//! arguments, of any type.

mod known;

use super::RpcError;
use known::{KNOWN, Known};
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

/// Version of the OpenRPC specification.
const OPENRPC: &str = "1.2.6";

/// Answered on every port and to every caller: what there is.
pub(super) const MODULES: &str = "rpc_modules";
pub(super) const DISCOVER: &str = "rpc.discover";

/// What a port can be asked.
pub(super) struct Described {
    info: Box<RawValue>,
    methods: Vec<(&'static str, Box<RawValue>)>,
    components: Box<RawValue>,
}

/// The document for one caller.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    openrpc: &'static str,
    info: &'a RawValue,
    methods: Vec<&'a RawValue>,
    components: &'a RawValue,
}

impl Described {
    /// These methods, each with the number of its arguments, and what every port answers.
    pub(super) fn new(methods: impl Iterator<Item = (&'static str, usize)>) -> Result<Self, RpcError> {
        let mut methods: Vec<_> = methods.chain([(DISCOVER, 0), (MODULES, 0)]).collect();
        methods.sort_unstable();
        let describe = |(name, args)| Ok((name, raw(&describe(name, args))?));
        Ok(Self {
            info: raw(&info())?,
            methods: methods.into_iter().map(describe).collect::<Result<_, RpcError>>()?,
            components: raw(&json!({ "schemas": schemas() }))?,
        })
    }

    /// The document for a caller who may use these methods.
    pub(super) fn document(&self, may: impl Fn(&str) -> bool) -> Document<'_> {
        let open = |name: &str| [MODULES, DISCOVER].contains(&name) || may(name);
        let methods = self.methods.iter().filter(|(name, _)| open(name)).map(|(_, text)| &**text);
        let (info, components) = (&*self.info, &*self.components);
        Document { openrpc: OPENRPC, info, methods: methods.collect(), components }
    }
}

fn raw(value: &Value) -> Result<Box<RawValue>, RpcError> {
    to_raw_value(value).map_err(RpcError::Document)
}

fn info() -> Value {
    json!({
        "title": "Quorate JSON-RPC",
        "description": "Ethereum's JSON-RPC on a network with immediate finality: safe, finalized, pending and latest are one block.",
        "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn describe(name: &str, args: usize) -> Value {
    let Known { params, result, .. } = KNOWN
        .iter()
        .find(|known| known.name == name)
        .copied()
        .unwrap_or(Known { name: "", params: &[], result: "any" });
    let params: Vec<Value> = (0..args)
        .map(|index| match params.get(index) {
            Some(param) => describe_param(param),
            None => json!({ "name": format!("argument{}", index + 1), "required": false, "schema": schema("any") }),
        })
        .collect();
    json!({
        "name": name,
        "params": params,
        "result": { "name": "result", "schema": schema(result) },
        "paramStructure": "by-position",
    })
}

/// `name: type`, with `?` after the name of what may be left out.
fn describe_param(param: &str) -> Value {
    let (name, kind) = param.split_once(": ").unwrap_or((param, "any"));
    let (name, required) = name.strip_suffix('?').map_or((name, true), |name| (name, false));
    json!({ "name": name, "required": required, "schema": schema(kind) })
}

fn schema(kind: &str) -> Value {
    match kind {
        "any" => json!(true),
        "boolean" | "string" | "object" | "array" => json!({ "type": kind }),
        kind => match kind.strip_suffix("[]") {
            Some(item) => json!({ "type": "array", "items": schema(item) }),
            None => json!({ "$ref": format!("#/components/schemas/{kind}") }),
        },
    }
}

fn schemas() -> Value {
    let hex = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    json!({
        "Address": hex("^0x[0-9a-fA-F]{40}$"),
        "Bytes": hex("^0x([0-9a-fA-F]{2})*$"),
        "Hash": hex("^0x[0-9a-fA-F]{64}$"),
        "Quantity": hex("^0x(0|[1-9a-f][0-9a-f]*)$"),
        "Tag": { "type": "string", "enum": ["earliest", "finalized", "safe", "latest", "pending"] },
        "Block": { "oneOf": [
            { "$ref": "#/components/schemas/Quantity" },
            { "$ref": "#/components/schemas/Tag" },
            { "$ref": "#/components/schemas/Hash" },
            { "type": "object", "properties": {
                "blockHash": { "$ref": "#/components/schemas/Hash" },
                "blockNumber": { "$ref": "#/components/schemas/Quantity" },
                "requireCanonical": { "type": "boolean" },
            } },
        ] },
        "Message": { "type": "object", "properties": {
            "from": { "$ref": "#/components/schemas/Address" },
            "to": { "$ref": "#/components/schemas/Address" },
            "gas": { "$ref": "#/components/schemas/Quantity" },
            "gasPrice": { "$ref": "#/components/schemas/Quantity" },
            "maxFeePerGas": { "$ref": "#/components/schemas/Quantity" },
            "maxPriorityFeePerGas": { "$ref": "#/components/schemas/Quantity" },
            "value": { "$ref": "#/components/schemas/Quantity" },
            "input": { "$ref": "#/components/schemas/Bytes" },
            "data": { "$ref": "#/components/schemas/Bytes" },
            "accessList": { "type": "array" },
        } },
        "Filter": { "type": "object", "properties": {
            "fromBlock": { "$ref": "#/components/schemas/Block" },
            "toBlock": { "$ref": "#/components/schemas/Block" },
            "blockHash": { "$ref": "#/components/schemas/Hash" },
            "address": true,
            "topics": { "type": "array" },
        } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{NAMESPACES, dispatch::tables};
    use std::collections::BTreeSet;

    fn served() -> Vec<(&'static str, usize)> {
        let tables = NAMESPACES.iter().flat_map(|name| tables(name).unwrap()).copied().flatten();
        tables
            .map(|method| (method.name, method.args))
            .chain([("eth_subscribe", 2), ("eth_unsubscribe", 1)])
            .collect()
    }

    /// The document for a caller who may use these.
    fn parsed(may: impl Fn(&str) -> bool) -> Value {
        serde_json::to_value(Described::new(served().into_iter()).unwrap().document(may)).unwrap()
    }

    fn described(document: &Value) -> Vec<(String, usize)> {
        let rows = document["methods"].as_array().unwrap().iter();
        rows.map(|row| (row["name"].as_str().unwrap().to_string(), row["params"].as_array().unwrap().len()))
            .collect()
    }

    /// In the order of names.
    fn wanted(may: impl Fn(&str) -> bool) -> Vec<(String, usize)> {
        let open = served().into_iter().filter(|(name, _)| may(name));
        let mut wanted: Vec<_> = open.chain([(DISCOVER, 0), (MODULES, 0)]).collect();
        wanted.sort_unstable();
        wanted.into_iter().map(|(name, args)| (name.to_string(), args)).collect()
    }

    #[test]
    fn every_method_served_is_in_the_document_with_its_arguments_and_nothing_else_is() {
        assert_eq!(described(&parsed(|_| true)), wanted(|_| true));
    }

    #[test]
    fn a_caller_is_told_of_what_its_key_opens_and_of_nothing_else() {
        for namespace in NAMESPACES {
            let may = |name: &str| name.starts_with(&format!("{namespace}_"));
            assert_eq!(described(&parsed(may)), wanted(may), "{namespace}");
        }
        let none = described(&parsed(|_| false));
        assert_eq!(none, [(DISCOVER.to_string(), 0), (MODULES.to_string(), 0)]);
    }

    #[test]
    fn names_and_types_are_known_of_every_argument_of_every_method_and_of_no_other_method() {
        let mut known: Vec<_> =
            KNOWN.iter().map(|known| (known.name.to_string(), known.params.len())).collect();
        known.sort_unstable();
        assert_eq!(known, wanted(|_| true));
    }

    /// The rules of OpenRPC's meta schema that a document like ours can break.
    #[test]
    fn the_document_is_valid_openrpc() {
        let document = parsed(|_| true);
        assert!(document["openrpc"].as_str().unwrap().starts_with("1."));
        for field in ["title", "version"] {
            assert!(document["info"][field].is_string(), "{field}");
        }
        let schemas: BTreeSet<&str> =
            document["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut names = BTreeSet::new();
        for method in document["methods"].as_array().unwrap() {
            let name = method["name"].as_str().unwrap();
            assert!(names.insert(name), "{name} twice");
            let result = &method["result"];
            assert!(result["name"].is_string() && is_schema(&result["schema"]), "{name}: {result}");
            let (mut params, mut optional) = (BTreeSet::new(), false);
            for param in method["params"].as_array().unwrap() {
                assert!(params.insert(param["name"].as_str().unwrap()), "{name}: {param} twice");
                assert!(is_schema(&param["schema"]), "{name}: {param}");
                let required = param["required"].as_bool().unwrap();
                assert!(!(optional && required), "{name}: {param} is required after one that is not");
                optional |= !required;
            }
        }
        let text = document.to_string();
        for reference in text.split(r##""$ref":"#/components/schemas/"##).skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains(name), "{name} is not defined");
        }
    }

    fn is_schema(value: &Value) -> bool {
        value.is_object() || value.is_boolean()
    }
}
