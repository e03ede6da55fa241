//! Networks that speak as other clients do, of real processes.

use crate::support::network::{Node, TestNetwork};
use chain::client::ClientProfile;

/// Five blocks, then a dead proposer, whose heights go through a round change.
fn lives(profile: ClientProfile) {
    let mut network = TestNetwork::like(profile, 4, 4);
    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(5);
    network.nodes[3].kill();
    let height = network.nodes[0].height();
    // Whatever the turn is, five heights have each of the four as their proposer.
    network.wait_height(height + 5);
    let metrics = network.nodes[0].get("/metrics").unwrap().1;
    let missed = metrics.lines().find_map(|line| line.strip_prefix("quorate_round0_missed_total "));
    assert!(missed.is_some_and(|count| count != "0"), "{missed:?}");
}

#[test]
fn nodes_that_speak_different_versions_of_eth_make_blocks_together() {
    let mut network = TestNetwork::like(ClientProfile::Besu24, 4, 4);
    for (node, versions) in network.nodes.iter().zip([vec![66], vec![66, 68], vec![68, 66, 69], vec![69, 66]])
    {
        node.edit_config(|config| config.p2p.eth_versions = versions);
    }
    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(5);
    network.nodes[0].wait_status("three peers", |status| (status.peers.len() == 3).then_some(()));
}

#[test]
fn four_nodes_make_blocks_and_change_rounds_as_goquorum_does() {
    lives(ClientProfile::GoQuorum);
}

#[test]
fn four_nodes_make_blocks_and_change_rounds_as_besu_before_26_does() {
    lives(ClientProfile::Besu24);
}

#[test]
fn four_nodes_make_blocks_and_change_rounds_as_besu_does() {
    lives(ClientProfile::Besu);
}
