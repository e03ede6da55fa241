//! What `eth/66`, `eth/68` and `eth/69` have of their own.

use crate::{
    client::{Client, Story},
    node::{Node, SmallChain, options},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::{client::ClientProfile, genesis::Genesis};
use devp2p::{
    Audience, ChainReader as _, DisconnectReason, ForkSchedule, NodeKey,
    eth::{
        BlockRange, ClaimedHead, EthVersion, Message, Reply, Status,
        message::{Query, id},
    },
};
use serde_json::json;

fn story(version: EthVersion) -> Story {
    let mut story = Story::honest().speaking(&[("eth", version.number().into()), ("istanbul", 100)]);
    story.status.version = version.number();
    if version.has_ranges() {
        let latest_hash = SmallChain::new().status().head_hash;
        story.status.head = ClaimedHead::Range(BlockRange { earliest: 1, latest: 3, latest_hash });
    }
    story
}

#[tokio::test]
async fn every_version_gets_the_status_of_its_shape_and_consensus_under_its_ids() {
    for (version, base) in [(EthVersion::V66, 33), (EthVersion::V68, 33), (EthVersion::V69, 34)] {
        let mut node = Node::with_peers(vec![]).await;
        let mut client = Client::dial(&node.enode(), &story(version)).await;
        let told = Status::decode(version, &client.eth(id::STATUS).await.data).unwrap();
        let chain = SmallChain::new().status();
        let head = if version.has_ranges() {
            ClaimedHead::Range(BlockRange { earliest: 2, latest: 4, latest_hash: chain.head_hash })
        } else {
            ClaimedHead::Difficulty { total_difficulty: U256::from(5), hash: chain.head_hash }
        };
        assert_eq!((told.version, told.head), (version.number(), head));
        assert_eq!(node.peer_up().await.eth_version, version.number());
        node.network.broadcast_consensus(0x12, Bytes::from_static(b"proposal"), None);
        assert_eq!(client.message(base + 0x12).await.data, Bytes::from_static(b"proposal"));
    }
}

#[tokio::test]
async fn what_an_eth_69_peer_has_is_known_from_its_status_and_its_range_updates() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &story(EthVersion::V69)).await;
    let up = node.peer_up().await;
    assert_eq!((up.earliest, up.head_number, up.total_difficulty), (1, 3, U256::from(4)));
    for (latest, known) in [(77, 77), (u64::MAX, 77)] {
        let range = BlockRange { earliest: 2, latest, latest_hash: B256::repeat_byte(7) };
        client.send_eth(id::BLOCK_RANGE_UPDATE, &alloy_rlp::encode(range)).await;
        client.until_pong().await;
        let info = node.network.peers().remove(0);
        assert_eq!((info.earliest, info.head_number), (2, known), "{latest}");
    }
    let backward = BlockRange { earliest: 9, latest: 8, latest_hash: B256::ZERO };
    client.send_eth(id::BLOCK_RANGE_UPDATE, &alloy_rlp::encode(backward)).await;
    assert_eq!(client.goodbye().await, DisconnectReason::ProtocolBreach);
}

#[tokio::test]
async fn a_status_that_ends_before_it_begins_is_refused() {
    let node = Node::with_peers(vec![]).await;
    let mut story = story(EthVersion::V69);
    story.status.head = ClaimedHead::Range(BlockRange { earliest: 2, latest: 1, latest_hash: B256::ZERO });
    let told = Client::dial(&node.enode(), &story).await.goodbye().await;
    assert_eq!(told, DisconnectReason::Subprotocol);
}

#[tokio::test]
async fn ranges_are_told_to_eth_69_peers_alone_and_not_with_every_block() {
    let mut chain = SmallChain::new();
    chain.headers = (0..40).map(crate::node::header).collect();
    let (hash, mut node) = (chain.hash(39), Node::over(options(NodeKey::random(), vec![]), chain).await);
    let mut client = Client::connected(&node.enode(), &story(EthVersion::V69)).await;
    let mut older = Client::connected(&node.enode(), &story(EthVersion::V68)).await;
    node.peer_up().await;
    node.peer_up().await;
    node.network.head_moved();
    node.network.head_moved();
    let told = BlockRange { earliest: 2, latest: 39, latest_hash: hash };
    assert_eq!(client.eth(id::BLOCK_RANGE_UPDATE).await.data, alloy_rlp::encode(told));
    for peer in [&mut client, &mut older] {
        let update = peer.shared.eth_base + id::BLOCK_RANGE_UPDATE;
        let rest = peer.until_pong().await;
        assert!(rest.iter().all(|message| message.id != update), "{rest:?}");
    }
}

