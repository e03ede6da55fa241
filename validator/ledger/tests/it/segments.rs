//! Segments: many sealed blocks committed as one.

use crate::network::{Key, MORTAL, Network, SETTER, seal_by};
use alloy_primitives::{Address, B256, U256};
use chain::{Extra, Vote, hash};
use ledger::{
    At, Block, BuildAttributes, CommitError, CommittedBlock, Ledger, Options, Prepared, Recovered,
    SegmentError,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{collections::VecDeque, path::Path, sync::Arc};
use tempfile::{TempDir, tempdir};

/// Stores the hash of the block before in slot 0.
const HASH_OF_PARENT: [u8; 8] = [0x60, 1, 0x43, 0x03, 0x40, 0x5f, 0x55, 0];

fn prepared(ledger: &Ledger, blocks: &[Block]) -> Result<VecDeque<Prepared>, SegmentError> {
    let hashed = blocks.iter().map(|block| (hash::block_hash(&block.header).unwrap(), block.clone()));
    ledger.prepare(hashed.collect()).map(VecDeque::from)
}

/// Commits all of them, in as many segments as it takes; how many.
fn catch_up(ledger: &Ledger, blocks: &[Block]) -> Result<usize, SegmentError> {
    let (mut waiting, mut segments) = (prepared(ledger, blocks)?, 0);
    while !waiting.is_empty() {
        if let Some(refused) = ledger.commit_segment(&mut waiting).refused {
            return Err(refused);
        }
        segments += 1;
    }
    Ok(segments)
}

fn all(ledger: &Ledger) -> Vec<Block> {
    (1..=ledger.head().number).map(|number| ledger.block(At::Number(number)).unwrap().unwrap()).collect()
}

struct Source {
    network: Network,
    ledger: Ledger,
    _dir: TempDir,
}

impl Source {
    fn new(network: Network) -> Self {
        let dir = tempdir().unwrap();
        Self { ledger: network.open(dir.path()), network, _dir: dir }
    }

    /// Traffic of every kind: money, storage set and cleared, contracts that come and go.
    fn with_traffic(network: Network, blocks: u64) -> Self {
        let source = Self::new(network);
        let (network, ledger) = (&source.network, &source.ledger);
        let mut random = StdRng::seed_from_u64(11);
        let setter = network.users[0].address.create(0);
        let blockhash = network.users[1].address.create(0);
        network.next(
            ledger,
            vec![network.users[0].deploy(0, &SETTER), network.users[1].deploy(0, &HASH_OF_PARENT)],
        );
        let mut nonces = [1, 1, 0, 0];
        for _ in 1..blocks {
            let mut transactions = Vec::new();
            for _ in 0..random.random_range(0..12) {
                let user = random.random_range(0..4);
                let (key, nonce) = (&network.users[user], nonces[user]);
                nonces[user] += 1;
                transactions.push(random_transaction(&mut random, key, nonce, setter, blockhash));
            }
            network.next(ledger, transactions);
        }
        source
    }

    fn attributes(&self, vote: Option<Vote>) -> BuildAttributes {
        let attributes = self.network.attributes(&self.ledger, 0);
        let extra = Extra::decode_exact(&attributes.extra_data).unwrap();
        let validators = self.ledger.validators().unwrap();
        BuildAttributes { extra_data: Extra { validators, vote, ..extra }.to_bytes(), ..attributes }
    }

    /// Commits an empty block by a proposer, with a vote, sealed by everybody in the set.
    fn voted(&self, author: &Key, vote: Option<Vote>, keys: &[Key]) -> Arc<CommittedBlock> {
        let attributes = BuildAttributes { beneficiary: author.address, ..self.attributes(vote) };
        let built = self.ledger.build(&attributes, || None, || false).unwrap();
        let set = self.ledger.validators().unwrap();
        let seals: Vec<&Key> = keys.iter().filter(|key| set.contains(&key.address)).collect();
        self.ledger.commit(seal_by(&built.block, 0, &seals)).unwrap()
    }
}

fn random_transaction(
    random: &mut StdRng,
    key: &Key,
    nonce: u64,
    setter: Address,
    blockhash: Address,
) -> Recovered {
    match random.random_range(0..5) {
        0 => key.transfer(nonce, Address::left_padding_from(&[random.random_range(1..40)]), 1),
        1 => key.call(nonce, blockhash, &[]),
        2 => key.deploy(nonce, &MORTAL),
        _ => {
            let value = if random.random_bool(0.4) { 0 } else { random.random_range(1..1000) };
            let slot = U256::from(random.random_range(0..60));
            key.call(nonce, setter, &[B256::from(slot), B256::from(U256::from(value))].concat())
        }
    }
}

/// Everything that can be read of both is the same.
fn assert_same(source: &Ledger, fresh: &Ledger) {
    assert_eq!(fresh.head().hash, source.head().hash);
    assert_eq!(all(fresh), all(source));
    let addresses: Vec<Address> = (0..=source.head().number)
        .flat_map(|number| source.senders(At::Number(number)).unwrap().unwrap())
        .chain((1..40).map(|byte| Address::left_padding_from(&[byte])))
        .collect();
    for number in 0..=source.head().number {
        let at = At::Number(number);
        assert_eq!(fresh.receipts(at).unwrap(), source.receipts(at).unwrap());
        assert_eq!(fresh.senders(at).unwrap(), source.senders(at).unwrap());
        for address in &addresses {
            let (ours, theirs) =
                (fresh.account(*address, at).unwrap(), source.account(*address, at).unwrap());
            assert_eq!(ours, theirs, "{address} at {number}");
        }
    }
    for block in all(source) {
        for tx in &block.body.transactions {
            let place = fresh.transaction(*tx.tx_hash()).unwrap().unwrap();
            assert_eq!(place.block_number, block.header.number);
        }
    }
}

fn open(network: &Network, dir: &Path) -> Ledger {
    Ledger::open(dir, network.genesis.clone(), Options::default()).unwrap()
}

#[test]
fn a_chain_fetched_in_segments_is_the_chain_that_was_made_block_by_block() {
    for network in [Network::by_headers(), Network::by_contract(), Network::governed_plainly()] {
        let source = Source::with_traffic(network, 40);
        let blocks = all(&source.ledger);
        for size in [1, 7, 40] {
            let dir = tempdir().unwrap();
            let fresh = open(&source.network, dir.path());
            for part in blocks.chunks(size) {
                assert_eq!(catch_up(&fresh, part).unwrap(), 1);
            }
            assert_same(&source.ledger, &fresh);
            // What was written is what was seen: the next block needs all of it.
            drop(fresh);
            let fresh = open(&source.network, dir.path());
            assert_same(&source.ledger, &fresh);
            let next = source.network.build(&source.ledger, vec![]);
            fresh.validate(&next.block).unwrap();
        }
    }
}

#[test]
fn a_segment_that_nothing_certifies_leaves_nothing_behind() {
    let source = Source::with_traffic(Network::governed_plainly(), 12);
    let mut blocks = all(&source.ledger);
    let strangers: Vec<Key> = (0..3).map(|i| Key::new(&format!("stranger {i}"))).collect();
    for block in &mut blocks {
        *block = seal_by(block, 0, &strangers.iter().collect::<Vec<_>>());
    }
    let dir = tempdir().unwrap();
    let fresh = open(&source.network, dir.path());
    let error = catch_up(&fresh, &blocks).unwrap_err();
    assert!(matches!(error, SegmentError { number: 12, source: CommitError::ForeignSeal(_) }), "{error}");
    let is_untouched = |ledger: &Ledger| {
        assert_eq!(ledger.head().number, 0);
        assert!(ledger.block(At::Number(1)).unwrap().is_none());
        let first = blocks[0].body.transactions[0].tx_hash();
        assert!(ledger.transaction(*first).unwrap().is_none());
        assert_eq!(ledger.account(source.network.users[0].address, At::Head).unwrap().nonce, 0);
    };
    is_untouched(&fresh);
    drop(fresh);
    let fresh = open(&source.network, dir.path());
    is_untouched(&fresh);
    catch_up(&fresh, &all(&source.ledger)).unwrap();
    assert_same(&source.ledger, &fresh);
}

#[test]
fn a_block_that_a_peer_made_up_is_its_fault_and_one_that_a_quorum_sealed_is_ours() {
    let source = Source::with_traffic(Network::by_headers(), 6);
    let blocks = all(&source.ledger);
    let strangers: Vec<Key> = (0..4).map(|i| Key::new(&format!("stranger {i}"))).collect();
    let forged = |keys: &[Key]| {
        let mut block = blocks[0].clone();
        block.header.state_root = B256::repeat_byte(7);
        let block = seal_by(&block, 0, &keys.iter().collect::<Vec<_>>());
        let dir = tempdir().unwrap();
        let fresh = open(&source.network, dir.path());
        catch_up(&fresh, &[block]).unwrap_err().source
    };
    assert!(matches!(forged(&strangers), CommitError::Unsealed { number: 1, .. }));
    assert!(matches!(forged(&source.network.validators), CommitError::Diverged { number: 1, .. }));
}

#[test]
fn the_set_that_a_block_of_the_segment_brings_in_seals_from_the_next_block_on() {
    let source = Source::new(Network::by_headers());
    let mut keys: Vec<Key> = (0..4).map(|i| Key::new(&format!("validator {i}"))).collect();
    keys.push(Key::new("newcomer"));
    let newcomer = Vote { recipient: keys[4].address, add: true };
    for author in &source.network.validators[..3] {
        source.voted(author, Some(newcomer), &keys);
    }
    assert_eq!(source.ledger.validators().unwrap().len(), 5);
    source.voted(&keys[4], None, &keys);
    source.voted(&keys[0], None, &keys);
    let blocks = all(&source.ledger);
    let dir = tempdir().unwrap();
    let fresh = open(&source.network, dir.path());
    catch_up(&fresh, &blocks).unwrap();
    assert_eq!(fresh.validators().unwrap(), source.ledger.validators().unwrap());
    assert_same(&source.ledger, &fresh);

    // The block that brings it in is checked although it is not the last one.
    let strangers: Vec<Key> = (0..4).map(|i| Key::new(&format!("stranger {i}"))).collect();
    let mut forged = blocks.clone();
    forged[2] = seal_by(&forged[2], 0, &strangers.iter().collect::<Vec<_>>());
    let dir = tempdir().unwrap();
    let fresh = open(&source.network, dir.path());
    let error = catch_up(&fresh, &forged).unwrap_err();
    assert!(matches!(error, SegmentError { number: 3, source: CommitError::ForeignSeal(_) }), "{error}");
    assert_eq!(fresh.head().number, 2, "its own seals certify block 2");
}

#[test]
fn every_block_carries_enough_seals_and_every_thousandth_is_checked() {
    let source = Source::new(Network::by_headers());
    for _ in 0..2003 {
        source.network.next(&source.ledger, vec![]);
    }
    let blocks = all(&source.ledger);
    let strangers: Vec<Key> = (0..3).map(|i| Key::new(&format!("stranger {i}"))).collect();
    let forged = |index: usize, keys: &[&Key]| {
        let mut blocks = blocks[..].to_vec();
        blocks[index] = seal_by(&blocks[index], 0, keys);
        let dir = tempdir().unwrap();
        let fresh = open(&source.network, dir.path());
        catch_up(&fresh, &blocks[..3]).unwrap();
        (catch_up(&fresh, &blocks[3..]), fresh.head().number)
    };
    let strangers: Vec<&Key> = strangers.iter().collect();
    for (index, number) in [(999, 1000), (1999, 2000)] {
        let (outcome, head) = forged(index, &strangers);
        let SegmentError { number: refused, source } = outcome.unwrap_err();
        assert!(refused == number && matches!(source, CommitError::ForeignSeal(_)), "{source}");
        assert_eq!(head, number - 1, "the seals of the block before certify it");
    }
    assert_eq!(forged(1500, &strangers).1, source.ledger.head().number, "later seals vouch for this one");
    let (outcome, _) = forged(500, &strangers[..1]);
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, SegmentError { number: 501, source: CommitError::Seals { got: 1, .. } }),
        "{error}"
    );
    // What is certified before a block that nothing certifies stays, though its neighbours' seals are false too.
    let mut cut = blocks[..1600].to_vec();
    for block in &mut cut[1590..] {
        *block = seal_by(block, 0, &strangers);
    }
    let dir = tempdir().unwrap();
    let fresh = open(&source.network, dir.path());
    let error = catch_up(&fresh, &cut).unwrap_err();
    assert!(matches!(error, SegmentError { number: 1600, source: CommitError::ForeignSeal(_) }), "{error}");
    assert_eq!(fresh.head().number, 1000);
    let dir = tempdir().unwrap();
    let options = Options { segment_blocks: 1001, ..Options::default() };
    let fresh = Ledger::open(dir.path(), source.network.genesis.clone(), options).unwrap();
    assert_eq!(catch_up(&fresh, &blocks).unwrap(), 3, "at most so many together");
    assert_eq!(fresh.head().hash, source.ledger.head().hash);
}

#[test]
fn a_segment_that_does_not_follow_the_head_or_has_other_bodies_is_refused() {
    let source = Source::with_traffic(Network::by_contract(), 4);
    let blocks = all(&source.ledger);
    let dir = tempdir().unwrap();
    let fresh = open(&source.network, dir.path());
    let error = catch_up(&fresh, &blocks[1..]).unwrap_err();
    assert!(matches!(error.source, CommitError::NotNext { got: 2, want: 1 }), "{error}");
    let mut emptied = blocks.clone();
    emptied[0].body.transactions.clear();
    let error = catch_up(&fresh, &emptied).unwrap_err();
    assert!(matches!(error, SegmentError { number: 1, source: CommitError::Body { .. } }), "{error}");
    assert_eq!(fresh.head().number, 0);
}
