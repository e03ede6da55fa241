//! A node that starts from nothing, far behind, and what it is given to read.

use crate::support::{
    chain::make,
    network::{Node, TestNetwork},
    transaction::signed,
};
use alloy_primitives::{Address, B256, B512, Bytes, U256};
use chain::{
    Extra,
    genesis::Genesis,
    hash::{block_hash, with_round_and_seals},
};
use devp2p::{BlockId, ChainReader as _};
use ledger::{
    At, Ledger, Options,
    snapshot::{FRAME_BYTES, import},
};
use std::{collections::VecDeque, fs};
use validator::{
    chain_reader::LedgerReader,
    pool::{Limits, Origin, Pool},
};

/// Blocks of the chain made beforehand: more than two requests of headers and three of bodies.
const LENGTH: u64 = 450;

fn genesis(network: &TestNetwork) -> Genesis {
    Genesis::from_json(&fs::read_to_string(&network.devnet.genesis).unwrap()).unwrap()
}

#[test]
fn an_empty_node_fetches_hundreds_of_blocks_checks_them_and_follows() {
    let mut network = TestNetwork::create(2, 1);
    let key = network.key("node0/identity.key");
    drop(make(&network.nodes[0].data_dir(), genesis(&network), &key, LENGTH));

    network.nodes.iter_mut().for_each(Node::start);
    network.wait_height(LENGTH);
    network.wait_height(LENGTH + 2);
    let late =
        network.nodes[1].wait_status("the late node to be ready", |status| status.ready.then_some(status));
    assert_eq!(late.faults, Vec::<String>::new());
}

#[tokio::test]
async fn peers_read_headers_by_step_and_direction_and_stop_at_the_ends() {
    let network = TestNetwork::create(1, 1);
    let dir = network.nodes[0].data_dir();
    let ledger = make(&dir, genesis(&network), &network.key("node0/identity.key"), 10);
    let pool = Pool::open(&dir.join("pool"), ledger.clone(), Limits::default()).unwrap();
    let reader = LedgerReader { ledger, pool };
    let read = |origin, amount, skip, reverse| -> Vec<u64> {
        reader.headers(origin, amount, skip, reverse).iter().map(|header| header.number).collect()
    };
    assert_eq!(read(BlockId::Number(8), 5, 0, false), [8, 9, 10]);
    assert_eq!(read(BlockId::Number(8), 3, 1, true), [8, 6, 4]);
    assert_eq!(read(BlockId::Number(1), 3, 0, true), [1, 0]);
    assert_eq!(read(BlockId::Number(0), 2, u64::MAX, false), [0]);
    assert_eq!(read(BlockId::Number(11), 5, 0, false), [0; 0]);
    assert_eq!(read(BlockId::Hash(B256::repeat_byte(1)), 5, 0, false), [0; 0]);
    assert_eq!(read(BlockId::Hash(reader.status().head_hash), 5, 4, true), [10, 5, 0]);
    let header = reader.headers(BlockId::Number(9), 1, 0, false).remove(0);
    let hash = block_hash(&header).unwrap();
    assert_eq!(reader.bodies(&[B256::ZERO, hash]).len(), 1);
}