#[tokio::test]
async fn receipts_have_blooms_up_to_eth_68_and_none_from_eth_69_on() {
    let hash = SmallChain::new().hash(1);
    for version in EthVersion::ALL {
        let node = Node::with_peers(vec![]).await;
        let mut client = Client::connected(&node.enode(), &story(version)).await;
        let (ask, data) = Query::Receipts(vec![hash]).encode(5);
        client.send_eth(ask, &data).await;
        let answer = client.eth(id::RECEIPTS).await.data;
        let read = Message::decode(version, id::RECEIPTS, &answer).unwrap();
        let Message::Reply(5, Reply::Receipts(receipts)) = read else { panic!("{read:?}") };
        assert_eq!(receipts.len(), 1);
        assert_eq!(answer.len() > 256, version < EthVersion::V69, "a bloom has 256 bytes");
    }
}

#[tokio::test]
async fn trie_nodes_are_asked_for_up_to_eth_66_and_answered_with_none() {
    let node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &story(EthVersion::V66)).await;
    let hashes = alloy_rlp::encode(vec![B256::ZERO]);
    let ask = [&[0xc0 + 1 + u8::try_from(hashes.len()).unwrap(), 9][..], &hashes].concat();
    client.send_eth(id::GET_NODE_DATA, &ask).await;
    assert_eq!(client.eth(id::NODE_DATA).await.data, Bytes::from_static(&[0xc2, 9, 0xc0]));
}

#[tokio::test]
async fn consensus_goes_to_the_holders_of_the_named_addresses_alone() {
    let mut node = Node::with_peers(vec![]).await;
    let (seated, bystander) = (story(EthVersion::V66), story(EthVersion::V66));
    let address = seated.key.address();
    let mut holder = Client::connected(&node.enode(), &seated).await;
    let mut other = Client::connected(&node.enode(), &bystander).await;
    node.peer_up().await;
    node.peer_up().await;
    node.network.consensus_audience(Audience::Holders([address].into()));
    let payload = Bytes::from_static(b"prepare");
    node.network.broadcast_consensus(0x13, payload.clone(), None);
    assert!(!node.network.send_consensus(bystander.key.id(), 0x13, payload.clone()));
    assert!(node.network.send_consensus(seated.key.id(), 0x14, payload.clone()));
    let base = holder.shared.istanbul_base.unwrap();
    assert_eq!(holder.message(base + 0x13).await.data, payload);
    assert_eq!(holder.message(base + 0x14).await.data, payload);
    let rest = other.until_pong().await;
    assert!(rest.iter().all(|message| message.id < base), "{rest:?}");
    node.network.consensus_audience(Audience::Everybody);
    node.network.broadcast_consensus(0x15, payload.clone(), None);
    assert_eq!(other.message(base + 0x15).await.data, payload);
}

#[test]
fn an_address_is_that_of_the_key() {
    let mut secret = [0; 32];
    secret[31] = 1;
    let address = NodeKey::from_bytes(secret).unwrap().address();
    assert_eq!(address.to_string(), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
}

#[test]
fn fork_ids_count_the_forks_that_each_family_counts() {
    let extra = chain::Extra { validators: vec![Address::repeat_byte(1)], ..chain::Extra::unsealed(0) };
    let file = json!({
        "config": {
            "chainId": 7, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "berlinBlock": 20, "isQuorum": true, "qip714Block": 0, "maxCodeSizeChangeBlock": 40,
            "enableGasPriceBlock": 50,
            "qbft": { "blockperiodseconds": 1, "requesttimeoutseconds": 2 },
        },
        "nonce": "0x0", "timestamp": "0x0", "gasLimit": "0x29b92700", "difficulty": "0x1",
        "extraData": extra.to_bytes(),
        "mixHash": chain::genesis::QBFT_MIX_HASH,
        "coinbase": "0x0000000000000000000000000000000000000000",
        "alloc": {},
    });
    let genesis = Genesis::from_json(&file.to_string()).unwrap();
    let counted = |profile| {
        let schedule = ForkSchedule::from_genesis(&genesis, profile);
        let mut passed = Vec::new();
        let mut head = 0;
        loop {
            let next = schedule.current(head, 0).next;
            if next == 0 {
                return passed;
            }
            passed.push(next);
            head = next;
        }
    };
    assert_eq!(counted(ClientProfile::GoQuorum), [20, 40, 50], "every key of its own that changes rules");
    assert_eq!(counted(ClientProfile::Besu), [20]);
}
