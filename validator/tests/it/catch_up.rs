//! A node that starts from nothing, far behind.

use crate::support::network::TestNetwork;
use alloy_primitives::Address;
use chain::{
    Extra, Seal,
    genesis::Genesis,
    hash::{commit_hash, with_round_and_seals},
};
use k256::ecdsa::SigningKey;
use ledger::{Block, BuildAttributes, Ledger, Options};
use std::{fs, path::Path};

/// Blocks of the chain made beforehand: more than two requests of headers and three of bodies.
const LENGTH: u64 = 450;

fn seal(key: &SigningKey, hash: alloy_primitives::B256) -> Seal {
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).unwrap();
    let mut seal = [0; 65];
    seal[..64].copy_from_slice(&signature.to_bytes());
    seal[64] = recovery.to_byte();
    Seal::from(seal)
}

/// Makes a chain of empty blocks sealed by the only validator.
fn make_chain(dir: &Path, genesis: Genesis, key: &SigningKey) {
    let ledger = Ledger::open(&dir.join("chain"), genesis, Options::default()).unwrap();
    for number in 1..=LENGTH {
        let attributes = BuildAttributes {
            timestamp: number,
            beneficiary: Address::from_private_key(key),
            extra_data: Extra::unsealed(0).to_bytes(),
            gas_limit_target: 250_000_000,
        };
        let built = ledger.build(&attributes, || None, || false).unwrap();
        let header = &built.block.header;
        let sealed = with_round_and_seals(header, 0, vec![seal(key, commit_hash(header, 0).unwrap())]).unwrap();
        ledger.commit(Block { header: sealed, body: built.block.body.clone() }).unwrap();
    }
    ledger.flush().unwrap();
}

#[test]
fn an_empty_node_fetches_hundreds_of_blocks_checks_them_and_follows() {
    let mut network = TestNetwork::create(2, 1);
    let key = network.key("node0/identity.key");
    let genesis = Genesis::from_json(&fs::read_to_string(&network.devnet.genesis).unwrap()).unwrap();
    make_chain(&network.nodes[0].data_dir(), genesis, &key);

    network.nodes.iter_mut().for_each(crate::support::network::Node::start);
    network.wait_height(LENGTH);
    network.wait_height(LENGTH + 2);
    let late = network.nodes[1].status().unwrap();
    assert!(late.ready, "{:?}", late.not_ready_reason);
    assert_eq!(late.faults, Vec::<String>::new());
}
