//! A node that starts from nothing, far behind, and what it is given to read.

use crate::support::{
    chain::make,
    network::{Node, TestNetwork},
};
use alloy_primitives::B256;
use chain::genesis::Genesis;
use devp2p::{BlockId, ChainReader as _};
use ledger::{
    At, Ledger, Options,
    snapshot::{FRAME_BYTES, import},
};
use std::fs;
use validator::{
    chain_reader::LedgerReader,
    pool::{Limits, Pool},
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
    let hash = chain::hash::block_hash(&header).unwrap();
    assert_eq!(reader.bodies(&[B256::ZERO, hash]).len(), 1);
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
