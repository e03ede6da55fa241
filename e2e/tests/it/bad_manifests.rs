use crate::network::{CONSORTIUM, FLEET, Network};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// A manifest that differs from the example in one wrong place, and words its refusal must contain.
struct Bad {
    what: &'static str,
    manifest: Value,
    named: &'static [&'static str],
}

#[tokio::test]
async fn bad_manifests_are_refused_with_the_field_named_and_the_network_goes_on() -> Result<()> {
    let network = Network::live().await?;
    for bad in table() {
        let refusal = match network.cluster.apply(&bad.manifest).await {
            Ok(object) => panic!("{}: was accepted as {object:?}", bad.what),
            Err(error) => format!("{error:#}"),
        };
        for word in bad.named {
            assert!(refusal.contains(word), "{}: refusal does not name {word}: {refusal}", bad.what);
        }
    }
    network.wait_blocks(2).await?;
    Ok(())
}

#[tokio::test]
async fn an_immutable_field_cannot_be_edited() -> Result<()> {
    let network = Network::live().await?;
    for (kind, name, change, named) in [
        ("Consortium", CONSORTIUM, json!({ "spec": { "create": { "chainId": 7 } } }), "immutable"),
        ("Validator", FLEET, json!({ "spec": { "consortiumRef": { "name": "another" } } }), "immutable"),
    ] {
        let refusal =
            network.cluster.edit(kind, name, change).await.err().context("the edit was accepted")?;
        assert!(refusal.to_string().contains(named), "{refusal}");
    }
    network.wait_blocks(2).await?;
    Ok(())
}

fn consortium(create: &Value, more: Value) -> Value {
    let mut spec =
        json!({ "member": { "alias": "bank-x", "admin": { "secret": {} }, "operator": { "secret": {} } } });
    merge(&mut spec, json!({ "create": create }));
    merge(&mut spec, more);
    json!({ "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium", "metadata": { "name": "bad", "namespace": "bank-a" }, "spec": spec })
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

fn table() -> Vec<Bad> {
    let create = json!({ "chainId": 10102, "fleets": ["bank-x"] });
    let with = |key: &str, value: Value| {
        let mut create = create.clone();
        create[key] = value;
        create
    };
    let validator = |spec: Value| json!({ "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "bad", "namespace": "bank-a" }, "spec": spec });
    vec![
        Bad {
            what: "unknown field",
            manifest: consortium(&with("blockTime", json!("2s")), json!({})),
            named: &["blockTime"],
        },
        Bad {
            what: "chain id 0",
            manifest: consortium(&with("chainId", json!(0)), json!({})),
            named: &["chainId"],
        },
        Bad {
            what: "malformed address",
            manifest: consortium(
                &with("accounts", json!([{ "address": "0x12", "balance": "1 ether" }])),
                json!({}),
            ),
            named: &["accounts", "address"],
        },
        Bad {
            what: "create and join together",
            manifest: consortium(
                &create,
                json!({ "join": { "networkInfo": { "configMapRef": { "name": "x" } }, "genesisHash": format!("0x{}", "0".repeat(64)) } }),
            ),
            named: &["create", "join"],
        },
        Bad {
            what: "block period below a second",
            manifest: consortium(&with("blockPeriod", json!("500ms")), json!({})),
            named: &["blockPeriod"],
        },
        Bad {
            what: "no consortium named",
            manifest: validator(json!({ "replicas": 1 })),
            named: &["consortiumRef"],
        },
        Bad {
            what: "more replicas than any network has",
            manifest: validator(json!({ "consortiumRef": { "name": "trade-finance" }, "replicas": 5000 })),
            named: &["replicas"],
        },
    ]
}
