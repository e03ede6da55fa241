use crate::network::{COUNTER, Network};
use alloy_primitives::{Address, B256, U256};
use ledger::{At, Ledger, OpenError, Options};
use std::{fs, path::Path};

fn grow(network: &Network, dir: &Path, blocks: u64) -> (u64, B256, B256) {
    let ledger = network.open(dir);
    let alice = &network.users[0];
    for _ in 0..blocks {
        let nonce = ledger.account(alice.address, At::Head).unwrap().nonce;
        network.next(
            &ledger,
            vec![alice.transfer(nonce, Address::repeat_byte(9), 1), alice.deploy(nonce + 1, &COUNTER)],
        );
    }
    let head = ledger.head();
    (head.number, head.hash, head.header.state_root)
}

#[test]
fn a_reopened_ledger_goes_on_where_it_was() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let first = grow(&network, dir.path(), 3);
    assert_eq!(first.0, 3);
    assert_eq!(grow(&network, dir.path(), 0), first);
    assert_eq!(grow(&network, dir.path(), 2).0, 5);
    let ledger = network.open(dir.path());
    assert_eq!(ledger.account(Address::repeat_byte(9), At::Head).unwrap().balance, U256::from(5));
    assert_eq!(ledger.receipts(At::Number(2)).unwrap().unwrap().len(), 2);
}

#[test]
fn a_crash_between_block_and_state_is_made_good_by_replaying() {
    let network = Network::by_contract();
    let dir = tempfile::tempdir().unwrap();
    let (state, old) = (dir.path().join("state.redb"), dir.path().join("state.old"));
    grow(&network, dir.path(), 1);
    fs::copy(&state, &old).unwrap();
    let head = grow(&network, dir.path(), 3);
    fs::copy(&old, &state).unwrap();
    assert_eq!(grow(&network, dir.path(), 0), head, "three blocks replayed");
    let ledger = network.open(dir.path());
    assert_eq!(ledger.receipts(At::Head).unwrap().unwrap().len(), 2);
    assert_eq!(ledger.account(Address::repeat_byte(9), At::Number(2)).unwrap().balance, U256::from(2));
}

#[test]
fn a_lost_state_file_is_rebuilt_from_the_blocks() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let head = grow(&network, dir.path(), 4);
    fs::remove_file(dir.path().join("state.redb")).unwrap();
    assert_eq!(grow(&network, dir.path(), 0), head);
}

#[test]
fn state_ahead_of_the_blocks_is_refused() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let (blocks, old) = (dir.path().join("blocks.redb"), dir.path().join("blocks.old"));
    grow(&network, dir.path(), 1);
    fs::copy(&blocks, &old).unwrap();
    grow(&network, dir.path(), 1);
    fs::copy(&old, &blocks).unwrap();
    let error = Ledger::open(dir.path(), network.genesis.clone(), Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::StateAhead { state: 2, blocks: 1 }), "{error}");
}

#[test]
fn the_directory_of_another_chain_is_refused_with_both_hashes() {
    let (network, other) = (Network::by_headers(), Network::by_contract());
    let dir = tempfile::tempdir().unwrap();
    grow(&network, dir.path(), 1);
    let error = Ledger::open(dir.path(), other.genesis.clone(), Options::default()).err().unwrap();
    let OpenError::WrongGenesis { stored, given } = &error else { panic!("{error}") };
    assert_eq!((*stored, *given), (network.genesis.hash, other.genesis.hash));
    assert_eq!(grow(&network, dir.path(), 0).0, 1, "and nothing was changed");
}

#[test]
fn a_directory_is_open_only_once() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let _open = network.open(dir.path());
    let error = Ledger::open(dir.path(), network.genesis.clone(), Options::default()).err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
}

#[test]
fn the_files_as_a_kill_leaves_them_open_at_the_last_durable_block() {
    let network = Network::by_contract();
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [written, state] = [killed.path().join("written.redb"), killed.path().join("state.redb")];
    let ledger = network.open(dir.path());
    let alice = &network.users[0];
    for nonce in 0..11 {
        network.next(&ledger, vec![alice.transfer(nonce, Address::repeat_byte(9), 1)]);
        ledger.durable(nonce + 1).unwrap();
        assert!(ledger.is_durable(nonce + 1));
        // Of the state no more than every fourth block was written.
        if nonce % 4 == 0 {
            ledger.flush().unwrap();
            fs::copy(dir.path().join("state.redb"), &written).unwrap();
        }
        fs::copy(&written, &state).unwrap();
        fs::copy(dir.path().join("blocks.redb"), killed.path().join("blocks.redb")).unwrap();
        let reopened = network.open(killed.path());
        assert_eq!(reopened.head().hash, ledger.head().hash);
        assert_eq!(reopened.account(alice.address, At::Head).unwrap().nonce, nonce + 1);
        assert_eq!(reopened.unwritten(), 0, "what was replayed is written");
    }
}
