//! Whole objects from the example manifests: a manifest goes through the real validation, plan and builders, and every
//! object is compared with its golden file. `UPDATE_GOLDEN=1` rewrites them for review.

#[path = "objects/examples.rs"]
mod examples;
#[path = "objects/node_pool.rs"]
mod pools;
#[path = "objects/profiles.rs"]
mod profiles;
#[path = "objects/standby.rs"]
mod standby;

use alloy_primitives::B256;
use k256::ecdsa::SigningKey;
use operator_core::{
    api::{Consortium, Validator},
    build::{self, ApiServer, NetworkAccess, OperatorImage},
    genesis::{self, StoredGenesis},
    keys::Key,
    names::NodeName,
    node_pool,
    observed::{FleetObserved, NodeObserved, PeerNode, SecretState, StoredKey},
    plan,
    validate::{self, IdentityKeys, ValidFleet},
    vault::{Holder, Home, KeyId},
};
use serde::Serialize;
use std::{collections::BTreeSet, path::Path};

const IMAGE: &str = "registry.example/quorate-validator:1";

fn key(seed: u8) -> Key {
    Key::new(SigningKey::from_slice(&[seed; 32]).expect("a key"))
}

fn stored(seed: u8, journal: Option<B256>) -> SecretState {
    SecretState::Present(StoredKey {
        key: (&key(seed)).into(),
        journal,
        recorded: false,
        labelled: true,
        vault: None,
    })
}

fn read<T: serde::de::DeserializeOwned>(path: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(&path).expect("the manifest");
    serde_saphyr::from_str(&text).expect("a manifest of the kind")
}

fn example_genesis() -> StoredGenesis {
    let mut object: Consortium = read("../../examples/consortium.yaml");
    object.metadata.uid = Some("uid-consortium".to_owned());
    let valid = validate::consortium(&object).expect("valid");
    let identities: BTreeSet<_> = (1..=4).map(|seed| key(seed).address).collect();
    genesis::make(&valid, key(11).address, key(12).address, &identities).expect("a genesis")
}

fn fleet(manifest: &str) -> ValidFleet {
    let mut object: Validator = read(manifest);
    object.metadata.uid = Some("uid-fleet".to_owned());
    validate::fleet(&object).expect("valid")
}

fn observed(fleet: &ValidFleet, journals: bool) -> FleetObserved {
    let seed = |index: u32| u8::try_from(index).expect("few") + 1;
    let node = |index: u32| NodeObserved {
        identity: stored(seed(index), journals.then(|| B256::repeat_byte(seed(index)))),
        p2p: stored(seed(index) + 20, None),
        ..NodeObserved::default()
    };
    FleetObserved {
        consortium_exists: true,
        genesis: Some(example_genesis()),
        nodes: (0..fleet.replicas).map(|index| (index, node(index))).collect(),
        peers: (0..fleet.replicas)
            .map(|index| PeerNode {
                name: NodeName { fleet: fleet.name.0.clone(), index },
                node_id: key(seed(index) + 20).public,
                outside: None,
            })
            .collect(),
        ..FleetObserved::default()
    }
}

/// The same, each identity in the fleet's vault.
fn observed_in_vault(fleet: &ValidFleet) -> FleetObserved {
    let mut observed = observed(fleet, false);
    let vault = fleet.keys.vault().expect("a vault");
    for (index, node) in &mut observed.nodes {
        if let SecretState::Present(stored) = &mut node.identity {
            let version = format!("{index:032x}");
            stored.vault = Some(Box::new(KeyId { place: vault.place(*index), version }));
        }
    }
    observed
}

fn access() -> NetworkAccess {
    NetworkAccess {
        operator_namespace: "quorate-system".to_owned(),
        monitoring_namespaces: vec!["monitoring".to_owned(), "kube-system".to_owned()],
        api_server: ApiServer { cidrs: Vec::new(), ports: vec![443, 6443] },
    }
}

#[track_caller]
fn assert_golden(name: &str, objects: &[serde_json::Value]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = objects.iter().fold(String::new(), |text, object| {
        text + "---
" + &serde_saphyr::to_string(object).expect("YAML")
    });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{name} differs; UPDATE_GOLDEN=1 rewrites it for review. Now:\n{text}");
}

fn value(object: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(object).expect("JSON")
}

