use crate::network::{COUNTER, GAS_LIMIT, Key, Network, REVERTER};
use alloy_primitives::{Address, B256, TxKind, U256};
use ledger::{At, CallError, LogFilter, SkipReason};
use std::cell::Cell;

#[test]
fn a_new_ledger_stands_at_block_0_with_the_genesis_state() {
    for network in [Network::by_headers(), Network::by_contract()] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = network.open(dir.path());
        assert_eq!(ledger.head().number, 0);
        assert_eq!(ledger.head().hash, network.genesis.hash);
        assert_eq!(*ledger.head().header, network.genesis.header);
        let user = ledger.account(network.users[0].address, At::Head).unwrap();
        assert_eq!((user.nonce, user.balance), (0, U256::from(1_000_000_000_u64)));
    }
}

#[test]
fn a_block_built_on_one_ledger_is_valid_and_commits_alike_on_another() {
    let network = Network::by_contract();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (proposer, follower) = (network.open(here.path()), network.open(there.path()));
    let [alice, bob] = [&network.users[0], &network.users[1]];
    let counter = alice.address.create(1);
    let blocks = [
        vec![alice.transfer(0, bob.address, 5), alice.deploy(1, &COUNTER), bob.transfer(0, alice.address, 1)],
        vec![bob.call(1, counter, &[]), alice.call(2, counter, &[]), bob.deploy(2, &REVERTER)],
        vec![],
        vec![alice.call(3, bob.address.create(2), &[])],
    ];
    for transactions in blocks {
        let count = transactions.len();
        let built = network.build(&proposer, transactions);
        assert_eq!((built.skipped.len(), built.block.body.transactions.len()), (0, count));
        follower.validate(&built.block).unwrap();
        let sealed = network.seal(&built.block, 0, 3);
        let (ours, theirs) = (proposer.commit(sealed.clone()).unwrap(), follower.commit(sealed).unwrap());
        assert_eq!(ours.hash, theirs.hash);
        assert_eq!(ours.receipts, theirs.receipts);
        assert_eq!(ours.senders, theirs.senders);
        assert_eq!(proposer.head().hash, follower.head().hash);
    }
    assert_eq!(follower.head().number, 4);
    assert_eq!(follower.storage(counter, U256::ZERO, At::Head).unwrap(), U256::from(2));
    assert_eq!(follower.code(counter, At::Head).unwrap().as_ref(), COUNTER);
    let reverted = &follower.receipts(At::Head).unwrap().unwrap()[0];
    assert!(!reverted.status());
}

#[test]
fn a_block_re_proposed_in_a_later_round_is_the_same_block() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let built = network.build(&ledger, vec![network.users[0].transfer(0, Address::ZERO, 1)]);
    let committed = ledger.commit(network.seal(&built.block, 3, 4)).unwrap();
    assert_eq!(committed.hash, built.hash);
    let stored = ledger.block(At::Number(1)).unwrap().unwrap();
    assert_eq!(stored, committed.block, "seals and round are kept verbatim");
}

#[test]
fn what_was_committed_is_found_by_number_hash_and_transaction() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let [alice, bob] = [&network.users[0], &network.users[1]];
    let counter = alice.address.create(0);
    network.next(&ledger, vec![alice.deploy(0, &COUNTER)]);
    let call = bob.call(1, counter, &[]);
    let block = network.next(&ledger, vec![bob.transfer(0, alice.address, 1), call.clone()]);
    network.next(&ledger, vec![]);

    let found = ledger.transaction(call.hash).unwrap().unwrap();
    assert_eq!((found.block_number, found.block_hash, found.index), (2, block.hash, 1));
    assert_eq!((found.sender, found.tx), (bob.address, (*call.tx).clone()));
    assert!(ledger.transaction(B256::repeat_byte(1)).unwrap().is_none());
    assert_eq!(ledger.block(At::Hash(block.hash)).unwrap().unwrap(), block.block);
    assert_eq!(ledger.receipts(At::Number(2)).unwrap().unwrap(), *block.receipts);
    for _ in 0..2 {
        assert_eq!(ledger.stored_receipts(At::Hash(block.hash)).unwrap().unwrap(), block.receipts);
    }
    assert!(ledger.stored_receipts(At::Number(4)).unwrap().is_none());
    assert_eq!(ledger.senders(At::Number(2)).unwrap().unwrap(), *block.senders);
    assert_eq!(ledger.block_hash(At::Number(2)).unwrap(), Some(block.hash));
    assert_eq!(ledger.number(At::Hash(block.hash)).unwrap(), Some(2));
    assert!(ledger.header(At::Number(4)).unwrap().is_none());
    assert_eq!(ledger.total_difficulty(3), U256::from(4));

    let topics = [vec![B256::with_last_byte(0xaa)], vec![], vec![], vec![]];
    let filter = LogFilter { from: 0, to: 100, addresses: vec![counter], topics, least_topics: 0 };
    let logs = ledger.logs(&filter).unwrap();
    assert_eq!(logs.len(), 1);
    assert_eq!((logs[0].block_number, logs[0].transaction_hash), (2, call.hash));
    assert_eq!((logs[0].transaction_index, logs[0].log_index), (1, 0));
    let other = LogFilter { addresses: vec![bob.address], ..filter };
    assert_eq!(ledger.logs(&other).unwrap(), vec![]);
}

