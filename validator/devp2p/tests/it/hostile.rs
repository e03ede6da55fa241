//! Peers that do not play by the rules.

use crate::{
    client::{Client, Story},
    node::{Node, within},
};
use alloy_primitives::Bytes;
use devp2p::{
    DisconnectReason, DownReason,
    eth::message::{Query, id},
    rlpx::message_id,
};
use rand::RngCore;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

#[tokio::test]
async fn garbage_on_the_port_leaves_the_node_serving() {
    let mut node = Node::with_peers(vec![]).await;
    let mut random = vec![0; 5000];
    rand::rng().fill_bytes(&mut random);
    let mut plausible = vec![0x01, 0x90, 0x04];
    plausible.extend(&random[..500]);
    for garbage in
        [&b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"[..], &[0; 64], &[0xff; 3000], &plausible, b"\x16\x03\x01"]
    {
        let mut stream = TcpStream::connect(node.network.local_address()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        // The node closes; whether by FIN or reset depends on what it left unread.
        let mut rest = Vec::<u8>::new();
        let _ = within("close", stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "nothing is told to who is no peer");
    }
    node.counted("handshake_garbage", 3).await;
    Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
}

/// Why the node ends a session in which a peer sends this.
async fn breach(id: u8, wire: &[u8]) -> String {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    client.send_raw(id, wire).await;
    assert_eq!(client.goodbye().await, DisconnectReason::ProtocolBreach);
    match node.peer_down().await.1 {
        DownReason::Breach(text) => text,
        other => panic!("ended for another reason: {other}"),
    }
}

#[tokio::test]
async fn a_message_that_claims_to_be_huge_ends_the_session() {
    let text = breach(0x10 + id::TRANSACTIONS, &[0xff, 0xff, 0xff, 0xff, 0x0f]).await;
    assert!(text.contains("4294967295 uncompressed bytes"), "{text}");
}

#[tokio::test]
async fn undecodable_unknown_and_misplaced_messages_end_the_session() {
    // Snappy's form of one byte 0x01.
    let one_byte = [0x01, 0x00, 0x01];
    for message in [id::STATUS, id::NEW_BLOCK, id::TRANSACTIONS, id::GET_HEADERS, id::HEADERS, 0x0b, 0x0d] {
        let text = breach(0x10 + message, &one_byte).await;
        assert!(text.starts_with("eth message"), "{text}");
    }
    for outside in [0x00, 0x04, 0x37, 0x7f, 0xff] {
        let text = breach(outside, &one_byte).await;
        assert!(text.contains("belongs to no shared protocol"), "{text}");
    }
}

#[tokio::test]
async fn a_flood_of_requests_ends_the_session() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    let (ask, data) = Query::Bodies(vec![]).encode(1);
    let down = node.peer_down();
    let flood = async {
        loop {
            client.send_eth(ask, &data).await;
        }
    };
    tokio::select! {
        () = flood => {}
        (_, reason) = down => assert!(matches!(reason, DownReason::Breach(_) | DownReason::Slow), "{reason}"),
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped() {
    let mut node = Node::with_peers(vec![]).await;
    let _client = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    let mut payload = vec![0; 4 * 1024 * 1024];
    for _ in 0..40 {
        rand::rng().fill_bytes(&mut payload);
        node.network.broadcast_consensus(0x12, Bytes::copy_from_slice(&payload), None);
    }
    assert_eq!(node.peer_down().await.1, DownReason::Slow);
}

#[tokio::test]
async fn a_peer_that_stops_in_the_middle_of_the_handshake_is_closed() {
    let node = Node::with_peers(vec![]).await;
    let mut stream = TcpStream::connect(node.network.local_address()).await.unwrap();
    stream.write_all(&[0x01]).await.unwrap();
    let mut rest = Vec::new();
    let _ = within("close", stream.read_to_end(&mut rest)).await;
    node.counted("handshake_timeout", 1).await;
}

#[tokio::test]
async fn of_two_hundred_handshakes_begun_at_once_fifty_are_worked_on_and_peers_do_not_notice() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(TcpStream::connect(node.network.local_address()).await.unwrap());
    }
    node.counted("inbound_pending_full", 150).await;
    // The peer that was there first, and those that the flood may have at once.
    assert_eq!((node.count("inbound_accepted"), node.count("inbound_pending_full")), (51, 150));
    client.until_pong().await;
    drop(flood);
    node.counted("handshake_closed", 50).await;
    Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
}

#[tokio::test]
async fn a_peer_that_reads_nothing_for_ten_seconds_but_pings_stays_with_all_that_was_queued() {
    const BLOCKS: usize = 12;
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    let id = node.peer_up().await.id;
    // Random, so that compression leaves their size.
    let mut payload = vec![0; 1 << 20];
    for number in 0..BLOCKS {
        rand::rng().fill_bytes(&mut payload);
        payload[0] = u8::try_from(number).unwrap();
        assert!(node.network.send_consensus(id, 0x12, payload.clone().into()));
    }
    // The time is what is tested: longer than a path that delivers nothing is kept, and the window is shut throughout.
    for _ in 0..4 {
        sleep(Duration::from_millis(2500)).await;
        client.send(message_id::PING, &[0xc0]).await;
    }
    for number in 0..BLOCKS {
        let message = client.message(client.shared.istanbul_base.unwrap() + 0x12).await;
        assert_eq!(usize::from(message.data[0]), number);
    }
}
