use crate::world;
use kube::api::{Patch, PatchParams};
use operator_core::api::{Consortium, Validator};
use serde_json::{Value, json};

fn consortium(change: impl FnOnce(&mut Value)) -> Value {
    let mut manifest = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Consortium", "metadata": { "name": "bad" },
        "spec": {
            "member": { "alias": "bank-x", "admin": { "secret": {} }, "operator": { "secret": {} } },
            "create": { "chainId": 10102, "fleets": ["bank-x"] },
        },
    });
    change(&mut manifest);
    manifest
}

fn validator(change: impl FnOnce(&mut Value)) -> Value {
    let mut manifest = json!({
        "apiVersion": "quorate.dev/v1alpha1", "kind": "Validator", "metadata": { "name": "bad" },
        "spec": { "consortiumRef": { "name": "trade-finance" } },
    });
    change(&mut manifest);
    manifest
}

fn vault(more: &Value) -> Value {
    let id = "11111111-2222-3333-4444-555555555555";
    let mut vault = json!({ "vaultUrl": "https://v.vault.azure.net", "tenantId": id, "clientId": id });
    for (name, value) in more.as_object().expect("fields") {
        vault[name] = value.clone();
    }
    vault
}

fn account() -> Value {
    json!({ "vaultUrl": "https://v.vault.azure.net", "keyName": "admin" })
}