fn fleet_objects(fleet: &ValidFleet, observed: &FleetObserved) -> Vec<serde_json::Value> {
    let plan = plan::fleet(fleet, observed, IMAGE);
    let resources = build::fleet(fleet, &plan.objects.expect("objects")).expect("rendered");
    let mut objects = vec![value(&resources.service_account), value(&resources.nodes_service)];
    objects.extend(resources.rpc_service.iter().map(value));
    objects.extend(resources.peers_service.iter().map(value));
    objects.push(value(&build::network_policy(fleet, &access(), &[])));
    // One node is enough to read; the others differ by name and peers.
    objects.extend(resources.volumes.iter().take(1).map(value));
    objects.extend(resources.configs.iter().take(1).map(value));
    objects.extend(resources.statefulsets.iter().take(1).map(value));
    assert_eq!(resources.statefulsets.len(), fleet.replicas as usize);
    objects
}

/// The pods of a whole fleet as one revision of the template makes them.
fn pods(fleet: &ValidFleet, template: u32) -> Vec<serde_json::Value> {
    let plan = plan::fleet(fleet, &observed(fleet, false), IMAGE);
    let inputs = build::FleetInputs { template, ..plan.objects.expect("objects") };
    let resources = build::fleet(fleet, &inputs).expect("rendered");
    resources.statefulsets.iter().map(|set| value(&set.spec.template)).collect()
}

#[test]
fn every_revision_of_the_pod_template_renders_byte_for_byte_what_it_always_has() {
    let mut observer = fleet("../../examples/validator.yaml");
    observer.role = operator_core::api::validator::Role::Observer;
    let fleets = [
        ("example", fleet("../../examples/validator.yaml")),
        ("observer", observer),
        ("full", fleet("tests/golden/full.input.yaml")),
        ("pool", fleet("tests/golden/pool.input.yaml")),
    ];
    for template in build::FIRST_TEMPLATE..=build::NEWEST_TEMPLATE {
        for (name, fleet) in &fleets {
            assert_golden(&format!("pods-{template}/{name}.yaml"), &pods(fleet, template));
        }
    }
}

#[test]
fn the_example_fleet_becomes_exactly_these_objects() {
    let fleet = fleet("../../examples/validator.yaml");
    assert_golden("fleet.yaml", &fleet_objects(&fleet, &observed(&fleet, false)));
}

#[test]
fn a_fleet_with_every_field_set_becomes_exactly_these_objects() {
    let fleet = fleet("tests/golden/full.input.yaml");
    assert_golden("full.yaml", &fleet_objects(&fleet, &observed(&fleet, true)));
}

/// That a fleet without it is made byte for byte as before, the golden files of the others say.
#[test]
fn history_stands_in_every_nodes_file_and_a_change_of_it_restarts_nodes() {
    let made = |history: serde_json::Value| {
        let mut object: serde_json::Value = read("../../examples/validator.yaml");
        object["spec"]["history"] = history;
        let fleet = validate::fleet(&serde_json::from_value(object).expect("a Validator")).expect("valid");
        let plan = plan::fleet(&fleet, &observed(&fleet, false), IMAGE);
        let resources = build::fleet(&fleet, &plan.objects.expect("objects")).expect("rendered");
        let files: Vec<_> =
            resources.configs.iter().map(|map| value(map)["data"]["node.json"].clone()).collect();
        let starts: Vec<_> =
            resources.statefulsets.iter().map(|set| value(&set.spec.template.metadata)).collect();
        (files, starts)
    };
    let (without, plain) = made(serde_json::Value::Null);
    let (with, blocks) = made(serde_json::json!({ "blocks": 100_000 }));
    let (_, all) = made(serde_json::json!({ "all": true }));
    for (without, with) in without.iter().zip(&with) {
        let with = with.as_str().expect("a file");
        let line = ",\n  \"history\": {\n    \"blocks\": 100000\n  }";
        assert_eq!(Some(with.replace(line, "").as_str()), without.as_str(), "nothing else changes");
    }
    for index in 0..plain.len() {
        assert!(plain[index] != blocks[index] && blocks[index] != all[index] && plain[index] != all[index]);
    }
}

#[test]
fn a_fleet_whose_keys_are_in_a_vault_becomes_exactly_these_objects_without_a_key_in_any() {
    let mut fleet = fleet("tests/golden/vault.input.yaml");
    let objects = fleet_objects(&fleet, &observed_in_vault(&fleet));
    assert_golden("vault.yaml", &objects);
    let set = objects.last().expect("a StatefulSet").to_string();
    assert!(!set.contains("-identity"), "no Secret of an identity is mounted");
    let IdentityKeys::Vault(vault) = &mut fleet.keys else { panic!("a vault") };
    vault.home = Home::Secret;
    let text: String =
        fleet_objects(&fleet, &observed_in_vault(&fleet)).iter().map(ToString::to_string).collect();
    assert!(text.contains("azureKeyVaultSecret") && !text.contains("azureKeyVaultKey"), "{text}");
    let node = NodeName { fleet: "bank-a".to_owned(), index: 0 };
    let id = KeyId { place: fleet.keys.vault().expect("a vault").place(0), version: "0f".to_owned() };
    let place = ("bank-a", &fleet.consortium);
    let record = build::vault_record(place, &Holder::Node(node), (key(1).address, &id), None);
    assert_golden("vault-record.yaml", &[value(&record)]);
}

