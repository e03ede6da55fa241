//! What reaches whom, and how often.

use crate::{
    client::{Client, Story},
    node::{Node, block, transaction},
};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use devp2p::{
    Event,
    eth::{
        ClaimedHead, EthVersion, Message,
        message::{
            encode_new_block, encode_new_block_hashes, encode_transaction_hashes, encode_transactions, id,
        },
    },
};

#[tokio::test]
async fn the_same_payload_from_two_peers_is_delivered_once() {
    let mut node = Node::with_peers(vec![]).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push(Client::connected(&node.enode(), &Story::honest()).await);
        node.peer_up().await;
    }
    for client in &mut clients {
        client.send_istanbul(0x13, b"prepare").await;
        client.until_pong().await;
    }
    clients[1].send_istanbul(0x14, b"commit").await;
    assert_eq!(node.consensus().await.2, Bytes::from_static(b"prepare"));
    assert_eq!(node.consensus().await.2, Bytes::from_static(b"commit"), "nothing came in between");
    assert_eq!(node.count("consensus_duplicate"), 1);
    node.network.forget_consensus();
    clients[0].send_istanbul(0x13, b"prepare").await;
    assert_eq!(node.consensus().await.2, Bytes::from_static(b"prepare"));
}

#[tokio::test]
async fn a_payload_goes_to_those_who_have_not_shown_it() {
    let mut node = Node::with_peers(vec![]).await;
    let mut shower = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    let mut other = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    let base = other.shared.istanbul_base.unwrap();
    shower.send_istanbul(0x13, b"prepare").await;
    let (from, code, payload) = node.consensus().await;
    node.network.broadcast_consensus(code, payload.clone(), Some(from));
    node.network.broadcast_consensus(code, payload, None);
    assert_eq!(other.message(base + 0x13).await.data, Bytes::from_static(b"prepare"));
    let again = other.until_pong().await;
    assert!(again.iter().all(|message| message.id != base + 0x13), "sent twice: {again:?}");
    let back = shower.until_pong().await;
    assert!(back.iter().all(|message| message.id != base + 0x13), "sent back: {back:?}");
}

#[tokio::test]
async fn ids_of_protocols_before_qbft_are_ignored() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    client.send_istanbul(0x11, b"legacy").await;
    client.until_pong().await;
    assert_eq!(node.count("consensus_delivered"), 0);
}

#[tokio::test]
async fn a_block_is_announced_in_full_but_not_to_who_showed_it() {
    let mut node = Node::with_peers(vec![]).await;
    let mut shower = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    let mut other = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    shower.send_eth(id::NEW_BLOCK, &encode_new_block(&block(5), U256::from(6))).await;
    let received = node.event("NewBlock", |event| match event {
        Event::NewBlock { block, total_difficulty, .. } => Some((*block, total_difficulty)),
        _ => None,
    });
    assert_eq!(received.await, (block(5), U256::from(6)));
    let known = node.network.peers().into_iter().map(|peer| peer.head_number).max();
    assert_eq!(known, Some(5));
    node.network.announce_block(&block(5), U256::from(6));
    let data = other.eth(id::NEW_BLOCK).await.data;
    let announced = Message::decode(EthVersion::V68, id::NEW_BLOCK, &data).unwrap();
    assert_eq!(announced, Message::NewBlock(Box::new(block(5)), U256::from(6)));
    let new_block = shower.shared.eth_base + id::NEW_BLOCK;
    assert!(shower.until_pong().await.iter().all(|message| message.id != new_block));
}

#[tokio::test]
async fn transactions_go_in_full_to_consensus_peers_and_by_hash_to_others() {
    let mut node = Node::with_peers(vec![]).await;
    let mut validator = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    let mut observer = Client::connected(&node.enode(), &Story::honest().speaking(&[("eth", 68)])).await;
    node.peer_up().await;
    // Both have the pool's announcement behind them before anything new is sent.
    validator.eth(id::TRANSACTION_HASHES).await;
    observer.eth(id::TRANSACTION_HASHES).await;
    validator.send_eth(id::TRANSACTIONS, &encode_transactions(&[transaction(7)])).await;
    let shown = node.event("Transactions", |event| match event {
        Event::Transactions { raw, .. } => Some(raw),
        _ => None,
    });
    assert_eq!(shown.await, [transaction(7)]);
    node.network.broadcast_transactions(vec![announced(&transaction(7)), announced(&transaction(8))], None);
    let data = validator.eth(id::TRANSACTIONS).await.data;
    assert_eq!(data, encode_transactions(&[transaction(8)]), "what it has shown is left out");
    let data = observer.eth(id::TRANSACTION_HASHES).await.data;
    let entries = [7, 8].map(|seed| (keccak256(transaction(seed)), 2, 110));
    assert_eq!(data, encode_transaction_hashes(EthVersion::V68, &entries));
}

#[tokio::test]
async fn the_pool_is_announced_to_a_new_peer_in_the_shape_of_its_version() {
    for (name, number) in [(EthVersion::V66, 66), (EthVersion::V68, 68)] {
        let node = Node::with_peers(vec![]).await;
        let mut story = Story::honest().speaking(&[("eth", number), ("istanbul", 100)]);
        story.status.version = name.number();
        let mut client = Client::connected(&node.enode(), &story).await;
        let data = client.eth(id::TRANSACTION_HASHES).await.data;
        assert_eq!(data, encode_transaction_hashes(name, &[(keccak256(transaction(1)), 2, 110)]));
    }
}