#[test]
fn a_log_query_is_asked_for_its_time_before_each_block_and_one_in_parts_goes_on_where_it_was() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let alice = &network.users[0];
    network.next(&ledger, vec![alice.deploy(0, &COUNTER)]);
    for nonce in 1..=4 {
        network.next(&ledger, vec![alice.call(nonce, alice.address.create(0), &[])]);
    }
    let filter = LogFilter { from: 1, to: 5, ..LogFilter::default() };
    let all = ledger.logs(&filter).unwrap();
    assert_eq!(all.iter().map(|entry| entry.block_number).collect::<Vec<_>>(), [2, 3, 4, 5]);
    let looks = Cell::new(0);
    // Time for three blocks.
    let out_of_time = || looks.replace(looks.get() + 1) >= 3;
    assert!(matches!(ledger.logs_with(&filter, &out_of_time), Err(CallError::OutOfTime)));
    assert_eq!(looks.take(), 4, "not asked again once time was up");
    let (first, next) = ledger.logs_from(&filter, 0, &out_of_time).unwrap();
    assert_eq!((first.as_slice(), next), (&all[..2], (4, 0)));
    let rest = LogFilter { from: 4, ..filter.clone() };
    assert_eq!(ledger.logs_from(&rest, 0, &|| false).unwrap(), (all[2..].to_vec(), (6, 0)));
    assert_eq!(
        ledger.logs_from(&rest, 1, &|| false).unwrap(),
        (all[3..].to_vec(), (6, 0)),
        "but for the first log"
    );
    assert!(matches!(ledger.logs_from(&rest, 0, &|| true), Err(CallError::OutOfTime)), "nothing was read");
}

#[test]
fn a_transaction_that_cannot_be_in_the_block_is_skipped_with_the_reason() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let [alice, bob, carol] = [&network.users[0], &network.users[1], &network.users[2]];
    let poor = Key::new("poor");
    let to = TxKind::Call(Address::ZERO);
    let offered = vec![
        alice.transaction(0, to, 0, &[], 16_777_216),
        alice.transfer(0, bob.address, 1),
        alice.transfer(2, bob.address, 1),
        bob.transaction(0, to, 0, &[], 16_777_217),
        poor.transfer(0, bob.address, 1),
        poor.transfer(0, bob.address, 0),
        carol.transaction(0, to, 0, &[], 16_777_216),
        carol.transaction(1, to, 0, &[], 16_777_216),
    ];
    let hashes: Vec<_> = offered.iter().map(|tx| tx.hash).collect();
    let built = network.build(&ledger, offered);
    let skipped: Vec<_> = built.skipped.iter().map(|(hash, _)| *hash).collect();
    assert_eq!(skipped, [1, 2, 3, 4].map(|i| hashes[i]));
    let permanent: Vec<_> = built.skipped.iter().map(|(_, reason)| reason.is_permanent()).collect();
    // A used nonce and a gas limit beyond the cap stay; the poor sender may be funded.
    assert_eq!(permanent, [true, false, true, false]);
    assert_eq!(built.skipped[1].1, SkipReason::NonceGap { got: 2, want: 1 });
    // The two of 16.7 M gas used little, so both fit one after the other.
    assert_eq!(built.block.body.transactions.len(), 4);
    let more = vec![
        alice.transaction(0, to, 0, &vec![0xff; 60_000], 16_000_000),
        bob.transaction(0, to, 0, &vec![0xff; 350_000], 14_500_000),
        carol.transaction(0, to, 0, &[], 16_777_216),
    ];
    let full = network.build(&ledger, more);
    assert!(
        matches!(full.skipped[..], [(_, SkipReason::NoGasLeft { needed: 16_777_216, .. })]),
        "{:?}",
        full.skipped
    );
    assert!(full.block.header.gas_used <= GAS_LIMIT);
    ledger.validate(&full.block).unwrap();
}