fn keys(keys: Value) -> Value {
    validator(|m| m["spec"]["keys"] = keys)
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn a_bad_manifest_is_refused_at_admission_with_its_field_named() {
    let world = world("bad").await;
    let join = json!({ "networkInfo": [{ "configMapRef": { "name": "x" } }], "genesisHash": format!("0x{}", "0".repeat(64)) });
    let joins = |sources: Value| {
        consortium(|m| {
            m["spec"].as_object_mut().expect("map").remove("create");
            m["spec"]["join"] = join.clone();
            m["spec"]["join"]["networkInfo"] = sources;
        })
    };
    let publishes = |service: Value| {
        consortium(|m| m["spec"]["publish"] = json!({ "networkInfo": { "service": service } }))
    };
    let table: Vec<(Value, &[&str])> = vec![
        (consortium(|m| m["spec"]["create"]["blockTime"] = json!("2s")), &["spec.create.blockTime"]),
        (consortium(|m| m["spec"]["create"]["chainId"] = json!(0)), &["spec.create.chainId"]),
        (consortium(|m| m["spec"]["create"]["chainId"] = json!(-1)), &["spec.create.chainId"]),
        (
            consortium(|m| m["spec"]["create"]["chainId"] = json!(9_007_199_254_740_992_u64)),
            &["spec.create.chainId"],
        ),
        (
            consortium(|m| {
                m["spec"]["create"]["accounts"] = json!([{ "address": "0x12", "balance": "1 ether" }]);
            }),
            &["spec.create.accounts[0].address"],
        ),
        (consortium(|m| m["spec"]["create"]["blockPeriod"] = json!("500ms")), &["spec.create.blockPeriod"]),
        (consortium(|m| m["spec"]["create"]["fleets"] = json!([])), &["spec.create.fleets"]),
        (consortium(|m| m["spec"]["join"] = join.clone()), &["exactly one of spec.create and spec.join"]),
        (
            consortium(|m| {
                m["spec"].as_object_mut().expect("map").remove("create");
            }),
            &["exactly one"],
        ),
        (joins(json!([])), &["spec.join.networkInfo"]),
        (joins(json!([{}])), &["exactly one of url, configMapRef and azureBlob"]),
        (
            joins(json!([{ "url": "https://a.example/", "configMapRef": { "name": "x" } }])),
            &["exactly one of url, configMapRef and azureBlob"],
        ),
        (joins(json!([{ "url": "http://a.example/network-info.json" }])), &["spec.join.networkInfo[0].url"]),
        (joins(json!([{ "url": "https://user:word@a.example/" }])), &["spec.join.networkInfo[0].url"]),
        (
            joins(json!([{ "configMapRef": { "name": "x" }, "caBundle": { "secretRef": { "name": "y" } } }])),
            &["needs url"],
        ),
        (
            joins(json!([{ "url": "https://a.example/", "caBundle": {} }])),
            &["exactly one of configMapRef and secretRef"],
        ),
        (publishes(json!({ "type": "LoadBalancer" })), &["needs tls"]),
        (publishes(json!({ "exposure": "Public" })), &["need type LoadBalancer"]),
        (consortium(|m| m["metadata"]["name"] = json!("1bad")), &["metadata.name"]),
        (validator(|m| m["spec"]["replicas"] = json!(0)), &["spec.replicas"]),
        (validator(|m| m["spec"]["replicas"] = json!(5000)), &["spec.replicas"]),
        (validator(|m| m["spec"]["storage"] = json!({ "size": "much" })), &["spec.storage.size"]),
        (
            validator(|m| m["spec"]["rpc"] = json!({ "type": "LoadBalancer", "exposure": "Public" })),
            &["spec.rpc.sourceRanges"],
        ),
        (
            validator(|m| m["spec"]["pod"] = json!({ "labels": { "quorate.dev/fleet": "x" } })),
            &["spec.pod.labels"],
        ),
        (keys(json!({})), &["exactly one of spec.keys.secret and spec.keys.azureKeyVault"]),
        (
            keys(json!({ "secret": {}, "azureKeyVault": vault(&json!({})) })),
            &["exactly one of spec.keys.secret"],
        ),
        (
            keys(json!({ "azureKeyVault": vault(&json!({ "vaultUrl": "http://v.vault.azure.net" })) })),
            &["vaultUrl"],
        ),
        (keys(json!({ "azureKeyVault": vault(&json!({ "vaultUrl": "https://v/keys" })) })), &["vaultUrl"]),
        (keys(json!({ "azureKeyVault": vault(&json!({ "vaultUrl": "https://" })) })), &["vaultUrl"]),
        (
            keys(json!({ "azureKeyVault": vault(&json!({ "vaultUrl": "https://evilvault.azure.net" })) })),
            &["caBundle in spec.keys.azureKeyVault"],
        ),
        (keys(json!({ "azureKeyVault": vault(&json!({ "tenantId": "bank-a" })) })), &["tenantId"]),
        (keys(json!({ "azureKeyVault": vault(&json!({ "clientId": "1" })) })), &["clientId"]),
        (keys(json!({ "azureKeyVault": vault(&json!({ "keyPrefix": "bank_a" })) })), &["keyPrefix"]),
        (keys(json!({ "azureKeyVault": vault(&json!({ "mode": "Export" })) })), &["mode"]),
        (keys(json!({ "azureKeyVault": vault(&json!({ "key": "0x11" })) })), &["key"]),
        (
            consortium(|m| {
                m["spec"]["member"]["admin"] = json!({ "secret": {}, "azureKeyVault": account() });
            }),
            &["exactly one of spec.member.admin.secret, azureKeyVault and address"],
        ),
        (
            consortium(|m| {
                m["spec"]["member"]["operator"] = json!({});
            }),
            &["exactly one of spec.member.operator.secret and azureKeyVault"],
        ),
        (
            validator(|m| {
                m["spec"].as_object_mut().expect("map").remove("consortiumRef");
            }),
            &["spec.consortiumRef"],
        ),
    ];
    for (manifest, named) in table {
        let refusal = match world.apply(&manifest).await {
            Ok(()) => panic!("accepted: {manifest}"),
            Err(error) => error.to_string(),
        };
        for word in named {
            assert!(refusal.contains(word), "{word} is not named: {refusal}");
        }
    }
}

#[tokio::test]
#[ignore = "needs an API server: make operator-test"]
async fn an_immutable_field_is_not_edited_added_or_removed_but_a_pin_may_be_set_once() {
    let world = world("immutable").await;
    world.example("consortium.yaml").await;
    world.example("validator.yaml").await;
    let pin =
        |digit: &str| json!({ "spec": { "create": { "genesisHash": format!("0x{}", digit.repeat(64)) } } });
    let consortia = world.api::<Consortium>();
    let edit = |patch: Value| {
        let consortia = consortia.clone();
        async move { consortia.patch("trade-finance", &PatchParams::default(), &Patch::Merge(&patch)).await }
    };
    for patch in [
        json!({ "spec": { "create": { "chainId": 7 } } }),
        json!({ "spec": { "create": { "gasLimit": 100_000_000 } } }),
        json!({ "spec": { "create": { "blockPeriod": null } } }),
        json!({ "spec": { "create": { "accounts": null } } }),
        json!({ "spec": { "member": { "alias": "other" } } }),
    ] {
        let refusal = edit(patch.clone()).await.expect_err("refused").to_string();
        assert!(refusal.contains("immutable"), "{patch}: {refusal}");
    }
    edit(pin("1")).await.expect("a pin may be added");
    assert!(edit(pin("2")).await.expect_err("refused").to_string().contains("genesisHash"));
    let fleets = world.api::<Validator>();
    for patch in [
        json!({ "spec": { "consortiumRef": { "name": "other" } } }),
        json!({ "spec": { "role": "Observer" } }),
        json!({ "spec": { "storage": { "storageClassName": "other" } } }),
        json!({ "spec": { "storage": { "accessMode": "ReadWriteOncePod" } } }),
        json!({ "spec": { "keys": { "secret": null, "azureKeyVault": vault(&json!({})) } } }),
    ] {
        let edited = fleets.patch("bank-a", &PatchParams::default(), &Patch::Merge(&patch)).await;
        let refusal = edited.expect_err("refused").to_string();
        assert!(refusal.contains("immutable"), "{patch}: {refusal}");
    }
    // In another cloud, in capitals, with a port; and one of nobody's hosts with its authorities.
    for (name, more) in [
        ("vault-china", json!({ "vaultUrl": "https://V.Vault.Azure.CN:443" })),
        ("vault-own", json!({ "vaultUrl": "https://vault.example.com", "caBundle": "PEM" })),
    ] {
        let mut elsewhere = keys(json!({ "azureKeyVault": vault(&more) }));
        elsewhere["metadata"]["name"] = json!(name);
        world.apply(&elsewhere).await.expect("accepted");
    }
    let mut other = keys(json!({ "azureKeyVault": vault(&json!({})) }));
    other["metadata"]["name"] = json!("in-vault");
    world.apply(&other).await.expect("accepted");
    let edit = |more: Value| {
        let patch = json!({ "spec": { "keys": { "azureKeyVault": more } } });
        let fleets = fleets.clone();
        async move { fleets.patch("in-vault", &PatchParams::default(), &Patch::Merge(&patch)).await }
    };
    for more in [
        json!({ "vaultUrl": "https://w.vault.azure.net" }),
        json!({ "mode": "Inject" }),
        json!({ "keyPrefix": "prod-" }),
    ] {
        let refusal = edit(more.clone()).await.expect_err("refused").to_string();
        assert!(
            refusal.contains("immutable") && refusal.contains("quorate.dev/replaces"),
            "{more}: {refusal}"
        );
    }
    edit(json!({ "mode": "Remote", "create": false, "authorityHost": "https://login.example.com" }))
        .await
        .expect("what nodes and operator do with the same keys may change");
    let patch = json!({ "spec": { "keys": null } });
    let removed = fleets.patch("in-vault", &PatchParams::default(), &Patch::Merge(&patch)).await;
    assert!(removed.expect_err("refused").to_string().contains("immutable"));
}
