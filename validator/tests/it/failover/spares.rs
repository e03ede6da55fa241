//! Two identities with nodes of their own, and two spares that stand by for both.

use super::*;
use crate::support::{
    leases::Leases,
    network::{command, finish},
};
use std::time::{Duration, Instant};

/// So long that no stall of a loaded machine ends it: an identity passes on when its holder is killed, and at no other time.
const LASTING_MS: u64 = 10_000;
const OWN: [usize; 2] = [0, 1];
const OTHERS: [usize; 2] = [2, 3];
const SPARES: [usize; 2] = [4, 5];

fn lengthen_leases(node: &Node) {
    node.edit_config(|config| {
        let identities = config.identity.iter_mut().chain(&mut config.standby_for);
        identities.filter_map(|one| one.fence.as_mut()).for_each(|fence| fence.lease_ms = LASTING_MS);
    });
}

fn other(spare: usize) -> usize {
    SPARES.into_iter().find(|other| *other != spare).unwrap()
}

/// What the nodes without a part in it think carries the identity.
fn wait_carrier(network: &TestNetwork, identity: Address, node: usize) {
    let node_id = network.nodes[node].status().unwrap().node_id;
    network.nodes[OTHERS[0]].wait_status("the seat to be announced from its new place", |status| {
        status.carriers.iter().any(|told| (told.identity, told.node_id) == (identity, node_id)).then_some(())
    });
}

/// A spare that holds nothing stands by for both, with their keys.
fn wait_free(network: &TestNetwork, spare: usize) {
    network.nodes[spare].wait_status("the spare to stand by", |status| {
        let is_free = |one: &chain::status::Standby| {
            one.signer_ready && one.fence.recorded && one.fence.role == FenceRole::Standby
        };
        (status.identity.is_none() && status.standby_for.len() == 2 && status.standby_for.iter().all(is_free))
            .then_some(())
    });
}

/// How long the original took to have its identity again, once it voted it was ready for it.
fn spares_take_over(stores: [FenceStore; 2]) -> (u64, Duration) {
    let mut network = TestNetwork::create(6, 4);
    let [a, b] = OWN.map(|node| address(&network.nodes[node]));
    let of: Vec<_> = OWN.into_iter().zip(stores).collect();
    for spare in SPARES {
        make_spare(&network, spare, &of);
    }
    for (node, store) in &of {
        fence_own(&network.nodes[*node], *node, store.clone(), true);
    }
    network.nodes.iter().for_each(lengthen_leases);
    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(3);
    assert_eq!([wait_holder(&network, a, &[0]), wait_holder(&network, b, &[1])], OWN);
    for spare in SPARES {
        wait_free(&network, spare);
    }

    network.nodes[0].kill();
    let first = wait_holder(&network, a, &SPARES);
    wait_carrier(&network, a, first);
    wait_free(&network, other(first));
    let held = network.nodes[first].status().unwrap();
    let roles: Vec<_> = held.standby_for.iter().map(|one| (one.address, one.fence.role)).collect();
    assert_eq!(roles, [(a, FenceRole::Holder), (b, FenceRole::Standby)]);

    network.nodes[1].kill();
    let second = wait_holder(&network, b, &SPARES);
    assert_eq!(second, other(first), "who holds one identity takes no second");
    assert_eq!(votes(&network.nodes[first]), Some(a));

    // Its own node is back: the spare is free again, and takes what the other one leaves.
    let height = network.nodes[OTHERS[0]].height();
    network.nodes[0].start();
    let back = Instant::now();
    wait_holder(&network, a, &[0]);
    let back = back.elapsed();
    wait_free(&network, first);
    wait_carrier(&network, a, 0);
    network.nodes[second].kill();
    assert_eq!(wait_holder(&network, b, &SPARES), first);
    network.nodes[1].start();
    wait_holder(&network, b, &[1]);
    wait_free(&network, first);
    network.nodes[OTHERS[0]].wait_block(height + 3);
    (equivocations(&network, &OTHERS), back)
}

#[test]
fn a_spare_takes_one_identity_at_a_time_and_is_free_again_when_its_own_node_is_back() {
    let leases = Leases::start(&["a", "b"]);
    let (conflicts, _) = spares_take_over([leases.store("a"), leases.store("b")]);
    assert_eq!(conflicts, 0);
}

#[test]
#[ignore = "needs an API server: make failover"]
fn real_failover_of_two_identities_with_two_spares() {
    let (conflicts, back) = spares_take_over([api_server("a"), api_server("b")]);
    println!("spares conflicting-signatures={conflicts} start-to-preferred-ms={}", back.as_millis());
    assert_eq!(conflicts, 0);
}

#[test]
fn an_identity_whose_record_is_lost_is_not_begun_anew_and_its_fence_is_not_taken_away() {
    let leases = Leases::start(&["sole"]);
    let mut network = TestNetwork::create(1, 1);
    fence_own(&network.nodes[0], 0, leases.store("sole"), true);
    network.nodes[0].start();
    network.nodes[0].wait_block(2);
    assert!(leases.record("sole").is_some_and(|record| record.place.height >= 2));
    assert!(network.nodes[0].terminate().success());
    leases.lose("sole");
    // It is still told to make the first record: only its journal knows better.
    network.nodes[0].start();
    let fence = network.nodes[0].wait_status("the node to stop", |status| {
        status.identity?.fence.filter(|fence| fence.role == FenceRole::Stopped)
    });
    assert_eq!((fence.reason.as_deref(), fence.recorded), (Some("record_missing"), false));
    assert_eq!(leases.record("sole"), None);
    network.nodes[0].kill();
    network.nodes[0].edit_config(|config| config.identity.as_mut().unwrap().fence = None);
    let refused = finish(command("run", &network.nodes[0].config));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("identity.fence is missing"), "{told}");
}
