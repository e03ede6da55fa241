//! Who is let in: members, strangers on read-only slots, nobody else.

use crate::node::{Node, free_port, options};
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, TxKind, keccak256};
use chain::enode::Enode;
use devp2p::{
    AllowList, Announced, DisconnectReason, DownReason, Event, NodeKey, PeerId, Standing, StartError,
};
use std::{net::SocketAddr, sync::Arc};

/// What strangers may call.
const CONTRACT: Address = Address::repeat_byte(0x90);

fn list(nodes: &[PeerId], read_only_slots: u16) -> AllowList {
    let nodes = Arc::new(nodes.iter().copied().collect());
    AllowList { nodes, read_only_slots, open_contract: Some(CONTRACT) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_the_list_does_not_name_is_refused_and_told_why_until_the_list_names_it() {
    let host = Node::with_peers(vec![]).await;
    host.network.allow(Some(list(&[PeerId::repeat_byte(9)], 0)));
    let mut guest = Node::with_peers(vec![host.enode()]).await;
    host.counted("not_in_allow_list", 1).await;
    guest.counted("goodbye_early", 1).await;
    assert!(host.network.peers().is_empty());

    host.network.allow(Some(list(&[guest.id()], 0)));
    assert_eq!(guest.peer_up().await.id, host.id());

    host.network.allow(Some(list(&[], 0)));
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
    host.network.allow(Some(list(&[member.id()], 2)));
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
    host.network.allow(Some(list(&[], 1)));
    assert_eq!(host.peer_down().await.1, DownReason::Local(DisconnectReason::TooManyPeers));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_peer_is_let_in_whatever_the_list_says() {
    let (key, port) = (NodeKey::random(), free_port());
    let friend = Enode { id: key.id(), host: "127.0.0.1".to_owned(), port };
    let mut host = Node::with_peers(vec![friend]).await;
    host.network.allow(Some(list(&[], 0)));
    let mut there = options(key, vec![]);
    there.listen = SocketAddr::from(([127, 0, 0, 1], port));
    let _friend = Node::start(there).await;
    assert_eq!(host.peer_up().await.standing, Standing::Static);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn static_peers_are_exchanged_under_a_running_node() {
    let mut first = Node::with_peers(vec![]).await;
    let mut second = Node::with_peers(vec![]).await;
    let mut host = Node::with_peers(vec![first.enode()]).await;
    assert_eq!(host.peer_up().await.standing, Standing::Static);
    first.peer_up().await;
    host.network.allow(Some(list(&[], 0)));

    let nobody = Enode { id: PeerId::ZERO, ..second.enode() };
    let refused = host.network.static_peers(vec![nobody, second.enode()]);
    assert!(matches!(refused, Err(StartError::PeerId { .. })), "{refused:?}");

    // The list lets nobody in, so the one that is named no more has to go and the other one is dialled.
    host.network.static_peers(vec![second.enode()]).unwrap();
    let told = DownReason::Remote(DisconnectReason::UnexpectedIdentity);
    assert_eq!(first.peer_down().await, (host.id(), told));
    assert_eq!(second.peer_up().await.id, host.id());
    let standing = host.event("the other peer", |event| match event {
        Event::PeerUp { peer } => Some((peer.id, peer.standing)),
        _ => None,
    });
    assert_eq!(standing.await, (second.id(), Standing::Static));

    // Named by nobody, announced still: it is a target again when it is static no more.
    host.network.also_dial(vec![second.enode()]);
    host.network.allow(None);
    host.network.static_peers(vec![]).unwrap();
    let standing = host.network.peers().into_iter().map(|peer| (peer.id, peer.standing));
    assert_eq!(standing.collect::<Vec<_>>(), [(second.id(), Standing::Member)]);
}

/// A transaction that calls `to`.
fn call(to: Address) -> Bytes {
    let unsigned = TxEip1559 { to: TxKind::Call(to), ..TxEip1559::default() };
    TxEnvelope::from(unsigned.into_signed(Signature::test_signature())).encoded_2718().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_stranger_only_votes_and_calls_of_the_open_contract_are_taken() {
    let mut host = Node::with_peers(vec![]).await;
    host.network.allow(Some(list(&[PeerId::repeat_byte(9)], 2)));
    let mut stranger = Node::with_peers(vec![host.enode()]).await;
    stranger.peer_up().await;
    let open = call(CONTRACT);
    let announced = [call(Address::repeat_byte(0x91)), open.clone()].map(|raw| Announced {
        hash: keccak256(&raw),
        raw,
        sender: Address::ZERO,
    });
    stranger.network.broadcast_transactions(announced.to_vec(), None);
    let taken = host
        .event("what anybody may send", |event| match event {
            Event::Transactions { raw, .. } => Some(raw),
            Event::SignedTransactions { transactions, .. } => {
                Some(transactions.into_iter().map(|(raw, _)| raw).collect())
            }
            _ => None,
        })
        .await;
    assert_eq!(taken, [open]);
    stranger.network.broadcast_consensus(0x13, vec![1, 2, 3].into(), None);
    let first = host
        .event("the vote", |event| match event {
            Event::Transactions { .. } | Event::SignedTransactions { .. } => Some(None),
            Event::Consensus { code, .. } => Some(Some(code)),
            _ => None,
        })
        .await;
    assert_eq!(first, Some(0x13));
    assert_ne!(host.count("stranger_ignored"), 0);
}
