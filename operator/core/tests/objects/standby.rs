//! Fleets whose identities can move: the right to their Leases, an original and a spare.

use super::{IMAGE, access, assert_golden, fleet, key, observed, observed_in_vault, stored, value};
use alloy_primitives::B256;
use chain::status::{NodeStatus, SeatHeard};
use operator_core::{
    build,
    names::FIRST_SPARE,
    observed::{FleetObserved, NodeObserved, PeerNode, SecretState},
    plan,
    validate::ValidFleet,
};

/// On record are all identities, and there is a spare with a p2p key.
fn with_spare(fleet: &ValidFleet, mut observed: FleetObserved) -> FleetObserved {
    for node in observed.nodes.values_mut() {
        let SecretState::Present(stored) = &mut node.identity else { panic!("a key") };
        stored.recorded = true;
    }
    let spare = NodeObserved { p2p: stored(40, None), ..NodeObserved::default() };
    observed.nodes.insert(FIRST_SPARE, spare);
    let node_id = key(40).public;
    observed.peers.push(PeerNode { name: fleet.name.node(FIRST_SPARE), node_id, outside: None });
    observed.network = vec![heard(fleet)];
    observed
}

/// A node that says who is seated: nobody of this fleet.
fn heard(fleet: &ValidFleet) -> NodeStatus {
    let seat = SeatHeard { address: key(90).address, height: 1, at_ms: 1 };
    serde_json::from_value(serde_json::json!({
        "version": 1, "chainId": 10101, "genesisHash": B256::ZERO, "nodeId": key(41).public, "nowMs": 2, "startedMs": 1,
        "head": { "number": 1, "hash": B256::ZERO, "timestamp": 1 }, "bestPeerHead": 1, "ready": true, "peers": [],
        "seats": [seat], "pool": { "pending": 0, "queued": 0 }, "faults": [],
    }))
    .unwrap_or_else(|error| panic!("a status of a node of {}: {error}", fleet.name.0))
}

/// What is there because identities can move, and of nodes the last original and the spare.
fn objects(fleet: &ValidFleet, observed: &FleetObserved) -> Vec<serde_json::Value> {
    let plan = plan::fleet(fleet, observed, IMAGE);
    let inputs = plan.objects.expect("objects");
    assert_eq!(inputs.nodes.iter().map(|node| node.index).collect::<Vec<_>>(), [0, 1, FIRST_SPARE]);
    let resources = build::fleet(fleet, &inputs).expect("rendered");
    let identity = observed.nodes[&1].address().expect("an identity");
    let mut objects = vec![value(&build::lease(fleet, &fleet.name.node(1), identity))];
    if let Some((role, binding)) = &resources.fence_role {
        objects.extend([value(role), value(binding)]);
    }
    objects.extend(resources.peers_service.iter().map(value));
    objects.push(value(&build::network_policy(fleet, &access(), &[])));
    objects.extend(resources.volumes.iter().skip(2).map(value));
    objects.extend(resources.configs.iter().skip(1).map(value));
    objects.extend(resources.statefulsets.iter().skip(1).map(value));
    objects
}

#[test]
fn a_fleet_with_a_spare_and_keys_in_secrets_becomes_exactly_these_objects() {
    let fleet = fleet("tests/golden/standby.input.yaml");
    let objects = objects(&fleet, &with_spare(&fleet, observed(&fleet, true)));
    assert_golden("standby.yaml", &objects);
}

#[test]
fn a_fleet_with_a_spare_keys_in_a_vault_and_records_in_blobs_becomes_exactly_these_objects() {
    let fleet = fleet("tests/golden/standby-blob.input.yaml");
    let objects = objects(&fleet, &with_spare(&fleet, observed_in_vault(&fleet)));
    assert_golden("standby-blob.yaml", &objects);
    let text: String = objects.iter().skip(1).map(ToString::to_string).collect();
    assert!(
        !text.contains("-identity") && !text.contains("kube-root-ca"),
        "neither a key nor the API server's token"
    );
}

#[test]
fn nodes_that_write_leases_reach_the_api_server_where_it_is_said_to_be_and_others_do_not() {
    let fenced = fleet("tests/golden/standby.input.yaml");
    let mut narrow = access();
    narrow.api_server = build::ApiServer { cidrs: vec!["10.0.0.4/32".to_owned()], ports: vec![8443] };
    let rules =
        |fleet: &ValidFleet| value(&build::network_policy(fleet, &narrow, &[]))["spec"]["egress"].clone();
    let rule = serde_json::json!({
        "ports": [{ "protocol": "TCP", "port": 8443 }], "to": [{ "ipBlock": { "cidr": "10.0.0.4/32" } }],
    });
    assert!(rules(&fenced).as_array().expect("rules").contains(&rule));
    for other in ["tests/golden/standby-blob.input.yaml", "tests/golden/peering.input.yaml"] {
        assert!(!rules(&fleet(other)).to_string().contains("8443"), "{other}");
    }
}

#[test]
fn a_lease_belongs_to_nobody_who_could_take_it_along() {
    let fleet = fleet("tests/golden/standby.input.yaml");
    let lease = build::lease(&fleet, &fleet.name.node(0), key(1).address);
    assert_eq!((lease.metadata.owner_references, lease.metadata.annotations, lease.spec), (None, None, None));
}