#[test]
fn an_observer_of_a_fleet_with_a_vault_has_neither_token_nor_way_to_azure() {
    let mut fleet = fleet("tests/golden/vault.input.yaml");
    fleet.role = operator_core::api::validator::Role::Observer;
    let text: String =
        fleet_objects(&fleet, &observed_in_vault(&fleet)).iter().map(ToString::to_string).collect();
    assert!(!text.contains("zure") && !text.contains("443"), "{text}");
}

#[test]
fn a_fleet_that_requires_hosts_of_its_own_and_makes_its_pool_becomes_exactly_these_objects() {
    let fleet = fleet("tests/golden/pool.input.yaml");
    let pool = fleet.node_pool.clone().expect("a pool");
    let served = ["v1api20250801".to_owned(), "v20260501".to_owned(), "v20260501storage".to_owned()];
    let around = node_pool::Surroundings {
        served: Some(&served),
        found: None,
        neighbours: &[],
        pods: fleet.replicas,
        running: false,
        may_shrink: false,
    };
    let planned = node_pool::plan(&fleet, &pool, pool.made().expect("made"), &around);
    let set = fleet_objects(&fleet, &observed(&fleet, false)).pop().expect("a StatefulSet");
    let scheduling = ["nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"];
    let pod = &set["spec"]["template"]["spec"];
    let scheduling: serde_json::Map<_, _> =
        scheduling.map(|field| (field.to_owned(), pod[field].clone())).into_iter().collect();
    assert_golden("pool.yaml", &[planned.apply.expect("an object"), value(&scheduling)]);
}

