//! Consensus payloads between nodes of this program: without the transactions that the other end holds.

use crate::{
    client::{Client, Story},
    node::{Node, SmallChain, options},
};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Encodable, Header};
use devp2p::{
    DisconnectReason, NodeKey,
    own::compact::{Compact, decode_given, decode_wanted},
};

const COMPACT: u8 = 1;
const WANTED: u8 = 2;
const GIVEN: u8 = 3;
const PROPOSAL: u8 = 0x12;

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    Header { list: true, payload_length: items.iter().map(Vec::len).sum() }.encode(&mut out);
    for item in items {
        out.extend(item);
    }
    out
}

fn bytes(item: impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(item)
}

/// Bytes framed as typed transactions, none like another.
fn transactions(count: u16) -> Vec<Bytes> {
    let one =
        |number: u16| [&[2][..], &number.to_be_bytes(), &[number.to_be_bytes()[1]; 120]].concat().into();
    (0..count).map(one).collect()
}

/// A message of the shape of a PROPOSAL; the network looks at no more than that.
fn proposal(transactions: &[Bytes]) -> Bytes {
    let items: Vec<Vec<u8>> = transactions.iter().map(bytes).collect();
    let block = list(&[list(&[bytes(vec![9_u8; 500].as_slice())]), list(&items), list(&[])]);
    let signed = list(&[list(&[bytes(5_u64), bytes(0_u64), block]), bytes([1_u8; 65].as_slice())]);
    list(&[signed, list(&[list(&[]), list(&[])])]).into()
}

async fn holding(transactions: &[Bytes]) -> Node {
    let chain = SmallChain { block: transactions.to_vec(), ..SmallChain::new() };
    Node::over(options(NodeKey::random(), vec![]), chain).await
}

async fn dialling(node: &Node, transactions: &[Bytes]) -> Node {
    let chain = SmallChain { block: transactions.to_vec(), ..SmallChain::new() };
    Node::over(options(NodeKey::random(), vec![node.enode()]), chain).await
}

/// A node, and a scripted peer that says it is one too.
async fn node_and_client(pool: &[Bytes]) -> (Node, Client) {
    let mut node = holding(pool).await;
    let story = Story::honest().speaking(&[("eth", 68), ("istanbul", 100), ("quorate", 1)]);
    let client = Client::connected(&node.enode(), &story).await;
    node.peer_up().await;
    (node, client)
}

#[tokio::test]
async fn a_proposal_names_the_transactions_that_both_hold_and_arrives_byte_for_byte() {
    let all = transactions(500);
    let payload = proposal(&all);
    let mut sender = holding(&all).await;
    let mut receiver = dialling(&sender, &all).await;
    sender.peer_up().await;
    receiver.peer_up().await;
    let before = sender.count("bytes_sent");
    sender.network.broadcast_consensus(PROPOSAL, payload.clone(), None);
    assert_eq!(receiver.consensus().await, (sender.id(), PROPOSAL, payload.clone()));
    let sent = sender.count("bytes_sent") - before;
    assert!(sent < 6_000, "{sent} bytes for a payload of {}", payload.len());
    assert_eq!((receiver.count("compact_joined"), receiver.count("compact_missing")), (1, 0));
}

#[tokio::test]
async fn what_the_pool_does_not_hold_is_asked_for_once() {
    let all = transactions(500);
    let payload = proposal(&all);
    let mut sender = holding(&[]).await;
    let mut receiver = dialling(&sender, &[&all[..100], &all[103..]].concat()).await;
    sender.peer_up().await;
    receiver.peer_up().await;
    sender.network.broadcast_consensus(PROPOSAL, payload.clone(), None);
    assert_eq!(receiver.consensus().await.2, payload);
    assert_eq!((receiver.count("compact_missing"), receiver.count("compact_whole")), (3, 0));
}

#[tokio::test]
async fn who_holds_next_to_nothing_gets_the_whole() {
    let all = transactions(3_000);
    let payload = proposal(&all);
    let mut sender = holding(&all).await;
    let mut receiver = dialling(&sender, &all[..10]).await;
    sender.peer_up().await;
    receiver.peer_up().await;
    sender.network.broadcast_consensus(PROPOSAL, payload.clone(), None);
    assert_eq!(receiver.consensus().await.2, payload);
    assert_eq!((receiver.count("compact_joined"), receiver.count("compact_whole")), (0, 1));
}

#[tokio::test]
async fn other_clients_get_proposals_as_they_are_and_so_does_whoever_is_sent_one_again() {
    let (node, mut ours) = node_and_client(&[]).await;
    let mut other = Client::connected(&node.enode(), &Story::honest()).await;
    let payload = proposal(&transactions(100));
    let base = ours.shared.istanbul_base.unwrap();
    // The other one is connected as soon as it is answered.
    other.until_pong().await;
    node.network.broadcast_consensus(PROPOSAL, payload.clone(), None);
    assert_eq!(other.message(other.shared.istanbul_base.unwrap() + PROPOSAL).await.data, payload);
    let compact = ours.message(ours.shared.own_base.unwrap() + COMPACT).await;
    assert!(compact.data.len() < 1_400, "{}", compact.data.len());
    assert!(node.network.send_consensus(ours.id, PROPOSAL, payload.clone()));
    assert_eq!(ours.message(base + PROPOSAL).await.data, payload);
}

