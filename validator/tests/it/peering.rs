//! Seats find each other by what they announce.

use crate::support::network::{Node, TestNetwork};
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
    let moved = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
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
