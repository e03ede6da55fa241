//! Killed, stopped and restarted nodes.

use crate::support::network::{Node, TestNetwork};

#[test]
fn a_killed_node_catches_up_and_votes_again_while_the_others_went_on() {
    let mut network = TestNetwork::start(4, 4);
    network.wait_height(2);
    network.nodes[3].kill();
    let height = network.nodes[0].height();
    network.wait_height(height + 3);

    network.nodes[3].start();
    network.wait_height(height + 6);
    let address = network.nodes[3].read_config().identity.unwrap().address;
    let back = network.nodes[3].height();
    network.nodes[0].wait_status("the restarted seat to be heard", |status| {
        let seat = status.seats.iter().find(|seat| seat.address == address)?;
        (seat.height >= back).then_some(())
    });
    let status = network.nodes[3].status().unwrap();
    assert!(status.identity.unwrap().voting);
}

#[test]
fn after_a_power_cut_of_all_nodes_the_chain_goes_on_from_its_head() {
    let mut network = TestNetwork::start(4, 4);
    let hash = network.wait_height(3);
    network.nodes.iter_mut().for_each(Node::kill);
    network.nodes.iter_mut().for_each(Node::start);
    assert_eq!(network.wait_height(3), hash);
    let height = network.nodes.iter().map(Node::height).max().unwrap();
    network.wait_height(height + 2);
}

#[test]
fn sigterm_stops_a_node_cleanly_and_the_chain_goes_on_without_it() {
    let mut network = TestNetwork::start(4, 4);
    network.wait_height(2);
    let ended = network.nodes[0].terminate();
    assert_eq!(ended.code(), Some(0));
    let height = network.nodes[1].height();
    network.wait_height(height + 2);
}

#[test]
fn a_quorum_lost_halts_the_chain_and_its_return_resumes_it() {
    let mut network = TestNetwork::start(4, 4);
    network.wait_height(2);
    network.nodes[0].kill();
    network.nodes[1].kill();
    // A round cannot end without three of four: what is final now stays the head.
    let height = network.nodes[2].height().max(network.nodes[3].height());
    assert_eq!(network.nodes[2].get("/livez").unwrap().0, 200);
    network.nodes[1].start();
    network.wait_height(height + 2);
}
