//! Blocks whose own seals are false and that are final by seals of a later one.

use crate::network::{Key, Network, seal_by};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use chain::{Extra, Vote, hash};
use ledger::{At, Block, BuildAttributes, CommitError, Ledger, Options, Prepared, SegmentError};
use std::{collections::VecDeque, path::Path};
use tempfile::tempdir;

/// Blocks of a chain, and of one segment.
const LENGTH: usize = 30;
const SEGMENT: usize = 10;

fn forged(block: &Block) -> Block {
    let strangers: Vec<Key> = (0..3).map(|i| Key::new(&format!("stranger {i}"))).collect();
    seal_by(block, 0, &strangers.iter().collect::<Vec<_>>())
}

/// The blocks of a chain, of which those of a range have seals of nobody.
fn chain_of(network: &Network, false_ones: std::ops::RangeInclusive<u64>) -> Vec<Block> {
    let dir = tempdir().unwrap();
    let ledger = network.open(dir.path());
    let to = Address::repeat_byte(9);
    let block = |nonce: u64| {
        let made = network.next(&ledger, vec![network.users[0].transfer(nonce, to, 1)]).block.clone();
        if false_ones.contains(&made.header.number) { forged(&made) } else { made }
    };
    (0..LENGTH as u64).map(block).collect()
}

fn headers(blocks: &[Block]) -> Vec<Header> {
    blocks.iter().map(|block| block.header.clone()).collect()
}

fn prepared(ledger: &Ledger, blocks: &[Block]) -> VecDeque<Prepared> {
    let hashed = blocks.iter().map(|block| (hash::block_hash(&block.header).unwrap(), block.clone()));
    ledger.prepare(hashed.collect()).unwrap().into()
}

fn open(network: &Network, dir: &Path) -> Ledger {
    let options = Options { segment_blocks: SEGMENT, ..Options::default() };
    Ledger::open(dir, network.genesis.clone(), options).unwrap()
}

fn heads(ledger: &Ledger) -> (u64, u64) {
    (ledger.head().number, ledger.sealed_head().number)
}

#[test]
fn a_block_with_false_seals_is_final_by_a_later_ones_and_is_never_shown_as_the_newest() {
    for network in [Network::by_headers(), Network::by_contract(), Network::governed_plainly()] {
        let blocks = chain_of(&network, 5..=24);
        let dir = tempdir().unwrap();
        let fresh = open(&network, dir.path());
        let refused = fresh.commit_segment(&mut prepared(&fresh, &blocks)).refused.unwrap();
        assert!(
            matches!(refused, SegmentError { number: 10, source: CommitError::ForeignSeal(_) }),
            "{refused}"
        );
        assert_eq!(heads(&fresh), (0, 0), "nothing was accepted by its own seals");

        let vouched = fresh.vouch(&headers(&blocks)).unwrap();
        assert_eq!(vouched.len(), LENGTH);
        let mut waiting = prepared(&fresh, &blocks);
        for head in [10, 20] {
            assert!(fresh.commit_vouched(&mut waiting, &vouched).refused.is_none());
            assert_eq!(heads(&fresh), (head, 0));
        }
        // A restart between such a block and the next makes no difference.
        drop(fresh);
        let fresh = open(&network, dir.path());
        assert_eq!(heads(&fresh), (20, 0));
        assert!(fresh.commit_segment(&mut prepared(&fresh, &blocks[20..])).refused.is_none());
        assert_eq!(heads(&fresh), (30, 30));
        assert_eq!(fresh.head().hash, hash::block_hash(&blocks[LENGTH - 1].header).unwrap());
        drop(fresh);
        assert_eq!(heads(&open(&network, dir.path())), (30, 30));
    }
}

#[test]
fn a_head_that_our_own_consensus_decided_is_shown_again() {
    let network = Network::by_headers();
    let blocks = chain_of(&network, 5..=24);
    let dir = tempdir().unwrap();
    let fresh = open(&network, dir.path());
    let vouched = fresh.vouch(&headers(&blocks)).unwrap();
    let mut waiting = prepared(&fresh, &blocks[..24]);
    while !waiting.is_empty() {
        assert!(fresh.commit_vouched(&mut waiting, &vouched).refused.is_none());
    }
    assert_eq!(heads(&fresh), (24, 0));
    fresh.commit(blocks[24].clone()).unwrap();
    assert_eq!(heads(&fresh), (25, 25));
}