#[test]
fn only_a_load_balancer_opens_json_rpc_to_addresses_outside_the_cluster() {
    let mut fleet = fleet("../../examples/validator.yaml");
    let clients = |fleet: &ValidFleet| {
        let policy = value(&build::network_policy(fleet, &access(), &[]));
        let rules = policy["spec"]["ingress"].as_array().expect("rules").clone();
        let others = rules.into_iter().skip(2).filter(|rule| rule["ports"][0]["port"] == 8545);
        others.map(|rule| rule["from"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(clients(&fleet), [serde_json::Value::Null], "everybody");
    fleet.rpc.as_mut().expect("the example has one").load_balancer = false;
    assert_eq!(clients(&fleet), [serde_json::json!([{ "namespaceSelector": {} }])], "pods");
    fleet.rpc = None;
    assert!(clients(&fleet).is_empty(), "nobody but the operator");
}

#[test]
fn members_in_other_clusters_are_reached_at_their_addresses_and_ports_and_nobody_else() {
    let fleet = fleet("../../examples/validator.yaml");
    let enode = |host: &str, port| chain::enode::Enode { id: key(1).public, host: host.to_owned(), port };
    let bootnodes = [
        enode("bank-c-0-0.bank-c-nodes.bank-c.svc", 30303),
        enode("203.0.113.7", 30310),
        enode("2001:db8::7", 30311),
        enode("node.bank-d.example", 30312),
    ];
    let policy = value(&build::network_policy(&fleet, &access(), &bootnodes));
    let rules = policy["spec"]["egress"].as_array().expect("rules").clone();
    let told: Vec<_> =
        rules.iter().skip(2).map(|rule| (rule["ports"][0]["port"].clone(), rule["to"].clone())).collect();
    let block = |cidr: &str| serde_json::json!([{ "ipBlock": { "cidr": cidr } }]);
    let want = [
        // Where the seats of other clusters say that their nodes are.
        (30303.into(), serde_json::Value::Null),
        (30312.into(), serde_json::Value::Null),
        (30310.into(), block("203.0.113.7/32")),
        (30311.into(), block("2001:db8::7/128")),
    ];
    assert_eq!(told, want);
    assert_eq!(rules[2]["ports"][0]["endPort"], 30382, "as many as a fleet has nodes and spares");
    let alone = value(&build::network_policy(&fleet, &access(), &bootnodes[..1]));
    assert_eq!(alone["spec"]["egress"].as_array().map(Vec::len), Some(2), "all members are in this cluster");
}

#[test]
fn a_node_behind_an_ipv6_load_balancer_announces_what_others_can_dial() {
    let fleet = fleet("tests/golden/peering.input.yaml");
    let mut observed = observed(&fleet, false);
    for peer in &mut observed.peers {
        peer.outside = Some("2001:db8::7".to_owned());
    }
    let plan = plan::fleet(&fleet, &observed, IMAGE);
    let nodes = plan.objects.expect("objects").nodes;
    let told: Vec<_> = nodes.into_iter().filter_map(|node| node.config.p2p.advertise).collect();
    assert_eq!(told, ["[2001:db8::7]:30303", "[2001:db8::7]:30304"]);
    assert!(
        told.iter().all(|host| format!("enode://{}@{host}", hex(21)).parse::<chain::enode::Enode>().is_ok())
    );
}

fn hex(seed: u8) -> String {
    alloy_primitives::hex::encode(key(seed).public)
}

#[test]
fn the_web_server_with_the_network_info_becomes_exactly_these_objects() {
    let mut object: Consortium = read("../../examples/consortium.yaml");
    object.metadata.uid = Some("uid-consortium".to_owned());
    let publish = serde_json::json!({ "networkInfo": { "service": {
        "type": "LoadBalancer", "sourceRanges": ["203.0.113.0/24"], "annotations": { "example.com/a": "b" },
        "tls": { "secretName": "network-info-tls" } } } });
    object.spec.publish = Some(serde_json::from_value(publish).expect("publish"));
    let valid = validate::consortium(&object).expect("valid");
    let service = valid.publish.as_ref().expect("a service");
    let image = OperatorImage {
        image: "registry.example/quorate-operator:1".to_owned(),
        pull_secrets: vec!["registry".to_owned()],
    };
    let made = build::publisher(&valid, service, &image);
    let objects = [
        value(&made.service_account),
        value(&made.network_policy),
        value(&made.deployment),
        value(&made.service),
    ];
    assert_golden("publisher.yaml", &objects);
}

#[test]
fn every_node_has_a_port_of_the_load_balancer_that_no_other_pod_answers() {
    let fleet = fleet("tests/golden/peering.input.yaml");
    assert_golden("peering.yaml", &fleet_objects(&fleet, &observed(&fleet, false)));
    let plan = plan::fleet(&fleet, &observed(&fleet, false), IMAGE);
    let resources = build::fleet(&fleet, &plan.objects.expect("objects")).expect("rendered");
    let service = value(&resources.peers_service)["spec"].clone();
    let pods: Vec<_> = resources.statefulsets.iter().map(|set| value(&set.spec.template)).collect();
    for (port, number) in service["ports"].as_array().expect("ports").iter().zip([30_303, 30_304]) {
        assert_eq!(port["port"], number);
        let answers = |pod: &&serde_json::Value| {
            let ports = pod["spec"]["containers"][0]["ports"].as_array().expect("ports");
            ports.iter().any(|named| named["name"] == port["targetPort"] && named["containerPort"] == 30_303)
        };
        assert_eq!(pods.iter().filter(answers).count(), 1, "{port}");
    }
    let selector = service["selector"].as_object().expect("a selector");
    for pod in &pods {
        assert!(selector.iter().all(|(name, value)| pod["metadata"]["labels"][name] == *value));
    }
    // The name inside the cluster leads to the same port.
    assert_eq!(value(&resources.nodes_service)["spec"]["ports"][0]["targetPort"], 30_303);
    let policy = value(&build::network_policy(&fleet, &access(), &[]));
    assert!(policy["spec"]["ingress"][1].get("from").is_none(), "hosts pass peers on: {policy}");
}

#[test]
fn members_are_told_the_load_balancers_address_and_the_nodes_port_of_it() {
    let genesis = example_genesis();
    let node = |index, outside: Option<&str>| PeerNode {
        name: NodeName { fleet: "bank-a".to_owned(), index },
        node_id: key(21).public,
        outside: outside.map(str::to_owned),
    };
    let told = |peers: &[PeerNode]| {
        let info = build::unsigned_network_info("bank-a", &genesis, peers, key(12).address, 1);
        info.bootnodes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let told = told(&[node(0, Some("203.0.113.7")), node(2, Some("2001:db8::7")), node(3, None)]);
    assert!(told[0].ends_with("@203.0.113.7:30303"), "{told:?}");
    assert!(told[1].ends_with("@[2001:db8::7]:30305"), "{told:?}");
    assert!(told[2].ends_with("@bank-a-3-0.bank-a-nodes.bank-a.svc:30303"), "{told:?}");
}

#[test]
fn without_monitoring_namespaces_only_the_operator_reads_metrics() {
    let fleet = fleet("../../examples/validator.yaml");
    let access = NetworkAccess { monitoring_namespaces: Vec::new(), ..access() };
    let policy = build::network_policy(&fleet, &access, &[]);
    let rules = policy.spec.and_then(|spec| spec.ingress).expect("rules");
    let open = rules.iter().filter(|rule| value(&rule.ports).to_string().contains("9545"));
    assert_eq!(open.map(|rule| rule.from.as_ref().map(Vec::len)).collect::<Vec<_>>(), [Some(1)]);
}

#[test]
fn the_example_consortium_becomes_exactly_these_objects() {
    let mut object: Consortium = read("../../examples/consortium.yaml");
    object.metadata.uid = Some("uid-consortium".to_owned());
    let valid = validate::consortium(&object).expect("valid");
    let genesis = example_genesis();
    let peers = [PeerNode {
        name: NodeName { fleet: "bank-a".to_owned(), index: 0 },
        node_id: key(21).public,
        outside: None,
    }];
    let short = StoredGenesis { text: "(the file)\n".to_owned(), ..genesis.clone() };
    let info = build::unsigned_network_info(&valid.namespace, &short, &peers, key(12).address, 1_790_000_000);
    let node = NodeName { fleet: "bank-a".to_owned(), index: 0 };
    assert_golden(
        "consortium.yaml",
        &[
            value(&build::account_secret(&valid.namespace, &valid.name, valid.name.admin(), &key(11))),
            value(&build::identity_secret(&valid.namespace, &valid.name, &node, &key(1))),
            value(&build::p2p_secret(&valid.namespace, &valid.name, &node, &key(21))),
            value(&build::genesis(&valid, &short)),
            value(&build::network_info(&valid, &info).expect("JSON")),
            value(&build::disruption_budget(&valid, 3)),
        ],
    );
}

#[test]
fn the_example_network_always_has_this_genesis_hash() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/genesis-hash");
    let hash = example_genesis().hash.to_string();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &hash).expect("written");
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        hash,
        "a changed genesis is another chain"
    );
}

#[test]
fn a_journal_that_is_recorded_is_required_from_then_on() {
    let fleet = fleet("../../examples/validator.yaml");
    let text = |journals| {
        fleet_objects(&fleet, &observed(&fleet, journals)).iter().map(ToString::to_string).collect::<String>()
    };
    assert!(text(false).contains("initialise") && !text(false).contains("require"));
    assert!(text(true).contains("require") && !text(true).contains("initialise"));
}

#[test]
fn an_accepted_loss_reaches_the_nodes_with_the_journal_on_record_and_restarts_nobody() {
    let mut fleet = fleet("../../examples/validator.yaml");
    let observed = observed(&fleet, true);
    let template =
        |fleet: &ValidFleet| fleet_objects(fleet, &observed).last().expect("a StatefulSet").clone();
    let before = template(&fleet);
    let lost = B256::repeat_byte(0xee);
    fleet.accept_journal_loss.push(lost);
    let text = fleet_objects(&fleet, &observed).iter().map(ToString::to_string).collect::<String>();
    let recorded = B256::repeat_byte(1);
    assert!(text.contains("acceptLoss") && text.contains(&recorded.to_string()), "{text}");
    assert!(text.contains(&lost.to_string()), "{text}");
    assert!(!text.contains(r#"\"require\""#), "{text}");
    assert_eq!(before, template(&fleet));
}

#[test]
fn peers_and_journals_change_no_pod_template_but_rpc_namespaces_do() {
    let mut fleet = fleet("../../examples/validator.yaml");
    let template = |fleet: &ValidFleet, observed: &FleetObserved| {
        fleet_objects(fleet, observed).last().expect("a StatefulSet")["spec"]["template"].clone()
    };
    let before = template(&fleet, &observed(&fleet, false));
    let mut other = observed(&fleet, true);
    other.peers.truncate(1);
    other.bootnodes =
        vec![format!("enode://{}@moved.example:30303", "09".repeat(64)).parse().expect("an enode")];
    assert_eq!(before, template(&fleet, &other));
    let files: Vec<_> = fleet_objects(&fleet, &other);
    let config =
        files.iter().find(|object| object["data"]["node.json"].is_string()).expect("a configuration");
    assert!(config["data"]["node.json"].to_string().contains("moved.example:30303"), "{config}");
    fleet.namespaces.push("txpool".to_owned());
    assert_ne!(before, template(&fleet, &other));
}