#[tokio::test]
async fn a_peer_is_told_what_it_asks_for_and_not_more_often_than_it_needs() {
    let (node, mut client) = node_and_client(&[]).await;
    let all = transactions(100);
    let payload = proposal(&all);
    node.network.broadcast_consensus(PROPOSAL, payload.clone(), None);
    let (own, istanbul) = (client.shared.own_base.unwrap(), client.shared.istanbul_base.unwrap());
    let compact = Compact::decode(&client.message(own + COMPACT).await.data).unwrap();
    let wanted =
        |places: &[u16]| list(&[bytes(compact.hash), list(&places.iter().map(bytes).collect::<Vec<_>>())]);
    client.send(own + WANTED, &wanted(&[3, 99])).await;
    let given = decode_given(&client.message(own + GIVEN).await.data).unwrap();
    assert_eq!(given, (compact.hash, vec![all[3].clone(), all[99].clone()]));
    client.send(own + WANTED, &wanted(&[])).await;
    assert_eq!(client.message(istanbul + PROPOSAL).await.data, payload);
    client.send(own + WANTED, &wanted(&[])).await;
    client.send(own + WANTED, &list(&[bytes(B256::ZERO), list(&[])])).await;
    let answers = [own + GIVEN, istanbul + PROPOSAL];
    let more = client.until_pong().await;
    assert!(
        more.iter().all(|one| !answers.contains(&one.id)),
        "a third answer, or one about nothing: {more:?}"
    );
}

#[tokio::test]
async fn a_false_answer_is_not_delivered_and_the_whole_is_asked_for() {
    let all = transactions(100);
    let payload = proposal(&all);
    let (mut node, mut client) = node_and_client(&all[1..]).await;
    let mut honest = Node::with_peers(vec![node.enode()]).await;
    node.peer_up().await;
    honest.peer_up().await;
    let compact = compact_of(&payload).await;
    let own = client.shared.own_base.unwrap();
    client.send(own + COMPACT, &bytes(&compact)).await;
    let wanted = decode_wanted(&client.message(own + WANTED).await.data).unwrap();
    assert_eq!(wanted, (compact.hash, vec![0]));
    let given = list(&[bytes(compact.hash), list(&[bytes(&all[1])])]);
    client.send(own + GIVEN, &given).await;
    let wanted = decode_wanted(&client.message(own + WANTED).await.data).unwrap();
    assert_eq!(wanted, (compact.hash, vec![]), "the whole");
    // An answer that nobody asked for is no news, and another peer's is.
    client.send(own + GIVEN, &given).await;
    honest.network.broadcast_consensus(PROPOSAL, payload.clone(), None);
    assert_eq!(node.consensus().await, (honest.id(), PROPOSAL, payload));
}

/// What a node makes of a payload.
async fn compact_of(payload: &Bytes) -> Compact {
    let (node, mut client) = node_and_client(&[]).await;
    node.network.broadcast_consensus(PROPOSAL, payload.clone(), None);
    Compact::decode(&client.message(client.shared.own_base.unwrap() + COMPACT).await.data).unwrap()
}

#[tokio::test]
async fn who_keeps_announcing_what_is_not_so_is_dropped() {
    let all = transactions(100);
    let (_node, mut client) = node_and_client(&all).await;
    let compact = compact_of(&proposal(&all)).await;
    let own = client.shared.own_base.unwrap();
    for number in 0..=8 {
        // The ids fit the hash, the bytes around them do not.
        let false_one = Compact { before: vec![number; 300].into(), ..compact.clone() };
        client.send(own + COMPACT, &bytes(&false_one)).await;
    }
    assert_eq!(client.goodbye().await, DisconnectReason::ProtocolBreach);
}

#[tokio::test]
async fn for_who_names_more_than_its_share_the_pool_is_not_searched_and_the_whole_is_asked_for() {
    let all = transactions(100);
    let (node, mut client) = node_and_client(&all[1..]).await;
    let compact = compact_of(&proposal(&all)).await;
    let own = client.shared.own_base.unwrap();
    let mut asked = Vec::new();
    // While they go to and fro some of what was used up comes back.
    for number in 0..1_000_u64 {
        // Keyed by another hash, the ids fit no transaction: there is always something to ask for.
        let hash = B256::left_padding_from(&number.to_be_bytes());
        client.send(own + COMPACT, &bytes(&Compact { hash, ..compact.clone() })).await;
        let (_, places) = decode_wanted(&client.message(own + WANTED).await.data).unwrap();
        asked.push(places.is_empty());
        if places.is_empty() {
            break;
        }
    }
    assert!(asked.len() > 64 && asked.last() == Some(&true), "{} searches for one peer", asked.len());
    assert!(node.count("compact_whole") > 0);
}

#[tokio::test]
async fn what_does_not_decode_ends_the_session() {
    for id in [COMPACT, WANTED, GIVEN] {
        let (_node, mut client) = node_and_client(&[]).await;
        client.send(client.shared.own_base.unwrap() + id, &[1]).await;
        assert_eq!(client.goodbye().await, DisconnectReason::ProtocolBreach);
    }
}