#[tokio::test]
async fn peers_are_shown_no_newest_block_whose_own_seals_are_false() {
    let network = TestNetwork::create(2, 1);
    let key = network.key("node0/identity.key");
    let source = make(&network.nodes[0].data_dir(), genesis(&network), &key, 6);
    let mut blocks: Vec<_> =
        (1..=6).map(|number| source.block(At::Number(number)).unwrap().unwrap()).collect();
    let others = Extra::decode_exact(&blocks[1].header.extra_data).unwrap().seals;
    blocks[2].header = with_round_and_seals(&blocks[2].header, 0, others).unwrap();
    let dir = network.nodes[1].data_dir();
    let options = Options { segment_blocks: 3, ..Options::default() };
    let ledger = Ledger::open(&dir.join("chain"), genesis(&network), options).unwrap();
    let headers: Vec<_> = blocks.iter().map(|block| block.header.clone()).collect();
    let vouched = ledger.vouch(&headers).unwrap();
    let hashed: Vec<_> =
        blocks.into_iter().map(|block| (block_hash(&block.header).unwrap(), block)).collect();
    let false_one = hashed[2].0;
    let mut waiting = VecDeque::from(ledger.prepare(hashed).unwrap());
    let pool = Pool::open(&dir.join("pool"), ledger.clone(), Limits::default()).unwrap();
    let reader = LedgerReader { ledger: ledger.clone(), pool };
    let shown = |from| reader.headers(from, 9, 0, false).iter().map(|h| h.number).collect::<Vec<_>>();
    for (head, newest) in [(3, 0), (6, 6)] {
        assert!(ledger.commit_vouched(&mut waiting, &vouched).refused.is_none());
        assert_eq!((ledger.head().number, reader.status().head_number), (head, newest));
        let status = reader.status();
        assert_eq!((status.head_hash, status.total_difficulty), {
            let hash = ledger.block_hash(At::Number(newest)).unwrap().unwrap();
            (hash, U256::from(newest + 1))
        });
        assert_eq!(shown(BlockId::Number(0)), (0..=newest).collect::<Vec<_>>());
        assert_eq!(shown(BlockId::Hash(false_one)).is_empty(), newest < 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_connects_is_offered_what_is_executable_and_nothing_that_waits_for_an_earlier_nonce() {
    let network = TestNetwork::create(1, 1);
    let dir = network.nodes[0].data_dir();
    let ledger = make(&dir, genesis(&network), &network.key("node0/identity.key"), 1);
    let pool = Pool::open(&dir.join("pool"), ledger.clone(), Limits::default()).unwrap();
    let reader = LedgerReader { ledger, pool: pool.clone() };
    let key = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let pay = |nonce| signed(&key, nonce, Address::ZERO, U256::ZERO, Bytes::new());
    let offered = || reader.pooled_hashes().into_iter().map(|(hash, ..)| hash).collect::<Vec<_>>();
    let client = Origin::Rpc(std::net::Ipv4Addr::LOCALHOST.into());
    for (nonce, origin) in [(1, client), (4, Origin::Peer(B512::ZERO))] {
        pool.submit(pay(nonce).1, origin).await.unwrap();
    }
    assert_eq!(offered(), [B256::ZERO; 0]);
    pool.submit(pay(0).1, client).await.unwrap();
    assert_eq!(offered(), [pay(0).0, pay(1).0]);
    let mut asked = Vec::new();
    reader.each_pooled(&mut |hash, _| asked.push(*hash));
    assert_eq!(asked.len(), 3, "a proposal is put together from all that waits");
}

#[tokio::test]
async fn a_node_made_from_a_snapshot_tells_peers_from_which_block_on_it_serves_and_shows_nothing_older() {
    let network = TestNetwork::create(2, 1);
    let dir = network.dir.path();
    let source =
        make(&network.nodes[0].data_dir(), genesis(&network), &network.key("node0/identity.key"), 10);
    let file = dir.join("snapshot");
    let (head, bytes) = source.export_snapshot(Vec::new(), FRAME_BYTES, |_| {}).unwrap();
    fs::write(&file, bytes).unwrap();
    let fresh = network.nodes[1].data_dir().join("chain");
    fs::create_dir_all(fresh.parent().unwrap()).unwrap();
    import(&fresh, &genesis(&network), &file, head.hash, |_| {}).unwrap();
    let ledger = Ledger::open(&fresh, genesis(&network), Options::default()).unwrap();
    let pool = Pool::open(&dir.join("pool"), ledger.clone(), Limits::default()).unwrap();
    let reader = LedgerReader { ledger, pool };
    assert_eq!((reader.status().earliest, reader.status().head_number), (10, 10));
    let older = source.block_hash(At::Number(9)).unwrap().unwrap();
    assert_eq!(reader.bodies(&[older, head.hash]).len(), 1);
    assert_eq!(reader.receipts(&[older, head.hash]).len(), 1);
}
