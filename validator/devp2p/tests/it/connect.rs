//! Coming and going.

use crate::{
    client::{Client, Story},
    node::{Node, block, free_port, options, within},
};
use alloy_primitives::{B256, Bytes, U256};
use chain::enode::Enode;
use devp2p::{
    DisconnectReason, DownReason, Event, ForkSchedule, NodeKey, Standing, StartError, eth::message::id,
    rlpx::message_id, start,
};
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_connect_and_exchange_consensus_payloads_both_ways() {
    let mut a = Node::with_peers(vec![]).await;
    let mut b = Node::with_peers(vec![a.enode()]).await;
    let (at_a, at_b) = (a.peer_up().await, b.peer_up().await);
    assert_eq!((at_a.id, at_b.id), (b.id(), a.id()));
    assert!(at_a.inbound && !at_b.inbound && at_a.istanbul && at_b.istanbul);
    assert_eq!((at_a.eth_version, at_b.total_difficulty), (69, U256::from(5)));
    assert!(at_b.standing == Standing::Static && at_a.standing == Standing::Member);

    let large = Bytes::from(vec![7; 3_000_000]);
    a.network.broadcast_consensus(0x12, large.clone(), None);
    assert_eq!(b.consensus().await, (a.id(), 0x12, large));
    let small = Bytes::from_static(b"round change");
    b.network.broadcast_consensus(0x15, small.clone(), None);
    assert_eq!(a.consensus().await, (b.id(), 0x15, small));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutual_dial_ends_with_exactly_one_connection() {
    for _ in 0..4 {
        let keys = [NodeKey::random(), NodeKey::random()];
        let ports = [free_port(), free_port()];
        let enode = |i: usize| Enode { id: keys[i].id(), host: "127.0.0.1".to_owned(), port: ports[i] };
        let listening = |i: usize| {
            let mut options = options(keys[i].clone(), vec![enode(1 - i)]);
            options.listen = SocketAddr::from(([127, 0, 0, 1], ports[i]));
            options
        };
        let (mut a, mut b) = tokio::join!(Node::start(listening(0)), Node::start(listening(1)));
        a.peer_up().await;
        b.peer_up().await;
        let agreed = async {
            loop {
                let (at_a, at_b) = (a.network.peers(), b.network.peers());
                if let ([x], [y]) = (&at_a[..], &at_b[..])
                    && x.inbound != y.inbound
                {
                    return;
                }
                tokio::select! { _ = a.events.recv() => {}, _ = b.events.recv() => {} }
            }
        };
        within("agreement on one connection", agreed).await;
        tokio::join!(a.network.shutdown(), b.network.shutdown());
    }
}

/// The node dials a scripted peer; then that peer dials the node.
async fn second_connection(client_is_lower: bool) {
    let story = Story::honest();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut key = NodeKey::random();
    while (story.key.id() < key.id()) != client_is_lower {
        key = NodeKey::random();
    }
    let peer = Enode { id: story.key.id(), host: "127.0.0.1".to_owned(), port };
    let mut node = Node::start(options(key, vec![peer])).await;
    let mut first = Client::accept(&listener, &story).await;
    assert!(!node.peer_up().await.inbound);
    let mut second = Client::dial(&node.enode(), &story).await;
    if client_is_lower {
        assert_eq!(node.peer_down().await.1, DownReason::Replaced);
        assert!(node.peer_up().await.inbound);
        assert_eq!(first.goodbye().await, DisconnectReason::AlreadyConnected);
        second.until_pong().await;
    } else {
        assert_eq!(second.goodbye().await, DisconnectReason::AlreadyConnected);
        first.until_pong().await;
    }
    assert_eq!(node.network.peers().len(), 1);
}

#[tokio::test]
async fn of_two_opposite_connections_the_one_dialled_by_the_lower_id_stays() {
    second_connection(true).await;
    second_connection(false).await;
}

#[tokio::test]
async fn who_dials_again_from_the_same_host_replaces_its_older_connection() {
    let mut node = Node::with_peers(vec![]).await;
    let story = Story::honest();
    let mut first = Client::connected(&node.enode(), &story).await;
    node.peer_up().await;
    let mut second = Client::connected(&node.enode(), &story).await;
    assert_eq!(node.peer_down().await.1, DownReason::Replaced);
    node.peer_up().await;
    assert_eq!(first.goodbye().await, DisconnectReason::AlreadyConnected);
    second.until_pong().await;
    assert_eq!(node.network.peers().len(), 1);
}

/// The peer pings as often as this node does, and then says nothing, while its connection stays as it is.
#[tokio::test]
async fn a_peer_that_falls_silent_is_dialled_beside_its_connection_which_the_new_one_replaces() {
    let story = Story::honest();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = Enode { id: story.key.id(), host: "127.0.0.1".to_owned(), port };
    let mut node = Node::with_peers(vec![peer]).await;
    let mut first = Client::accept(&listener, &story).await;
    node.peer_up().await;
    for _ in 0..3 {
        first.message(message_id::PING).await;
        first.send(message_id::PING, &[0xc0]).await;
    }
    let mut second = Client::accept(&listener, &story).await;
    assert_eq!(node.peer_down().await.1, DownReason::Replaced);
    assert!(!node.peer_up().await.inbound);
    second.until_pong().await;
    assert_eq!(node.network.peers().len(), 1);
    assert_eq!(first.goodbye().await, DisconnectReason::AlreadyConnected);
}

#[tokio::test]
async fn a_restarted_peer_is_connected_again() {
    let key = NodeKey::random();
    let mut a = Node::start(options(key.clone(), vec![])).await;
    let enode = a.enode();
    let mut b = Node::with_peers(vec![enode.clone()]).await;
    b.peer_up().await;
    a.peer_up().await;
    a.network.shutdown().await;
    assert_eq!(b.peer_down().await, (enode.id, DownReason::Remote(DisconnectReason::Quitting)));
    let mut again = options(key, vec![]);
    again.listen.set_port(enode.port);
    let mut a = Node::start(again).await;
    assert_eq!(b.peer_up().await.id, enode.id);
    assert_eq!(a.peer_up().await.id, b.id());
}

#[tokio::test]
async fn a_peer_that_starts_later_is_found() {
    let port = free_port();
    let key = NodeKey::random();
    let peer = Enode { id: key.id(), host: "localhost".to_owned(), port };
    let mut early = Node::with_peers(vec![peer]).await;
    let mut late = options(key, vec![]);
    late.listen.set_port(port);
    let _late = Node::start(late).await;
    assert!(!early.peer_up().await.inbound);
}

/// What the node says to a peer with this story.
async fn refusal(change: impl FnOnce(&mut Story)) -> DisconnectReason {
    let mut node = Node::with_peers(vec![]).await;
    let mut story = Story::honest();
    change(&mut story);
    let reason = Client::dial(&node.enode(), &story).await.goodbye().await;
    assert!(node.network.peers().is_empty());
    // The node goes on serving.
    Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    reason
}

#[tokio::test]
async fn another_genesis_network_or_fork_history_is_refused() {
    let other = B256::repeat_byte(9);
    assert_eq!(refusal(|story| story.status.genesis_hash = other).await, DisconnectReason::Subprotocol);
    assert_eq!(refusal(|story| story.status.network_id += 1).await, DisconnectReason::Subprotocol);
    let forks = ForkSchedule { genesis_hash: other, genesis_time: 0, blocks: vec![3], times: vec![] };
    assert_eq!(refusal(|s| s.status.fork_id = forks.current(9, 0)).await, DisconnectReason::Subprotocol);
    assert_eq!(refusal(|story| story.status.version = 66).await, DisconnectReason::Subprotocol);
}

#[tokio::test]
async fn two_nodes_of_different_networks_stay_apart() {
    let a = Node::with_peers(vec![]).await;
    let mut foreign = options(NodeKey::random(), vec![a.enode()]);
    foreign.forks.genesis_hash = B256::repeat_byte(9);
    let b = Node::start(foreign).await;
    let refused = async {
        while a.count("status_refused") + b.count("status_refused") == 0 {
            tokio::task::yield_now().await;
        }
    };
    within("the refusal", refused).await;
    assert!(a.network.peers().is_empty() && b.network.peers().is_empty());
}

#[tokio::test]
async fn a_peer_that_shares_no_eth_version_is_useless() {
    let told = refusal(|story| *story = story.clone().speaking(&[("eth", 72), ("snap", 1)])).await;
    assert_eq!(told, DisconnectReason::UselessPeer);
}

#[tokio::test]
async fn a_hello_with_another_id_than_the_handshake_proved_is_refused() {
    let told = refusal(|story| story.hello_id = NodeKey::random().id()).await;
    assert_eq!(told, DisconnectReason::UnexpectedIdentity);
}

#[tokio::test]
async fn a_connection_to_itself_is_refused() {
    let key = NodeKey::random();
    let node = Node::start(options(key.clone(), vec![])).await;
    let told = Client::dial(&node.enode(), &Story::of(key)).await.goodbye().await;
    assert_eq!(told, DisconnectReason::SelfConnection);
}

#[tokio::test]
async fn slots_are_for_strangers_only() {
    let friend = Story::honest();
    let place = Enode { id: friend.key.id(), host: "127.0.0.1".to_owned(), port: free_port() };
    let mut full = options(NodeKey::random(), vec![place]);
    full.max_peers = 0;
    let mut node = Node::start(full).await;
    let told = Client::dial(&node.enode(), &Story::honest()).await.goodbye().await;
    assert_eq!(told, DisconnectReason::TooManyPeers);
    let _friend = Client::connected(&node.enode(), &friend).await;
    assert_eq!(node.peer_up().await.id, friend.key.id());
}

#[tokio::test]
async fn shutdown_says_goodbye_even_when_nobody_drains_events() {
    let node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    client.until_pong().await;
    let (told, ()) = tokio::join!(client.goodbye(), within("shutdown", node.network.shutdown()));
    assert_eq!(told, DisconnectReason::Quitting);
}

#[tokio::test]
async fn a_penalised_peer_is_told_and_gone() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    let id = node.peer_up().await.id;
    node.network.penalise(id, devp2p::Misbehaviour::InvalidBlock);
    assert_eq!(client.goodbye().await, DisconnectReason::UselessPeer);
    assert_eq!(node.peer_down().await, (id, DownReason::Local(DisconnectReason::UselessPeer)));
}

