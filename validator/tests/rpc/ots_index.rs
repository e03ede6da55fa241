//! The index from addresses to transactions, against what `debug_traceTransaction` says of every transaction.

use crate::{
    chain_of_one::{Chain, Key, genesis},
    http::{call, error},
};
use alloy_primitives::{Address, B256, TxKind, hex};
use ledger::Options;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::Arc,
};
use validator::{ots_index::OtsIndex, rpc::RpcLimits};

/// Its runtime creates an empty contract, by code that does nothing, and sends it what it was sent.
const FACTORY: &[u8] = &hex!("6006600c60003960066000f3" "60015f34f000");
/// Its runtime calls the address in its input, by delegation, then by itself, and reverts if the input is longer than a word.
const CALLER: &[u8] =
    &hex!("6020600c60003960206000f3" "5f5f5f5f5f355af4505f5f5f5f5f5f355af1506020361115601e575f5ffd5b00");

type Touches = BTreeMap<Address, BTreeSet<(u64, u64)>>;

/// Blocks with transfers, contracts made by transactions and by contracts, delegate calls and calls that revert.
async fn lively(chain: &Chain) -> Vec<B256> {
    let (user, other) = (Key::new("user"), Key::new("other"));
    let (factory, caller) = (user.address.create(0), user.address.create(1));
    let mut sent = vec![
        chain.submit(user.dynamic(0, TxKind::Create, FACTORY)).await,
        chain.submit(user.dynamic(1, TxKind::Create, CALLER)).await,
    ];
    chain.next();
    chain.next();
    for round in 0..6_u64 {
        let word = factory.into_word();
        let inputs = [vec![], word.to_vec(), [word.to_vec(), vec![1]].concat()];
        for (at, input) in inputs.into_iter().enumerate() {
            let (to, nonce) = (if at == 0 { factory } else { caller }, 2 + round * 3 + at as u64);
            sent.push(chain.submit(user.dynamic(nonce, TxKind::Call(to), input)).await);
        }
        chain.next();
        // A block of transfers only, which the index does not run again.
        sent.push(chain.submit(other.dynamic(round, TxKind::Call(user.address), vec![])).await);
        chain.next();
    }
    sent
}

/// Who appears in the frames of a trace.
fn frames(frame: &Value, found: &mut BTreeSet<Address>) {
    for side in ["from", "to"] {
        found.extend(
            frame.get(side).map(|address| serde_json::from_value::<Address>(address.clone()).unwrap()),
        );
    }
    for inner in frame["calls"].as_array().into_iter().flatten() {
        frames(inner, found);
    }
}

/// What traces of every transaction say.
async fn traced(at: SocketAddr, transactions: &[B256]) -> Touches {
    let mut touches = Touches::new();
    for hash in transactions {
        let receipt = call(at, "eth_getTransactionReceipt", json!([hash])).await;
        let trace = call(at, "debug_traceTransaction", json!([hash, {"tracer": "callTracer"}])).await;
        let mut found = BTreeSet::new();
        frames(&trace, &mut found);
        let place = (quantity(&receipt["blockNumber"]), quantity(&receipt["transactionIndex"]));
        for address in found {
            touches.entry(address).or_default().insert(place);
        }
    }
    touches
}

