//! Seats find each other by what they announce.

use crate::support::{
    network::{Node, TestNetwork},
    ports::free_port,
    wait_for,
};
use chain::status::NodeStatus;

fn advertise(node: &Node) {
    let port = node.ports.p2p;
    node.edit_config(|config| config.p2p.advertise = Some(format!("localhost:{port}")));
}

fn peers(status: &NodeStatus) -> usize {
    status.peers.len()
}

#[test]
fn seats_that_know_one_node_find_all_others_and_one_that_moved() {
    let mut network = TestNetwork::create(4, 4);
    for node in &network.nodes {
        advertise(node);
    }
    // Nodes 1 to 3 are told of node 0 only, and node 0 of nobody.
    let of_hub = network.nodes[1]
        .read_config()
        .p2p
        .peers
        .into_iter()
        .find(|peer| peer.port == network.nodes[0].ports.p2p);
    let of_hub = of_hub.unwrap();
    for (index, node) in network.nodes.iter().enumerate() {
        let peers = if index == 0 { vec![] } else { vec![of_hub.clone()] };
        node.edit_config(|config| config.p2p.peers = peers);
    }
    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(2);
    for node in &network.nodes {
        node.wait_status("all seats announced and connected", |status| {
            let own = status.identity.as_ref()?.address;
            let said = status.carriers.iter().find(|carrier| carrier.identity == own)?;
            let is_own = said.node_id == status.node_id && said.enode.as_ref()?.port == node.ports.p2p;
            (is_own && status.carriers.len() == 4 && peers(&status) == 3).then_some(())
        });
    }

    // Node 3 moves to another port; who dialled it finds it there.
    network.nodes[3].terminate();
    let moved = free_port();
    network.nodes[3].edit_config(|config| {
        config.p2p.listen = format!("127.0.0.1:{moved}");
        config.p2p.advertise = Some(format!("localhost:{moved}"));
    });
    network.nodes[3].start();
    let carrier = network.nodes[3].read_config().identity.unwrap().address;
    for node in &network.nodes[..3] {
        node.wait_status("the node's new place", |status| {
            let said = status.carriers.iter().find(|said| said.identity == carrier)?;
            (said.enode.as_ref()?.port == moved && peers(&status) == 3).then_some(())
        });
    }
    let height = network.nodes[0].height();
    network.wait_height(height + 2);
}

/// What the node does not have to be restarted for.
fn names_only(node: &Node, peers: &[chain::enode::Enode]) {
    node.edit_config(|config| config.p2p.peers = peers.to_vec());
}

fn enode_of(network: &TestNetwork, asking: usize, wanted: usize) -> chain::enode::Enode {
    let peers = network.nodes[asking].read_config().p2p.peers;
    peers.into_iter().find(|peer| peer.port == network.nodes[wanted].ports.p2p).unwrap()
}

fn reloads(node: &Node, outcome: &str) -> Option<String> {
    let line = format!("quorate_config_reloads_total{{outcome=\"{outcome}\"}} ");
    node.get("/metrics")?.1.lines().find_map(|found| Some(found.strip_prefix(&line)?.to_string()))
}

#[test]
fn a_node_whose_bootnode_is_dead_finds_the_network_when_its_file_names_another_and_is_not_restarted() {
    let mut network = TestNetwork::create(2, 1);
    let alive = enode_of(&network, 1, 0);
    let nobody = free_port();
    names_only(&network.nodes[0], &[]);
    names_only(&network.nodes[1], &[chain::enode::Enode { port: nobody, ..alive.clone() }]);
    network.nodes.iter_mut().for_each(Node::start);
    network.nodes[0].wait_block(3);
    let lost = network.nodes[1].wait_status("the node to run", Some);
    assert_eq!((lost.head.number, peers(&lost)), (0, 0));

    // What is wrong changes nothing and is said; the process goes on.
    let good = std::fs::read_to_string(&network.nodes[1].config).unwrap();
    std::fs::write(&network.nodes[1].config, good.replace("\"peers\"", "\"pears\"")).unwrap();
    network.nodes[1].wait_status("the refusal", |status| {
        status.faults.iter().any(|fault| fault.contains("unknown field `pears`")).then_some(())
    });
    wait_for("the refusal to be counted", || (reloads(&network.nodes[1], "refused")? == "1").then_some(()));

    std::fs::write(&network.nodes[1].config, good).unwrap();
    network.nodes[1].edit_config(|config| {
        config.p2p.peers = vec![alive.clone()];
        config.p2p.max_peers = 7;
    });
    let found = network.nodes[1].wait_status("the network", |status| {
        (peers(&status) == 1 && status.head.number > 2).then_some(status)
    });
    assert_eq!(found.started_ms, lost.started_ms);
    assert_eq!(reloads(&network.nodes[1], "taken").as_deref(), Some("1"));
    let log = std::fs::read_to_string(&network.nodes[1].log).unwrap();
    for says in ["configuration has changed and is in force", "p2p.maxPeers"] {
        assert!(log.contains(says), "{says} in\n{log}");
    }
}

#[test]
fn seats_that_moved_find_each_other_again_after_all_were_stopped_and_their_files_name_nobody_who_lives() {
    let mut network = TestNetwork::create(4, 4);
    for node in &network.nodes {
        advertise(node);
    }
    let hub = enode_of(&network, 1, 0);
    for (index, node) in network.nodes.iter().enumerate() {
        names_only(node, if index == 0 { &[] } else { std::slice::from_ref(&hub) });
    }
    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(2);
    // Node 1 moves while all run, by nothing but its announcement; only then everything goes out.
    network.nodes[1].terminate();
    let moved = free_port();
    network.nodes[1].edit_config(|config| {
        config.p2p.listen = format!("127.0.0.1:{moved}");
        config.p2p.advertise = Some(format!("localhost:{moved}"));
    });
    network.nodes[1].start();
    let carrier = network.nodes[1].read_config().identity.unwrap().address;
    for node in &network.nodes {
        node.wait_status("everybody's place", |status| {
            let said = status.carriers.iter().find(|said| said.identity == carrier)?;
            (said.enode.as_ref()?.port == moved && status.carriers.len() == 4).then_some(())
        });
    }
    let height = network.nodes[0].height();
    for node in &mut network.nodes {
        assert!(node.terminate().success());
    }

    // The one node that the files name stays away. Three of four seats are a quorum, if they find each other.
    network.nodes[1..].iter_mut().for_each(Node::start);
    network.wait_height(height + 3);
    network.nodes[3].wait_status("the others", |status| (peers(&status) == 2).then_some(()));
}
