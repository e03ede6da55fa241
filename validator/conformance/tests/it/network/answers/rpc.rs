//! `rpc_modules` and `rpc.discover`, whose text follows the version: its form is compared here, which methods it names by tests of the
//! validator.

use crate::network::script::Scripts;
use serde_json::{Value, json};

pub(super) fn write(scripts: &mut Scripts) {
    let modules = ["debug", "eth", "istanbul", "net", "ots", "qbft", "quorate", "rpc", "txpool", "web3"];
    let modules: serde_json::Map<_, _> =
        modules.iter().map(|name| ((*name).to_string(), json!("1.0"))).collect();
    scripts.gives(
        "rpc_modules/all",
        "every namespace of the port, and that of this method",
        json!([]),
        modules.into(),
    );
    scripts.gives(
        "rpc.discover/document",
        "speconly: OpenRPC, of this version's methods",
        json!([]),
        document(),
    );
}

fn document() -> Value {
    let reference = json!({"$ref": ""});
    let hex = json!({"type": "string", "pattern": ""});
    let kind = json!({"type": ""});
    let list = |item: &Value| json!({"type": "", "items": item});
    let schemas = [reference.clone(), list(&reference), list(&kind), kind, json!(true)];
    let params: Vec<Value> =
        schemas.iter().map(|schema| json!({"name": "", "required": true, "schema": schema})).collect();
    let method = |schema: &Value| {
        json!({
            "name": "", "params": params, "result": {"name": "", "schema": schema}, "paramStructure": "",
        })
    };
    let object = |fields: &[(&str, &Value)]| -> Value {
        let fields = fields.iter().map(|(name, schema)| ((*name).to_string(), (*schema).clone()));
        json!({"type": "object", "properties": fields.collect::<serde_json::Map<_, _>>()})
    };
    let (array, flag) = (json!({"type": "array"}), json!({"type": "boolean"}));
    let block =
        object(&[("blockHash", &reference), ("blockNumber", &reference), ("requireCanonical", &flag)]);
    let of_message =
        ["from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value", "input", "data"];
    let mut of_message: Vec<_> = of_message.iter().map(|name| (*name, &reference)).collect();
    of_message.push(("accessList", &array));
    let of_filter = [
        ("fromBlock", &reference),
        ("toBlock", &reference),
        ("blockHash", &reference),
        ("address", &json!(true)),
        ("topics", &array),
    ];
    json!({
        "openrpc": "1.2.6",
        "info": {"title": "", "description": "", "license": {"name": "", "url": ""}, "version": ""},
        "methods": schemas.iter().map(method).collect::<Vec<_>>(),
        "components": {"schemas": {
            "Address": hex, "Bytes": hex, "Hash": hex, "Quantity": hex,
            "Tag": {"type": "string", "enum": [""]},
            "Block": {"oneOf": [reference, block]},
            "Message": object(&of_message),
            "Filter": object(&of_filter),
        }},
    })
}