#[tokio::test]
async fn announced_hashes_reach_the_owner() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    let entries = vec![(keccak256("a"), 0, 120), (keccak256("b"), 2, 1050)];
    client.send_eth(id::TRANSACTION_HASHES, &encode_transaction_hashes(EthVersion::V68, &entries)).await;
    let received = node.event("TransactionHashes", |event| match event {
        Event::TransactionHashes { hashes, .. } => Some(hashes),
        _ => None,
    });
    assert_eq!(received.await, entries);
}

#[tokio::test]
async fn what_a_peer_cannot_have_or_could_not_show_does_not_count_as_its_head() {
    let mut node = Node::with_peers(vec![]).await;
    let mut story = Story::honest();
    story.status.head = ClaimedHead::Difficulty { total_difficulty: U256::MAX, hash: B256::ZERO };
    let mut client = Client::connected(&node.enode(), &story).await;
    let id = node.peer_up().await.id;
    let claim = |node: &Node| {
        let info = node.network.peers().remove(0);
        (info.head_number, info.total_difficulty)
    };
    // The node's own: five blocks, numbers 0 to 4. No chain of a block per second has the other one yet.
    assert_eq!(claim(&node), (0, U256::from(5)));
    for (number, counts) in [(u64::MAX, 0), (900, 900)] {
        client
            .send_eth(id::NEW_BLOCK_HASHES, &encode_new_block_hashes(&[(B256::repeat_byte(9), number)]))
            .await;
        client.until_pong().await;
        assert_eq!(claim(&node).0, counts);
    }
    node.network.doubt(id);
    assert_eq!(claim(&node), (4, U256::from(5)));
    for (number, counts) in [(900, 4), (6, 6), (7, 6)] {
        client
            .send_eth(id::NEW_BLOCK_HASHES, &encode_new_block_hashes(&[(B256::repeat_byte(9), number)]))
            .await;
        client.until_pong().await;
        assert_eq!(claim(&node).0, counts);
    }
    node.network.believe(id);
    client.send_eth(id::NEW_BLOCK_HASHES, &encode_new_block_hashes(&[(B256::repeat_byte(9), 900)])).await;
    client.until_pong().await;
    assert_eq!(claim(&node).0, 900);
}

#[tokio::test]
async fn long_messages_wait_with_their_senders_and_not_in_memory() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    // Nobody takes events meanwhile. Eight of 8 MiB and a little are more than 64 MiB.
    let send = async {
        for n in 0..9 {
            client.send_istanbul(0x12, &vec![n; 8 << 20]).await;
        }
        client.until_pong().await;
    };
    let waits = async {
        node.counted("consensus_delivered", 7).await;
        // Time for the ninth to arrive if it could.
        for _ in 0..100_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::pin!(send);
    tokio::select! {
        () = &mut send => panic!("all was read though nobody took it"),
        () = waits => {}
    }
    let take = async {
        for _ in 0..9 {
            node.consensus().await;
        }
    };
    tokio::join!(send, take);
}

#[tokio::test]
async fn peers_are_reminded_by_hash_of_what_they_were_sent() {
    let mut node = Node::with_peers(vec![]).await;
    let mut client = Client::connected(&node.enode(), &Story::honest()).await;
    node.peer_up().await;
    let raw = transaction(7);
    node.network.broadcast_transactions(vec![announced(&raw)], None);
    client.eth(id::TRANSACTIONS).await;
    node.network.remind_transactions(vec![raw.clone()]);
    let announced = loop {
        let message = client.eth(id::TRANSACTION_HASHES).await;
        let decoded = Message::decode(EthVersion::V68, id::TRANSACTION_HASHES, &message.data).unwrap();
        let Message::TransactionHashes(hashes) = decoded else { panic!("{decoded:?}") };
        // The pool's own announcement to whoever connects may come first.
        if hashes[0].0 == keccak256(&raw) {
            break hashes;
        }
    };
    assert_eq!(announced, [(keccak256(&raw), 2, 110)]);
}

fn announced(raw: &alloy_primitives::Bytes) -> devp2p::Announced {
    devp2p::Announced {
        raw: raw.clone(),
        hash: keccak256(raw),
        sender: alloy_primitives::Address::repeat_byte(5),
    }
}

#[tokio::test]
async fn a_peer_of_this_program_is_told_senders_and_tells_them() {
    let mut node = Node::with_peers(vec![]).await;
    let story = Story::honest().speaking(&[("eth", 68), ("istanbul", 100), ("quorate", 1)]);
    let mut client = Client::connected(&node.enode(), &story).await;
    node.peer_up().await;
    client.eth(id::TRANSACTION_HASHES).await;
    node.network.broadcast_transactions(vec![announced(&transaction(7))], None);
    let base = client.shared.own_base.unwrap();
    let data = client.message(base).await.data;
    client.send(base, &data).await;
    let told = node.event("SignedTransactions", |event| match event {
        Event::SignedTransactions { transactions, .. } => Some(transactions),
        _ => None,
    });
    assert_eq!(told.await, [(transaction(7), alloy_primitives::Address::repeat_byte(5))]);
}
