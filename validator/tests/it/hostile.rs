//! Strangers at the ports.

use crate::support::network::TestNetwork;
use std::{io::Write as _, net::TcpStream};

#[test]
fn garbage_on_the_p2p_port_leaves_the_chain_running() {
    let network = TestNetwork::start(4, 4);
    network.wait_height(1);
    for length in [0, 1, 307, 5_000, 200_000] {
        for _ in 0..5 {
            let mut stranger = TcpStream::connect(("127.0.0.1", network.nodes[0].ports.p2p)).unwrap();
            // The node may close before it has taken everything.
            let _ = stranger.write_all(&vec![0xc3; length]);
        }
    }
    let height = network.nodes[0].height();
    network.wait_height(height + 2);
    let status =
        network.nodes[0].wait_status("the three peers", |status| (status.peers.len() == 3).then_some(status));
    assert_eq!(status.faults, Vec::<String>::new());
}
