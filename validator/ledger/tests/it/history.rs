use crate::network::{Network, SETTER};
use alloy_primitives::{Address, B256, U256};
use ledger::{At, Ledger, LedgerError, Options};

fn words(slot: u64, value: u64) -> Vec<u8> {
    [B256::from(U256::from(slot)), B256::from(U256::from(value))].concat()
}

#[test]
fn an_old_block_reads_as_it_was() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let alice = &network.users[0];
    let (to, contract) = (Address::repeat_byte(8), alice.address.create(0));
    network.next(&ledger, vec![alice.deploy(0, &SETTER)]);
    network.next(&ledger, vec![alice.call(1, contract, &words(1, 11)), alice.transfer(2, to, 5)]);
    network.next(&ledger, vec![]);
    network.next(&ledger, vec![alice.call(3, contract, &words(1, 0)), alice.transfer(4, to, 5)]);
    network.next(&ledger, vec![alice.call(5, contract, &words(1, 33))]);

    let balance = |block| ledger.account(to, At::Number(block)).unwrap().balance;
    let slot = |block| ledger.storage(contract, U256::from(1), At::Number(block)).unwrap();
    let nonce = |block| ledger.account(alice.address, At::Number(block)).unwrap().nonce;
    assert_eq!([0, 1, 2, 3, 4, 5].map(balance), [0, 0, 5, 5, 10, 10].map(U256::from));
    assert_eq!([0, 1, 2, 3, 4, 5].map(slot), [0, 0, 11, 11, 0, 33].map(U256::from));
    assert_eq!([0, 1, 2, 3, 4, 5].map(nonce), [0, 1, 3, 3, 5, 6]);
    assert!(ledger.code(contract, At::Number(0)).unwrap().is_empty());
    assert_eq!(ledger.code(contract, At::Number(1)).unwrap().as_ref(), SETTER);
    let second = ledger.block_hash(At::Number(2)).unwrap().unwrap();
    assert_eq!(ledger.account(to, At::Hash(second)).unwrap().balance, U256::from(5));
}

#[test]
fn state_older_than_the_history_kept_is_refused_naming_the_oldest() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let options = Options { history_blocks: 3, ..Options::default() };
    let ledger = Ledger::open(dir.path(), network.genesis.clone(), options).unwrap();
    let (alice, to) = (&network.users[0], Address::repeat_byte(8));
    for nonce in 0..8 {
        network.next(&ledger, vec![alice.transfer(nonce, to, 1)]);
    }
    assert_eq!(ledger.oldest_state().unwrap(), 5);
    for block in 5..=8 {
        assert_eq!(ledger.account(to, At::Number(block)).unwrap().balance, U256::from(block));
    }
    let error = ledger.account(to, At::Number(4)).unwrap_err();
    assert!(matches!(error, LedgerError::StatePruned { block: 4, oldest: 5 }), "{error}");
    let error = ledger.account(to, At::Number(9)).unwrap_err();
    assert!(matches!(error, LedgerError::UnknownBlock(_)), "{error}");
}

#[test]
fn a_history_that_is_shortened_is_forgotten_and_one_that_is_lengthened_grows_from_then_on() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let (alice, to) = (&network.users[0], Address::repeat_byte(8));
    let mut nonce = 0;
    // The oldest state, at once and after so many more blocks.
    let mut run = |history_blocks, blocks: u64| {
        let options = Options { history_blocks, ..Options::default() };
        let ledger = Ledger::open(dir.path(), network.genesis.clone(), options).unwrap();
        let first = ledger.oldest_state().unwrap();
        for _ in 0..blocks {
            network.next(&ledger, vec![alice.transfer(nonce, to, 1)]);
            nonce += 1;
        }
        let oldest = ledger.oldest_state().unwrap();
        for block in oldest..=nonce {
            assert_eq!(ledger.account(to, At::Number(block)).unwrap().balance, U256::from(block));
        }
        let pruned = oldest.checked_sub(1).map(|block| ledger.account(to, At::Number(block)));
        assert!(pruned.is_none_or(|read| matches!(read, Err(LedgerError::StatePruned { .. }))));
        (first, oldest)
    };
    assert_eq!(run(0, 8), (0, 0), "everything is kept");
    assert_eq!(run(0, 0), (0, 0), "by whoever opens it so");
    assert_eq!(run(3, 2), (5, 7), "what is older is refused at once");
    assert_eq!(run(6, 2), (7, 7), "what was forgotten does not come back");
    assert_eq!(run(6, 4), (7, 10));
    assert_eq!(run(0, 5), (10, 10), "and from here on everything is kept");
}
