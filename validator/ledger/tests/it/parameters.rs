//! Votes move a running network: every ledger that has the chain reads the same rules off it, whenever it was opened.

use crate::network::{Network, seal_by};
use alloy_primitives::{B256, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolValue};
use chain::{
    governance::{GOVERNANCE, Governance, Kind},
    hash,
};
use ledger::{At, Block, BuildAttributes, Built, Ledger, LedgerError, Parameters, Recovered, ScheduledFork};
use std::collections::VecDeque;
use tempfile::tempdir;

/// A proposal of the only member, carried out at once.
fn vote(nonce: u64, kind: Kind, subject: B256, values: Bytes) -> Recovered {
    let call = Governance::proposeCall { kind, subject, values, memo: String::new() };
    Network::admin().transaction(nonce, TxKind::Call(GOVERNANCE), 0, &call.abi_encode(), 2_000_000)
}

fn parameters(nonce: u64, words: [u64; 6]) -> Recovered {
    let values = words.map(U256::from).abi_encode();
    vote(nonce, Kind::SetParameters, B256::ZERO, values.into())
}

fn fork(nonce: u64, name: &str, block: u64) -> Recovered {
    let name = B256::right_padding_from(name.as_bytes());
    vote(nonce, Kind::ScheduleHardfork, name, U256::from(block).abi_encode().into())
}

/// As a proposer builds: when the block is due, towards the voted gas limit.
fn build(network: &Network, ledger: &Ledger, transactions: Vec<Recovered>) -> Result<Built, LedgerError> {
    let parameters = ledger.parameters()?;
    let attributes = BuildAttributes {
        timestamp: ledger.head().header.timestamp + parameters.block_period_s,
        gas_limit_target: parameters.gas_limit_target,
        ..network.attributes(ledger, 0)
    };
    let mut transactions = transactions.into_iter();
    ledger.build(&attributes, || transactions.next(), || false)
}

fn next(network: &Network, ledger: &Ledger, transactions: Vec<Recovered>) {
    let built = build(network, ledger, transactions).unwrap();
    assert_eq!(built.skipped, vec![]);
    let keys: Vec<_> = network.validators.iter().take(3).collect();
    let committed = ledger.commit(seal_by(&built.block, 0, &keys)).unwrap();
    assert!(committed.receipts.iter().all(alloy_consensus::TxReceipt::status), "a vote is refused");
}

fn rules(ledger: &Ledger) -> (u64, u64, u64) {
    let Parameters { block_period_s, request_timeout_ms, gas_limit_target, .. } =
        ledger.parameters().unwrap();
    (block_period_s, request_timeout_ms, gas_limit_target)
}

#[test]
fn a_voted_period_timeout_and_gas_limit_hold_from_their_block_on() {
    let (network, dir) = (Network::governed_plainly(), tempdir().unwrap());
    let mut ledger = network.open(dir.path());
    let mut read = Vec::new();
    for number in 1..=45 {
        read.push(rules(&ledger));
        let votes = if number == 1 { vec![parameters(0, [3, 2000, 31_000_000, 0, 0, 4])] } else { vec![] };
        next(&network, &ledger, votes);
        if number % 3 == 0 {
            // A node that restarts here reads the same.
            let before = rules(&ledger);
            drop(ledger);
            ledger = network.open(dir.path());
            assert_eq!(rules(&ledger), before, "after block {number}");
        }
    }
    let (old, new) = ((2, 1500, 30_000_000), (3, 2000, 31_000_000));
    assert_eq!(read, [vec![old; 3], vec![new; 42]].concat());
    let headers: Vec<_> = (0..=45).map(|n| ledger.header(At::Number(n)).unwrap().unwrap()).collect();
    for pair in headers.windows(2) {
        let (parent, header) = (&pair[0], &pair[1]);
        let period = if header.number < 4 { 2 } else { 3 };
        assert_eq!(header.timestamp - parent.timestamp, period, "block {}", header.number);
        assert!(header.gas_limit - parent.gas_limit < parent.gas_limit / 1024, "block {}", header.number);
        let walks = header.number >= 4 && parent.gas_limit < 31_000_000;
        assert_eq!(header.gas_limit > parent.gas_limit, walks, "block {}", header.number);
    }
    assert_eq!(headers[45].gas_limit, 31_000_000);
    let early =
        BuildAttributes { timestamp: ledger.head().header.timestamp + 2, ..network.attributes(&ledger, 0) };
    let refused = ledger.build(&early, || None, || false).unwrap_err();
    assert!(matches!(refused, LedgerError::Attributes(_)), "{refused}");
}

#[test]
fn a_late_joiner_that_fetches_segments_over_a_change_ends_on_the_same_rules() {
    let (network, dir) = (Network::governed_plainly(), tempdir().unwrap());
    let ledger = network.open(dir.path());
    for number in 1..=24 {
        let votes = match number {
            2 => vec![parameters(0, [1, 0, 29_000_000, 0, 0, 9])],
            12 => vec![parameters(1, [4, 900, 0, 0, 0, 0]), parameters(2, [0, 0, 30_500_000, 0, 0, 20])],
            _ => vec![],
        };
        next(&network, &ledger, votes);
    }
    assert_eq!(rules(&ledger), (4, 900, 30_500_000));
    let blocks: Vec<Block> = (1..=24).map(|n| ledger.block(At::Number(n)).unwrap().unwrap()).collect();
    for size in [1, 5, 24] {
        let dir = tempdir().unwrap();
        let joiner = network.open(dir.path());
        for part in blocks.chunks(size) {
            let hashed = part.iter().map(|block| (hash::block_hash(&block.header).unwrap(), block.clone()));
            let mut waiting = VecDeque::from(joiner.prepare(hashed.collect()).unwrap());
            while !waiting.is_empty() {
                assert!(joiner.commit_segment(&mut waiting).refused.is_none(), "in parts of {size}");
            }
        }
        assert_eq!(joiner.head().hash, ledger.head().hash, "in parts of {size}");
        assert_eq!(rules(&joiner), rules(&ledger), "in parts of {size}");
        build(&network, &ledger, vec![]).map(|built| joiner.validate(&built.block).unwrap()).unwrap();
    }
}

#[test]
fn an_unknown_fork_is_told_when_it_is_scheduled_and_stops_the_chain_at_its_block() {
    let (network, dir) = (Network::governed_plainly(), tempdir().unwrap());
    let ledger = network.open(dir.path());
    next(&network, &ledger, vec![fork(0, "osaka", 105), fork(1, "amsterdam", 101)]);
    let told = |block| Some(ScheduledFork { name: "amsterdam".to_string(), block });
    assert_eq!(ledger.unknown_fork().unwrap(), told(101), "of osaka nothing is said: it is known");
    // A later vote moves it, as long as it is not in force.
    next(&network, &ledger, vec![fork(2, "amsterdam", 110)]);
    assert_eq!(ledger.unknown_fork().unwrap(), told(110));
    while ledger.head().number < 109 {
        assert_eq!(ledger.unknown_fork().unwrap(), told(110));
        next(&network, &ledger, vec![]);
    }
    drop(ledger);
    let ledger = network.open(dir.path());
    for error in [ledger.parameters().unwrap_err(), build(&network, &ledger, vec![]).unwrap_err()] {
        assert!(
            matches!(error, LedgerError::UnknownHardfork { ref name, block: 110 } if name == "amsterdam"),
            "{error}"
        );
    }
    assert_eq!(ledger.head().number, 109);
}
