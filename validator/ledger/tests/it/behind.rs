//! State is written behind the blocks: nobody can tell from an answer.

use crate::network::{COUNTER, MORTAL, Network, SETTER};
use alloy_primitives::{Address, B256, U256};
use ledger::{At, CommittedBlock, Ledger, LogFilter};
use std::sync::Arc;

fn words(slot: u64, value: u64) -> Vec<u8> {
    [B256::from(U256::from(slot)), B256::from(U256::from(value))].concat()
}

/// All that can be asked about the blocks so far, as text.
fn answers(ledger: &Ledger, addresses: &[Address], blocks: &[Arc<CommittedBlock>]) -> Vec<String> {
    let head = ledger.head().number;
    let mut answers = vec![format!("{head} {}", ledger.oldest_state().unwrap())];
    for block in blocks {
        let at = At::Number(block.block.header.number);
        answers.push(format!("{:?}", ledger.receipts(at).unwrap().unwrap()));
        assert_eq!(ledger.receipts(at).unwrap().as_ref(), Some(block.receipts.as_ref()));
        assert_eq!(ledger.senders(at).unwrap().as_ref(), Some(block.senders.as_ref()));
        for (hash, index) in block.transaction_hashes.iter().zip(0..) {
            let found = ledger.transaction(*hash).unwrap().unwrap();
            assert_eq!((found.block_number, found.index), (block.block.header.number, index));
        }
        for address in addresses {
            let slots = [1, 2, 3].map(|slot| B256::from(U256::from(slot)));
            answers.push(format!("{:?}", ledger.proof(*address, &slots, at).unwrap()));
            answers.push(format!("{:?}", ledger.code(*address, at).unwrap()));
        }
    }
    let all = LogFilter { to: u64::MAX, ..LogFilter::default() };
    answers.push(format!("{:?}", ledger.logs(&all).unwrap()));
    answers
}

#[test]
fn every_answer_is_the_same_whether_blocks_wait_to_be_written_or_are() {
    // Before Cancun a contract that destroys itself takes its storage with it.
    let network = Network::by_headers().without_timed_forks();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let alice = &network.users[0];
    let [setter, mortal, counter] = [0, 1, 2].map(|nonce| alice.address.create(nonce));
    let addresses =
        [alice.address, setter, mortal, counter, Address::repeat_byte(9), Address::repeat_byte(0x51)];
    let mut nonce = 3;
    let mut call = |to, data: &[u8]| {
        nonce += 1;
        alice.call(nonce - 1, to, data)
    };
    let mut blocks =
        vec![network.next(
            &ledger,
            vec![alice.deploy(0, &SETTER), alice.deploy(1, &MORTAL), alice.deploy(2, &COUNTER)],
        )];
    for round in 0..5 {
        let set = |slot: u64| words(slot, (round * 7 + slot) % 5);
        blocks.push(
            network.next(&ledger, vec![call(setter, &set(1)), call(setter, &set(2)), call(mortal, &set(3))]),
        );
        blocks.push(network.next(&ledger, vec![]));
        let other = if round == 3 { mortal } else { counter };
        blocks.push(network.next(&ledger, vec![call(counter, &[]), call(other, &[])]));
        let waiting = answers(&ledger, &addresses, &blocks);
        ledger.flush().unwrap();
        assert_eq!(ledger.unwritten(), 0);
        assert_eq!(waiting, answers(&ledger, &addresses, &blocks));
    }
    let before = answers(&ledger, &addresses, &blocks);
    drop(ledger);
    let ledger = network.open(dir.path());
    assert_eq!(before, answers(&ledger, &addresses, &blocks), "and after opening it again");
}