fn quantity(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn indexed(index: &OtsIndex, addresses: impl Iterator<Item = Address>) -> Touches {
    let all = |address| {
        let page = index.before(address, u64::MAX, usize::MAX).unwrap();
        (address, page.found.iter().map(|place| (place.block, u64::from(place.index))).collect())
    };
    addresses.map(all).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_turned_on_later_finds_every_transaction_that_a_trace_finds() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(&dir.path().join("chain"));
    let mut sent = lively(&chain).await;
    let indexing = chain.index(&dir.path().join("ots.redb"));
    // And goes on with blocks as they come.
    let user = Key::new("user");
    sent.push(chain.submit(user.dynamic(20, TxKind::Call(user.address.create(0)), vec![])).await);
    let last = chain.next().block.header.number;
    let index = Arc::clone(chain.ots.as_ref().unwrap());
    assert!(index.wait_for(last, std::time::Duration::from_mins(1)));
    let server = chain.serve_with(RpcLimits::default(), &["ots", "eth", "debug"]).await;
    let want = traced(server.local_addr(), &sent).await;
    assert!(want.len() > 10, "{}", want.len());
    assert_eq!(indexed(&index, want.keys().copied()), want);
    assert_eq!(index.calls_from().unwrap(), 0, "all of it was run again");
    let at = server.local_addr();
    // Made inside of a transaction, by code that leaves none: known to the index, but no contract to the explorer.
    let factory = user.address.create(0);
    assert_eq!(index.made(factory.create(1)).unwrap().map(|(_, creator)| creator), Some(factory));
    let creator = async |of: Address| call(at, "ots_getContractCreator", json!([of])).await;
    assert_eq!(creator(factory.create(1)).await, json!(null));
    assert_eq!(creator(factory).await, json!({"hash": sent[0], "creator": user.address}));
    let by_nonce = call(at, "ots_getTransactionBySenderAndNonce", json!([user.address, 1])).await;
    assert_eq!(by_nonce, json!(sent[1]));
    server.stop().await;
    indexing.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_whole_blocks_and_meet_in_both_directions() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(&dir.path().join("chain"));
    let sent = lively(&chain).await;
    let indexing = chain.index(&dir.path().join("ots.redb"));
    let server = chain.serve_with(RpcLimits::default(), &["ots", "eth"]).await;
    let (at, user) = (server.local_addr(), Key::new("user").address);
    let page = async |direction: &str, block: u64| {
        call(at, &format!("ots_searchTransactions{direction}"), json!([user, block, 2])).await
    };
    let hashes = |page: &Value| -> Vec<B256> {
        let (txs, receipts) = (page["txs"].as_array().unwrap(), page["receipts"].as_array().unwrap());
        assert_eq!(txs.len(), receipts.len());
        for (tx, receipt) in txs.iter().zip(receipts) {
            assert_eq!(tx["hash"], receipt["transactionHash"]);
            assert_eq!(tx["blockTimestamp"], receipt["timestamp"]);
        }
        txs.iter().map(|tx| serde_json::from_value(tx["hash"].clone()).unwrap()).collect()
    };
    let newest = page("Before", 0).await;
    assert_eq!((&newest["firstPage"], &newest["lastPage"]), (&json!(true), &json!(false)));
    // One transfer, then a block of three that is not cut.
    assert_eq!(hashes(&newest), sent[sent.len() - 4..].iter().rev().copied().collect::<Vec<_>>());
    let (mut down, mut block) = (Vec::new(), 0);
    loop {
        let next = page("Before", block).await;
        assert_eq!(next["firstPage"], json!(block == 0));
        down.extend(hashes(&next));
        block = quantity(&next["txs"].as_array().unwrap().last().unwrap()["blockNumber"]);
        if next["lastPage"] == true {
            break;
        }
    }
    assert_eq!(down, sent.iter().rev().copied().collect::<Vec<_>>(), "the sender is in all of them");
    let (mut up, mut block) = (Vec::new(), 0);
    loop {
        let next = page("After", block).await;
        assert_eq!(next["lastPage"], json!(block == 0));
        up.splice(0..0, hashes(&next));
        block = quantity(&next["txs"][0]["blockNumber"]);
        if next["firstPage"] == true {
            break;
        }
    }
    assert_eq!(up, down);
    let nobody = call(at, "ots_searchTransactionsBefore", json!([Address::repeat_byte(0xee), 0, 25])).await;
    assert_eq!(nobody, json!({"txs": [], "receipts": [], "firstPage": true, "lastPage": true}));
    let refused = error(at, "ots_searchTransactionsAfter", json!([user, 0, 101])).await;
    assert_eq!(refused, (-32005, "101 transactions a page, at most 100".into()));
    server.stop().await;
    indexing.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_refused_while_the_index_is_far_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(&dir.path().join("chain"));
    for _ in 0..16 {
        chain.next();
    }
    let genesis = chain.ledger.genesis().hash;
    chain.ots = Some(Arc::new(OtsIndex::open(&dir.path().join("ots.redb"), genesis).unwrap()));
    let server = chain.serve_with(RpcLimits::default(), &["ots"]).await;
    assert_eq!(
        error(server.local_addr(), "ots_searchTransactionsBefore", json!([Address::ZERO, 0, 25])).await,
        (
            -32000,
            "index from addresses to transactions is being built: 0 of 17 blocks, ask again later".into()
        )
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_goes_on_where_a_kill_left_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let mut chain = Chain::open(&file("chain"));
    lively(&chain).await;
    chain.index(&file("killed.redb"));
    let user = Key::new("user");
    // Blocks at the head are made durable now and then only: these are lost with the process.
    for nonce in 20..25 {
        chain.submit(user.dynamic(nonce, TxKind::Call(user.address.create(0)), vec![])).await;
        let number = chain.next().block.header.number;
        assert!(chain.ots.as_ref().unwrap().wait_for(number, std::time::Duration::from_mins(1)));
    }
    // As kill −9 leaves it: nothing is closed.
    std::fs::copy(file("killed.redb"), file("left.redb")).unwrap();
    let genesis = chain.ledger.genesis().hash;
    let reached = OtsIndex::open(&file("left.redb"), genesis).unwrap().next();
    let head = chain.ledger.head().number;
    assert!(reached <= head && reached > 0, "reached {reached} of {head}: some was lost, not all");
    let rows = |index: &OtsIndex| {
        let all = |address| index.after(address, None, usize::MAX).unwrap();
        let made: Vec<_> =
            (1..12).map(|nonce| index.made(user.address.create(0).create(nonce)).unwrap()).collect();
        let sent: Vec<_> = (0..25).map(|nonce| index.sent(user.address, nonce).unwrap().unwrap()).collect();
        (index.rows().unwrap(), all(user.address), all(user.address.create(0)), made, sent)
    };
    chain.index(&file("left.redb")).end();
    let resumed = rows(chain.ots.as_ref().unwrap());
    chain.index(&file("whole.redb")).end();
    assert_eq!(resumed, rows(chain.ots.as_ref().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_whose_state_is_pruned_are_indexed_by_what_they_show() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { history_blocks: 3, ..Options::default() };
    let mut chain = Chain::open_with(&dir.path().join("chain"), options);
    lively(&chain).await;
    let oldest = chain.ledger.oldest_state().unwrap();
    chain.index(&dir.path().join("ots.redb")).end();
    let (index, user) = (chain.ots.clone().unwrap(), Key::new("user").address);
    let factory = user.create(0);
    assert_eq!(
        index.before(user, u64::MAX, usize::MAX).unwrap().found.len(),
        26,
        "senders and recipients are all there"
    );
    assert!(index.made(factory).unwrap().is_some(), "made by a transaction");
    assert!(index.made(factory.create(1)).unwrap().is_none(), "made by a contract, before what is kept");
    assert!(index.made(factory.create(12)).unwrap().is_some(), "made by a contract, after");
    assert!((oldest..=oldest + 1).contains(&index.calls_from().unwrap()), "and it says from where on");
}

#[test]
fn an_index_of_another_chain_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file: &Path = &dir.path().join("ots.redb");
    let (_, _, genesis) = genesis();
    drop(OtsIndex::open(file, B256::repeat_byte(7)).unwrap());
    let error = OtsIndex::open(file, genesis.hash).err().unwrap().to_string();
    let want = format!(
        "index of addresses belongs to the chain of genesis {}, this one's is {}; delete ots.redb",
        B256::repeat_byte(7),
        genesis.hash
    );
    assert_eq!(error, want);
    drop(OtsIndex::open(file, B256::repeat_byte(7)).unwrap());
}
