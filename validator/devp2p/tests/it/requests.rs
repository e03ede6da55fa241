//! Questions and answers.

use crate::{
    client::{Client, Story},
    node::{Node, SmallChain, header, transaction},
};
use alloy_primitives::{B256, keccak256};
use devp2p::{
    BlockId, DisconnectReason, DownReason, RequestError,
    eth::{
        EthVersion, HeadersQuery, Reply,
        message::{Query, id},
    },
};

#[tokio::test]
async fn a_node_gets_headers_bodies_receipts_and_transactions_from_another() {
    let mut a = Node::with_peers(vec![]).await;
    let b = Node::with_peers(vec![a.enode()]).await;
    let peer = a.peer_up().await.id;
    let chain = SmallChain::new();
    let headers = a.network.headers(peer, BlockId::Number(1), 192).await.unwrap();
    assert_eq!(headers, chain.headers[1..]);
    let by_hash = a.network.headers(peer, BlockId::Hash(chain.hash(2)), 2).await.unwrap();
    assert_eq!(by_hash, chain.headers[2..4]);
    let none = a.network.headers(peer, BlockId::Hash(B256::repeat_byte(9)), 2).await.unwrap();
    assert_eq!(none, []);
    let hashes = vec![chain.hash(1), B256::repeat_byte(9), chain.hash(2)];
    assert_eq!(a.network.bodies(peer, hashes.clone()).await.unwrap().len(), 2, "the unknown one is left out");
    assert_eq!(a.network.receipts(peer, hashes).await.unwrap().len(), 2);
    let pooled =
        a.network.pooled_transactions(peer, vec![keccak256(transaction(1)), B256::ZERO]).await.unwrap();
    assert_eq!(pooled, [transaction(1)]);
    let head = a.network.peers()[0].clone();
    assert_eq!((head.head_number, head.head_hash), (4, chain.hash(4)));
    assert_eq!(b.count("requests_served"), 6);
}

#[tokio::test]
async fn requests_of_a_peer_are_answered_under_their_ids() {
    let node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    let query = HeadersQuery { origin: BlockId::Number(4), amount: 3, skip: 1, reverse: true };
    let (ask, data) = Query::Headers(query).encode(u64::MAX);
    client.send_eth(ask, &data).await;
    let (_, expected) = Reply::Headers([4, 2, 0].map(header).to_vec()).encode(EthVersion::V68, u64::MAX);
    assert_eq!(client.eth(id::HEADERS).await.data, expected);
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_a_breach() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    client.send_eth(id::HEADERS, &Reply::Headers(vec![]).encode(EthVersion::V68, 0).1).await;
    assert_eq!(client.goodbye().await, DisconnectReason::ProtocolBreach);
    assert!(matches!(node.peer_down().await.1, DownReason::Breach(_)));
}

#[tokio::test]
async fn an_answer_with_too_many_items_ends_the_session() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    let peer = node.peer_up().await.id;
    let answering = async {
        client.eth(id::GET_HEADERS).await;
        client
            .send_eth(
                id::HEADERS,
                &Reply::Headers([1, 2, 3].map(header).to_vec()).encode(EthVersion::V68, 0).1,
            )
            .await;
        client.goodbye().await
    };
    let (answer, told) = tokio::join!(node.network.headers(peer, BlockId::Number(1), 2), answering);
    assert_eq!(answer, Err(RequestError::TooMany { got: 3, asked: 2 }));
    assert_eq!(told, DisconnectReason::ProtocolBreach);
}

#[tokio::test]
async fn a_question_to_a_peer_that_leaves_ends_at_once() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    let peer = node.peer_up().await.id;
    let leaving = async {
        client.eth(id::GET_BODIES).await;
        drop(client);
    };
    let (answer, ()) = tokio::join!(node.network.bodies(peer, vec![B256::ZERO]), leaving);
    assert_eq!(answer, Err(RequestError::Closed));
    node.peer_down().await;
    assert_eq!(node.network.bodies(peer, vec![]).await, Err(RequestError::NotConnected));
}