#[tokio::test]
async fn a_taken_port_and_a_bad_peer_id_are_refused_at_start() {
    let node = Node::with_peers(vec![]).await;
    let mut second = options(NodeKey::random(), vec![]);
    second.listen = node.network.local_address();
    let reader = || Arc::new(crate::node::SmallChain::new());
    let error = start(second, reader()).await.err().unwrap();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    let bad = Enode { id: devp2p::PeerId::ZERO, host: "peer-0".to_owned(), port: 1 };
    let error = start(options(NodeKey::random(), vec![bad]), reader()).await.err().unwrap();
    assert!(matches!(error, StartError::PeerId { .. }), "{error}");
}

#[tokio::test]
async fn a_peer_without_istanbul_gets_blocks_but_no_consensus() {
    let mut node = Node::with_peers(vec![]).await;
    let story = Story::honest().speaking(&[("eth", 68)]);
    let mut client = Client::connected(&node.enode(), &story).await;
    let peer = node.peer_up().await;
    assert!(!peer.istanbul);
    assert!(!node.network.send_consensus(peer.id, 0x12, Bytes::from_static(b"x")));
    node.network.broadcast_consensus(0x12, Bytes::from_static(b"x"), None);
    node.network.announce_block(&block(5), U256::from(6));
    client.eth(id::NEW_BLOCK).await;
    drop(client);
    let down = node.event("PeerDown", |event| matches!(event, Event::PeerDown { .. }).then_some(event)).await;
    assert!(matches!(down, Event::PeerDown { reason: DownReason::Io(_), .. }), "{down:?}");
}
