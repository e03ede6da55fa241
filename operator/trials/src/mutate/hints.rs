//! What no schema says: fields whose good values have a meaning. Small on purpose; a field that is not here is tried from
//! its schema alone. When a run says that no value of a field was ever carried out, this is where to say what one is.

use super::schema::Field;
use serde_json::Value;

/// What is known about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Its good values, a JSON list, the plainest first.
    Values(&'static str),
    /// Fields that have to stand beside it, a JSON object.
    With(&'static str),
    /// Once edited it does not go back; the refusal says this.
    OneWay(&'static str),
    /// At creation this field of the other object has the same value: kind, path.
    Same(&'static str, &'static str),
    /// The object around it has nothing else.
    Alone,
    /// Edited in a namespace that joins a network: one that creates its own has no use for it.
    Joining,
    /// What stands there in the status is kept by the operator, not put right.
    Kept,
    /// Nothing but the table's values and bad ones is tried.
    Only,
    /// No child shows it, for this reason.
    Unfelt(&'static str),
    /// Left alone: at creation it says what the world has no part for; as an edit it is refused.
    NotAtCreation,
}

/// Kind and path, and what is known there. A `*` within it stands for one name, before it for whatever leads there, after it for
/// whatever follows.
const TABLE: &[(&str, Hint)] = &[
    // What is joined: `${url}` serves the founder's document, ConfigMaps have the same, a later one, and another network's.
    ("Consortium.spec.join*", Hint::Joining),
    ("Consortium.spec.join*", Hint::Unfelt("whoever tells of it, it is the same network")),
    (
        "Consortium.spec.join",
        Hint::Values(
            r#"[{ "genesisHash": "${hash}", "networkInfo": [{ "configMapRef": { "name": "from-bank-a" } }] }]"#,
        ),
    ),
    ("Consortium.spec.join.genesisHash", Hint::Values(r#"["${other-hash}"]"#)),
    (
        "Consortium.spec.join.genesisHash",
        Hint::With(r#"{ "networkInfo": [{ "configMapRef": { "name": "from-another" } }] }"#),
    ),
    (
        "Consortium.spec.join.networkInfo",
        Hint::Values(
            r#"[[{ "configMapRef": { "name": "from-bank-a" } }], [{ "url": "${url}" }, { "configMapRef": { "name": "from-bank-a" } }]]"#,
        ),
    ),
    (
        "Consortium.spec.join.networkInfo[]",
        Hint::Values(r#"[{ "configMapRef": { "name": "from-bank-a" } }]"#),
    ),
    (
        "Consortium.spec.join.networkInfo[].url",
        Hint::Values(r#"["${url}?again", "https://127.0.0.1:9/network-info.json"]"#),
    ),
    // Other hosts than this one are nobody's to ask.
    ("Consortium.spec.join.networkInfo[].url", Hint::Only),
    ("Consortium.spec.join.networkInfo[].configMapRef", Hint::Alone),
    ("Consortium.spec.join.networkInfo[].configMapRef", Hint::Values(r#"[{ "name": "from-bank-a" }]"#)),
    ("Consortium.spec.join.networkInfo[].configMapRef.name", Hint::Values(r#"["from-bank-a-later"]"#)),
    (
        "Consortium.spec.join.networkInfo[].configMapRef.name",
        Hint::OneWay("what was published later is not forgotten"),
    ),
    (
        "Consortium.spec.join.networkInfo[].caBundle",
        Hint::Values(r#"[{ "secretRef": { "name": "bank-a-ca" } }]"#),
    ),
    (
        "Consortium.spec.join.networkInfo[].caBundle.configMapRef",
        Hint::Values(r#"[{ "name": "bank-a-ca", "key": "other.crt" }]"#),
    ),
    ("Consortium.spec.join.networkInfo[].caBundle.configMapRef.key", Hint::Values(r#"["other.crt"]"#)),
    ("Consortium.spec.join.networkInfo[].caBundle.secretRef", Hint::Alone),
    ("Consortium.spec.join.networkInfo[].caBundle.secretRef", Hint::Values(r#"[{ "name": "bank-a-ca" }]"#)),
    ("Consortium.spec.join.networkInfo[].caBundle.secretRef.name", Hint::Values(r#"["bank-a-ca"]"#)),
    ("Consortium.spec.join.networkInfo[].caBundle.secretRef.key", Hint::Values(r#"["other.crt"]"#)),
    // A load balancer serves https only.
    (
        "Consortium.spec.publish.networkInfo.service.type",
        Hint::With(r#"{ "tls": { "secretName": "network-info-tls" } }"#),
    ),
    (
        "Consortium.spec.publish.networkInfo.service.exposure",
        Hint::With(r#"{ "type": "LoadBalancer", "tls": { "secretName": "network-info-tls" } }"#),
    ),
    (
        "Consortium.spec.publish.networkInfo.service.sourceRanges",
        Hint::With(r#"{ "type": "LoadBalancer", "tls": { "secretName": "network-info-tls" } }"#),
    ),
    // Addresses on this machine at which nobody answers: a condition beside Ready says so.
    ("Consortium.spec.*.*.azureBlob", Hint::Values(r#"[{ "containerUrl": "https://127.0.0.1:9/net" }]"#)),
    (
        "Consortium.spec.*.*.azureBlob.containerUrl",
        Hint::Values(r#"["https://127.0.0.1:9/net", "https://127.0.0.1:9/account/net"]"#),
    ),
    ("Consortium.spec.join.networkInfo[].azureBlob", Hint::Alone),
    (
        "Consortium.spec.publish.networkInfo.azureBlob*",
        Hint::Unfelt("only the container and a condition show it"),
    ),
    // One of the two, for good.
    ("Consortium.spec.member.admin.address", Hint::Alone),
    (
        "Consortium.spec.member",
        Hint::Values(r#"[{ "alias": "bank-z", "admin": { "secret": {} }, "operator": { "secret": {} } }]"#),
    ),
    ("Consortium.spec.member.admin", Hint::Values(r#"[{ "secret": { "name": "another-account" } }]"#)),
    ("Consortium.spec.member.admin.secret", Hint::Values(r#"[{ "name": "another-account" }]"#)),
    ("Consortium.spec.member.operator", Hint::Values(r#"[{ "secret": { "name": "another-account" } }]"#)),
    ("Consortium.spec.member.operator.secret", Hint::Values(r#"[{ "name": "another-account" }]"#)),
    // Votes go to the chain, which this world plays only in part; positions are tried by `make vote-faults`.
    ("Consortium.spec.governance.*", Hint::Unfelt("only the chain and the status show it")),
    ("Consortium.spec.governance.parameters", Hint::Values(r#"[{ "gasLimit": 20000000 }]"#)),
    ("Consortium.spec.governance.parameters.fromBlock", Hint::With(r#"{ "gasLimit": 20000000 }"#)),
    ("Consortium.spec.governance.parameters.memo", Hint::With(r#"{ "gasLimit": 20000000 }"#)),
    // The first seats are those of the one fleet there is.
    ("Consortium.spec.create.fleets", Hint::NotAtCreation),
    ("Consortium.spec.create", Hint::NotAtCreation),
    ("Validator.spec.consortiumRef", Hint::NotAtCreation),
    // A network's first fleet holds seats; one that joins may observe.
    ("Validator.spec.role", Hint::Joining),
    ("Consortium.spec.create.fleets[]", Hint::Same("Validator", "metadata.name")),
    ("Validator.spec.consortiumRef.name", Hint::Same("Consortium", "metadata.name")),
    ("Validator.spec.keys.secret*", Hint::Unfelt("only what becomes of missing keys depends on it")),
    ("Validator.spec.keys.secret", Hint::Values(r#"[{ "create": true }]"#)),
    // Where keys are stays; a world without a vault makes none in one. They are tried by the operator's own tests.
    ("Validator.spec.keys.azureKeyVault*", Hint::NotAtCreation),
    ("Validator.spec.keys.azureKeyVault*", Hint::Unfelt("where keys are is immutable")),
    ("Validator.spec.keys.azureKeyVault", Hint::Alone),
    (
        "Validator.spec.keys.azureKeyVault",
        Hint::Values(
            r#"[{ "vaultUrl": "https://127.0.0.1:9", "tenantId": "11111111-1111-1111-1111-111111111111", "clientId": "22222222-2222-2222-2222-222222222222", "caBundle": "PEM" }]"#,
        ),
    ),
    (
        "Validator.spec.keys.azureKeyVault.vaultUrl",
        Hint::Values(r#"["https://127.0.0.1:9", "https://127.0.0.1"]"#),
    ),
    ("Validator.spec.keys.azureKeyVault.authorityHost", Hint::Values(r#"["https://127.0.0.1:9"]"#)),
    (
        "Validator.spec.keys.azureKeyVault.tenantId",
        Hint::Values(r#"["11111111-1111-1111-1111-111111111111"]"#),
    ),
    (
        "Validator.spec.keys.azureKeyVault.clientId",
        Hint::Values(r#"["22222222-2222-2222-2222-222222222222"]"#),
    ),
    ("Validator.spec.keys.azureKeyVault.keyPrefix", Hint::Values(r#"["prod-"]"#)),
    // As many as a trial can play; once there is a fence it stays.
    ("Validator.spec.standbys", Hint::Values("[1, 2]")),
    ("Validator.spec.standbys", Hint::Only),
    ("Validator.spec.fence", Hint::Values(r#"[{ "leaseSeconds": 9 }, {}]"#)),
    ("Validator.spec.fence.site", Hint::Values(r#"["west"]"#)),
    // A fleet that stands by needs keys that are not its to make: tried by tables of validation and plan.
    ("Validator.spec.fence.preferred", Hint::Values("[true]")),
    ("Validator.spec.fence.preferred", Hint::Only),
    ("Validator.spec.fence.azureBlob", Hint::Alone),
    (
        "Validator.spec.fence.azureBlob",
        Hint::Values(
            r#"[{ "containerUrl": "https://127.0.0.1:9/net", "tenantId": "11111111-1111-1111-1111-111111111111", "clientId": "22222222-2222-2222-2222-222222222222" }]"#,
        ),
    ),
    (
        "Validator.spec.fence.azureBlob.containerUrl",
        Hint::Values(r#"["https://127.0.0.1:9/net", "https://127.0.0.1:9/account/net"]"#),
    ),
    (
        "Validator.spec.fence.azureBlob.containerUrl",
        Hint::With(
            r#"{ "tenantId": "11111111-1111-1111-1111-111111111111", "clientId": "22222222-2222-2222-2222-222222222222" }"#,
        ),
    ),
    ("Validator.spec.fence.azureBlob.tenantId", Hint::Values(r#"["11111111-1111-1111-1111-111111111111"]"#)),
    (
        "Validator.spec.fence.azureBlob.tenantId",
        Hint::With(
            r#"{ "containerUrl": "https://127.0.0.1:9/net", "clientId": "22222222-2222-2222-2222-222222222222" }"#,
        ),
    ),
    ("Validator.spec.fence.azureBlob.clientId", Hint::Values(r#"["22222222-2222-2222-2222-222222222222"]"#)),
    (
        "Validator.spec.fence.azureBlob.clientId",
        Hint::With(
            r#"{ "containerUrl": "https://127.0.0.1:9/net", "tenantId": "11111111-1111-1111-1111-111111111111" }"#,
        ),
    ),
    ("Validator.spec.fence.azureBlob.authorityHost", Hint::Values(r#"["https://127.0.0.1:9"]"#)),
    (
        "Validator.spec.fence.azureBlob.authorityHost",
        Hint::With(
            r#"{ "containerUrl": "https://127.0.0.1:9/net", "tenantId": "11111111-1111-1111-1111-111111111111", "clientId": "22222222-2222-2222-2222-222222222222" }"#,
        ),
    ),
    (
        "Validator.spec.fence.azureBlob.caBundle",
        Hint::With(
            r#"{ "containerUrl": "https://127.0.0.1:9/net", "tenantId": "11111111-1111-1111-1111-111111111111", "clientId": "22222222-2222-2222-2222-222222222222" }"#,
        ),
    ),
    ("Consortium.spec.member.*.azureKeyVault*", Hint::NotAtCreation),
    ("Consortium.spec.member.*.azureKeyVault*", Hint::Unfelt("a member's accounts are immutable")),
    ("Consortium.spec.member.*.azureKeyVault", Hint::Alone),
    (
        "Consortium.spec.member.*.azureKeyVault",
        Hint::Values(r#"[{ "vaultUrl": "https://127.0.0.1:9", "keyName": "bank-a-account" }]"#),
    ),
    ("Consortium.spec.member.*.azureKeyVault.vaultUrl", Hint::Values(r#"["https://127.0.0.1:9"]"#)),
    ("Consortium.spec.member.*.azureKeyVault.keyName", Hint::Values(r#"["bank-a-account"]"#)),
    // A pin is the hash of the network that runs: any other stalls it.
    ("Consortium.spec.create.genesisHash", Hint::Values(r#"["${running}"]"#)),
    (
        "Consortium.spec.create.genesisHash",
        Hint::Unfelt("a pin of the genesis that is there changes nothing"),
    ),
    // Written at most once a minute, or others' to write.
    ("Consortium.status.height", Hint::Kept),
    // Known from the chain, which this world plays only in part.
    ("Consortium.status.member.region*", Hint::Kept),
    ("Consortium.status.observedAt", Hint::Kept),
    ("*conditions", Hint::Kept),
    ("*conditions[]", Hint::Kept),
    ("*conditions[].type", Hint::Kept),
    ("*conditions[].lastTransitionTime", Hint::Kept),
    // As many as a trial can play, within the member's capacity.
    ("Validator.spec.replicas", Hint::Values("[1, 2, 4]")),
    ("Validator.spec.replicas", Hint::Only),
    // Requests and limits of one node, each within the other.
    ("Validator.spec.resources.requests.cpu", Hint::Values(r#"["50m", "0.25", "1"]"#)),
    ("Validator.spec.resources.requests.memory", Hint::Values(r#"["64Mi", "100000k", "1Gi"]"#)),
    ("Validator.spec.resources.limits.cpu", Hint::Values(r#"["100m", "1.5", "64"]"#)),
    ("Validator.spec.resources.limits.memory", Hint::Values(r#"["128Mi", "1500M", "1Ti"]"#)),
    // One of the two.
    ("Validator.spec.history", Hint::Values(r#"[{ "blocks": 128 }, { "all": true }]"#)),
    ("Validator.spec.history.blocks", Hint::Alone),
    ("Validator.spec.history.all", Hint::Alone),
    ("Validator.spec.history.all", Hint::Values("[true]")),
    ("Validator.spec.history.all", Hint::Only),
    ("Validator.spec.storage.size", Hint::Values(r#"["1Gi", "1.5Ti", "100000M"]"#)),
    (
        "Validator.spec.pod.tolerations",
        Hint::Values(r#"[[{ "key": "a", "operator": "Exists" }], [{ "operator": "Exists" }]]"#),
    ),
    (
        "Validator.spec.pod.tolerations[]",
        Hint::Values(r#"[{ "key": "a", "operator": "Exists" }, { "key": "a", "value": "b" }]"#),
    ),
    ("Validator.spec.pod.tolerations[].value", Hint::With(r#"{ "operator": "Equal" }"#)),
    // Rules between fields.
    (
        "Validator.spec.*.exposure",
        Hint::With(r#"{ "type": "LoadBalancer", "sourceRanges": ["203.0.113.0/24"] }"#),
    ),
    ("Validator.spec.*.sourceRanges", Hint::With(r#"{ "type": "LoadBalancer" }"#)),
    ("*sourceRanges", Hint::Values(r#"[["203.0.113.0/24"], ["203.0.113.0/24", "2001:db8::/32"]]"#)),
    ("*sourceRanges[]", Hint::Values(r#"["203.0.113.0/24", "0.0.0.0/0", "2001:db8::/32"]"#)),
    ("Validator.spec.peering.annotations", Hint::With(r#"{ "type": "LoadBalancer" }"#)),
    // A pool that the operator makes; the trial's API server has Azure Service Operator's kind.
    (
        "Validator.spec.nodePool.manage",
        Hint::With(r#"{ "aso": { "owner": { "name": "aks" }, "vmSize": "Standard_D4s_v5" } }"#),
    ),
    ("Validator.spec.nodePool.manage", Hint::Values(r#"["ASO"]"#)),
    ("Validator.spec.nodePool.aso", Hint::With(r#"{ "manage": "ASO" }"#)),
    (
        "Validator.spec.nodePool.aso",
        Hint::Values(r#"[{ "owner": { "name": "aks" }, "vmSize": "Standard_D4s_v5" }]"#),
    ),
    ("Validator.spec.nodePool.aso.owner", Hint::Values(r#"[{ "name": "aks" }]"#)),
    // More than the pods of the trial need.
    ("Validator.spec.nodePool.aso.autoscaling.maxCount", Hint::Values("[4, 1000]")),
    ("Validator.spec.nodePool.aso.osSKU", Hint::Values(r#"["AzureLinux", "Ubuntu"]"#)),
    ("Validator.spec.nodePool.aso.owner.armId", Hint::Alone),
    ("Validator.spec.nodePool.aso.owner.name", Hint::Alone),
    // Kubernetes' own types: what its validation wants, beyond what its schema says.
    (
        "*matchExpressions[]",
        Hint::Values(r#"[{ "key": "example.com/a", "operator": "In", "values": ["b"] }]"#),
    ),
    ("*matchExpressions[].operator", Hint::Values(r#"["In", "NotIn"]"#)),
    ("*matchFields[]", Hint::Values(r#"[{ "key": "metadata.name", "operator": "In", "values": ["a"] }]"#)),
    ("*matchFields[].operator", Hint::Values(r#"["In", "NotIn"]"#)),
    ("*matchFields[].key", Hint::Values(r#"["metadata.name"]"#)),
    (
        "*nodeSelectorTerms[]",
        Hint::Values(r#"[{ "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }] }]"#),
    ),
    (
        "*nodeSelectorTerms",
        Hint::Values(r#"[[{ "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }] }]]"#),
    ),
    (
        "*nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        Hint::Values(
            r#"[{ "nodeSelectorTerms": [{ "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }] }] }]"#,
        ),
    ),
    ("*matchLabelKeys", Hint::With(r#"{ "labelSelector": { "matchLabels": { "example.com/x": "y" } } }"#)),
    ("*mismatchLabelKeys", Hint::With(r#"{ "labelSelector": { "matchLabels": { "example.com/x": "y" } } }"#)),
    ("*topologyKey", Hint::Values(r#"["kubernetes.io/hostname", "topology.kubernetes.io/zone"]"#)),
    ("*preferredDuringSchedulingIgnoredDuringExecution[].weight", Hint::Values("[1, 100]")),
];

/// What is known about a field, in the table's order.
#[must_use]
pub fn of(field: &Field) -> Vec<Hint> {
    at(&field.name()).collect()
}

/// The same, by name.
pub fn at(name: &str) -> impl Iterator<Item = Hint> {
    TABLE.iter().filter(move |(place, _)| matches(place, name)).map(|(_, hint)| *hint)
}

/// Good values from the table, if it has some for this name.
#[must_use]
pub fn values(name: &str) -> Option<Vec<Value>> {
    at(name).find_map(|hint| match hint {
        Hint::Values(list) => serde_json::from_str(list).ok(),
        _ => None,
    })
}

fn matches(place: &str, name: &str) -> bool {
    if let Some(end) = place.strip_prefix('*') {
        return name.strip_suffix(end).is_some_and(|before| before.ends_with('.'));
    }
    let (place, is_open) = place.strip_suffix('*').map_or((place, false), |start| (start, true));
    let mut parts = place.split('*');
    let mut rest = name.strip_prefix(parts.next().unwrap_or_default());
    for part in parts {
        let after_one_name = |rest: &str| rest.find('.').unwrap_or(rest.len());
        rest = rest.and_then(|rest| rest[after_one_name(rest)..].strip_prefix(part));
    }
    rest.is_some_and(|rest| is_open || rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Hint, TABLE, matches};
    use crate::mutate::plan::Schemas;

    #[test]
    fn a_star_stands_for_one_name_for_what_leads_there_or_for_what_follows() {
        let table = [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b[].c", true),
            ("a.*.c", "a.b.b.c", false),
            ("a.*.*.d", "a.b.c.d", true),
            ("a.*.c", "a.b.cd", false),
            ("a.*.c*", "a.b.c.d", true),
            ("a.b*", "a.b[].c", true),
            ("*c", "a.b.c", true),
            ("*c", "a.bc", false),
        ];
        for (place, name, is) in table {
            assert_eq!(matches(place, name), is, "{place} and {name}");
        }
    }

    #[test]
    fn every_hint_is_about_a_field_that_exists_and_reads_as_json() {
        let schemas = Schemas::ours().expect("schemas");
        for (place, hint) in TABLE {
            assert!(schemas.fields.iter().any(|field| matches(place, &field.name())), "{place} is no field");
            if let Hint::Values(text) | Hint::With(text) = hint {
                serde_json::from_str::<serde_json::Value>(text)
                    .unwrap_or_else(|error| panic!("{place}: {error}"));
            }
        }
    }
}