#[test]
fn nothing_vouches_for_blocks_after_the_last_that_a_quorum_sealed() {
    let network = Network::by_headers();
    let dir = tempdir().unwrap();
    let fresh = open(&network, dir.path());
    let vouched = fresh.vouch(&headers(&chain_of(&network, 26..=30))).unwrap();
    assert_eq!(vouched.len(), 25);
    let nobody = fresh.vouch(&headers(&chain_of(&network, 1..=30))).unwrap_err();
    assert!(matches!(nobody, CommitError::Uncertified { from: 1, to: 30 }), "{nobody}");
    let sealed = chain_of(&network, 1..=29);
    let mut few = headers(&sealed);
    few[29] = network.seal(&sealed[29], 0, 2).header;
    let few = fresh.vouch(&few).unwrap_err();
    assert!(matches!(few, CommitError::Uncertified { .. }), "{few}");
    // A sealed block vouches for its ancestors, not for whatever is shown before it.
    let mut others = headers(&sealed);
    others[10].state_root = B256::repeat_byte(7);
    let others = fresh.vouch(&others).unwrap_err();
    assert!(matches!(others, CommitError::Uncertified { from: 1, to: 11 }), "{others}");
    let ahead = fresh.vouch(&headers(&sealed)[1..]).unwrap_err();
    assert!(matches!(ahead, CommitError::NotNext { got: 2, want: 1 }), "{ahead}");
    assert!(fresh.vouch(&[]).unwrap().is_empty());
}

#[test]
fn the_set_that_vouches_is_that_of_the_next_height_and_a_block_that_ends_it_needs_its_own_seals() {
    let network = Network::by_headers();
    let dir = tempdir().unwrap();
    let ledger = network.open(dir.path());
    let mut keys: Vec<Key> = (0..4).map(|i| Key::new(&format!("validator {i}"))).collect();
    keys.push(Key::new("newcomer"));
    let newcomer = Vote { recipient: keys[4].address, add: true };
    let mut blocks = Vec::new();
    for author in [0, 1, 2, 3, 0] {
        let validators = ledger.validators().unwrap();
        let seals: Vec<&Key> = keys.iter().filter(|key| validators.contains(&key.address)).collect();
        let vote = (blocks.len() < 3).then_some(newcomer);
        let attributes = BuildAttributes {
            beneficiary: network.validators[author].address,
            extra_data: Extra { validators, vote, ..Extra::unsealed(0) }.to_bytes(),
            ..network.attributes(&ledger, 0)
        };
        let built = ledger.build(&attributes, || None, || false).unwrap();
        blocks.push(ledger.commit(seal_by(&built.block, 0, &seals)).unwrap().block.clone());
    }
    assert_eq!(ledger.validators().unwrap().len(), 5);
    let dir = tempdir().unwrap();
    let fresh = open(&network, dir.path());
    assert_eq!(fresh.vouch(&headers(&blocks)).unwrap().len(), 3, "the old set sealed no more than these");
    blocks[2] = forged(&blocks[2]);
    let vouched = fresh.vouch(&headers(&blocks)).unwrap();
    assert_eq!(vouched.len(), 2);
    let refused = fresh.commit_vouched(&mut prepared(&fresh, &blocks), &vouched).refused.unwrap();
    assert!(matches!(refused, SegmentError { number: 3, source: CommitError::ForeignSeal(_) }), "{refused}");
    assert_eq!(heads(&fresh), (2, 2));
}

#[test]
fn a_block_that_is_vouched_for_and_invalid_here_is_our_fault() {
    let network = Network::by_headers();
    let mut blocks = chain_of(&network, 3..=3)[..2].to_vec();
    blocks[0].header.state_root = B256::repeat_byte(7);
    blocks[0] = forged(&blocks[0]);
    blocks[1].header.parent_hash = hash::block_hash(&blocks[0].header).unwrap();
    blocks[1] = network.seal(&blocks[1], 0, 3);
    let dir = tempdir().unwrap();
    let fresh = open(&network, dir.path());
    let vouched = fresh.vouch(&headers(&blocks)).unwrap();
    let refused = |vouched: &ledger::Vouched| {
        fresh.commit_vouched(&mut prepared(&fresh, &blocks), vouched).refused.unwrap().source
    };
    assert!(matches!(refused(&vouched), CommitError::Diverged { number: 1, .. }));
    assert!(matches!(refused(&ledger::Vouched::default()), CommitError::Unsealed { number: 1, .. }));
    assert!(fresh.block(At::Number(1)).unwrap().is_none());
}
