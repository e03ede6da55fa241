//! Who is let in: members, strangers on read-only slots, nobody else.

use crate::node::{Node, free_port, options};
use alloy_primitives::{Address, Bytes, keccak256};
use chain::enode::Enode;
use devp2p::{AllowList, Announced, DisconnectReason, DownReason, Event, NodeKey, PeerId, Standing};
use std::{net::SocketAddr, sync::Arc};

fn list(nodes: &[PeerId], read_only_slots: u16) -> Option<AllowList> {
    Some(AllowList { nodes: Arc::new(nodes.iter().copied().collect()), read_only_slots })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_the_list_does_not_name_is_refused_and_told_why_until_the_list_names_it() {
    let host = Node::with_peers(vec![]).await;
    host.network.allow(list(&[PeerId::repeat_byte(9)], 0));
    let mut guest = Node::with_peers(vec![host.enode()]).await;
    host.counted("not_in_allow_list", 1).await;
    guest.counted("goodbye_early", 1).await;
    assert!(host.network.peers().is_empty());

    host.network.allow(list(&[guest.id()], 0));
    assert_eq!(guest.peer_up().await.id, host.id());

    host.network.allow(list(&[], 0));
    let told = DownReason::Remote(DisconnectReason::UnexpectedIdentity);
    assert_eq!(guest.peer_down().await, (host.id(), told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_share_the_read_only_slots_and_push_no_member_out() {
    let key = NodeKey::random();
    let mut few = options(key, vec![]);
    few.max_peers = 1;
    let mut host = Node::start(few).await;
    let member = NodeKey::random();
    host.network.allow(list(&[member.id()], 2));
    let mut strangers = Vec::new();
    for _ in 0..2 {
        strangers.push(Node::with_peers(vec![host.enode()]).await);
        assert_eq!(host.peer_up().await.standing, Standing::Stranger);
    }
    let third = Node::with_peers(vec![host.enode()]).await;
    host.counted("read_only_slots_full", 1).await;
    let _member = Node::start(options(member, vec![host.enode()])).await;
    assert_eq!(host.peer_up().await.standing, Standing::Member);
    assert!(third.network.peers().is_empty());

    // One slot less: the stranger that came last goes.
    host.network.allow(list(&[], 1));
    assert_eq!(host.peer_down().await.1, DownReason::Local(DisconnectReason::TooManyPeers));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_peer_is_let_in_whatever_the_list_says() {
    let (key, port) = (NodeKey::random(), free_port());
    let friend = Enode { id: key.id(), host: "127.0.0.1".to_owned(), port };
    let mut host = Node::with_peers(vec![friend]).await;
    host.network.allow(list(&[], 0));
    let mut there = options(key, vec![]);
    there.listen = SocketAddr::from(([127, 0, 0, 1], port));
    let _friend = Node::start(there).await;
    assert_eq!(host.peer_up().await.standing, Standing::Static);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_transactions_are_ignored_and_its_votes_are_not() {
    let mut host = Node::with_peers(vec![]).await;
    host.network.allow(list(&[PeerId::repeat_byte(9)], 2));
    let mut stranger = Node::with_peers(vec![host.enode()]).await;
    stranger.peer_up().await;
    let raw = Bytes::from_static(&[2, 0xc0]);
    let announced = Announced { hash: keccak256(&raw), raw, sender: Address::ZERO };
    stranger.network.broadcast_transactions(vec![announced], None);
    stranger.network.broadcast_consensus(0x13, vec![1, 2, 3].into(), None);
    let first = host
        .event("the vote", |event| match event {
            Event::Transactions { .. } | Event::SignedTransactions { .. } => Some(None),
            Event::Consensus { code, .. } => Some(Some(code)),
            _ => None,
        })
        .await;
    assert_eq!(first, Some(0x13));
    assert_eq!(host.count("stranger_ignored"), 1);
}
