//! `ots_*`: Otterscan's own description of them, level 8 (<https://docs.otterscan.io/api-docs/ots-api>).

use super::{NOWHERE, quantity, shown};
use crate::network::{
    chain::{COURIER, Network, PAYEE, maker, word},
    plan::SPEAKER,
    script::Scripts,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde_json::{Value, json};
use validator::rpc::format::{RpcBlock, RpcReceipt};

const MISSING: &str = "transaction not found";

pub(super) fn write(network: &Network, scripts: &mut Scripts) {
    scripts.gives("ots_getApiLevel/level", "what the explorer checks first", json!([]), json!(8));
    code(network, scripts);
    details(network, scripts);
    pages(network, scripts);
    traces(network, scripts);
    errors(network, scripts);
    origins(network, scripts);
    searches(network, scripts);
}

/// What the maker makes.
fn made(network: &Network) -> Address {
    maker(network).create(1)
}

fn code(network: &Network, scripts: &mut Scripts) {
    for (name, address, block, has) in [
        ("contract", network.speaker(), "latest", true),
        ("before-it-was-made", network.speaker(), "0x0", false),
        ("from-its-block-on", network.speaker(), "0x1", true),
        ("made-by-a-contract", made(network), "0x5", true),
        ("of-the-genesis", COURIER, "0x0", true),
        ("that-said-farewell", COURIER, "latest", true),
        ("account", PAYEE, "latest", false),
    ] {
        let remark = "whether there is code at the address after that block (EIP-6780 leaves it to those that destroy themselves later)";
        scripts.gives(&format!("ots_hasCode/{name}"), remark, json!([address, block]), json!(has));
    }
    let remark = "no state after a block that is not there";
    scripts.fails("ots_hasCode/unknown-block", remark, json!([PAYEE, NOWHERE]), -32000, "header not found");
}

/// A block as `eth_getBlockByNumber` gives it, without what the explorer does not want of it.
fn block(network: &Network, number: usize, whole: bool) -> Value {
    let committed = network.at(number);
    // Every block counts for 1, block 0 too.
    let difficulty = Some(U256::from(number + 1));
    let senders = whole.then_some(committed.senders.as_slice());
    let mut block = shown(RpcBlock::new(&committed.block, committed.hash, difficulty, senders));
    block["logsBloom"] = json!(null);
    block["transactionCount"] = json!(committed.block.body.transactions.len());
    block
}

/// Receipts of a block with its time.
fn receipts(network: &Network, number: usize) -> Vec<Value> {
    let block = network.at(number);
    let receipts = RpcReceipt::of_block(&block.block, block.hash, &block.senders, &block.receipts, None);
    let timed = |receipt| {
        let mut receipt = shown(receipt);
        receipt["timestamp"] = json!(quantity(block.block.header.timestamp));
        receipt
    };
    receipts.into_iter().map(timed).collect()
}

fn details(network: &Network, scripts: &mut Scripts) {
    let (by_number, by_hash) = ("ots_getBlockDetails", "ots_getBlockDetailsByHash");
    let details = |number: usize, fees: u64| {
        let mut block = block(network, number, false);
        block.as_object_mut().unwrap().remove("transactions");
        json!({
            "block": block, "totalFees": quantity(fees),
            "issuance": {"blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0"},
        })
    };
    let mut gives = |path: &str, remark: &str, block: Value, result: Value| {
        scripts.gives(path, remark, json!([block]), result);
    };
    let paid = details(2, 3 * 21_000);
    let remark = "no list of transactions but their count, no bloom; fees: one paid 3 for each of its 21,000 units, one nothing";
    gives(&format!("{by_number}/fees"), remark, json!(2), paid.clone());
    gives(&format!("{by_number}/by-quantity"), "named as everywhere else", json!("0x2"), paid.clone());
    gives(&format!("{by_hash}/fees"), "the same by hash", json!(network.hash(2)), paid);
    let tip = 2 * network.at(9).block.header.gas_used;
    let remark = "a price of at most 5 with 2 for the proposer is 2 where the base fee is 0";
    gives(&format!("{by_number}/tip"), remark, json!(9), details(9, tip));
    gives(&format!("{by_number}/empty"), "nobody paid", json!(8), details(8, 0));
    gives(&format!("{by_number}/unknown"), "null for a block that is not there", json!(1000), json!(null));
    let nowhere = json!(B256::repeat_byte(1));
    gives(&format!("{by_hash}/unknown"), "null for a block that is not there", nowhere, json!(null));
}

fn pages(network: &Network, scripts: &mut Scripts) {
    let method = "ots_getBlockTransactions";
    let page = |number: usize, range: std::ops::Range<usize>| {
        let mut block = block(network, number, true);
        let rows = block["transactions"].as_array().unwrap()[range.clone()].to_vec();
        block["transactions"] = rows.into_iter().map(short).collect();
        let receipts = receipts(network, number)[range].to_vec().into_iter().map(|mut receipt| {
            (receipt["logs"], receipt["logsBloom"]) = (json!(null), json!(null));
            receipt
        });
        json!({"fullblock": block, "receipts": receipts.collect::<Vec<_>>()})
    };
    let mut gives = |name: &str, remark: &str, params: Value, result: Value| {
        scripts.gives(&format!("{method}/{name}"), remark, params, result);
    };
    let remark = "the last two of three: pages begin at the end of the block; of inputs the selector, of receipts no logs";
    gives("first-page", remark, json!([6, 0, 2]), page(6, 1..3));
    gives("last-page", "what is left", json!([6, 1, 2]), page(6, 0..1));
    gives("after-the-last-page", "a block without rows", json!([6, 2, 2]), page(6, 0..0));
    gives("whole", "a page that is longer than the block", json!([2, 0, 25]), page(2, 0..2));
    gives("unknown", "null for a block that is not there", json!([1000, 0, 25]), json!(null));
    let message = "101 transactions a page, at most 100";
    scripts.fails(
        &format!("{method}/too-many"),
        "a page has 100 at most",
        json!([6, 0, 101]),
        -32005,
        message,
    );
}

/// `0x` and four bytes.
fn short(mut tx: Value) -> Value {
    let input: String = tx["input"].as_str().unwrap().chars().take(10).collect();
    tx["input"] = json!(input);
    tx
}

fn refusal() -> Bytes {
    let words = [word(32), word(4)].concat();
    [&hex!("08c379a0")[..], &words, b"nope", &[0; 28]].concat().into()
}

fn traces(network: &Network, scripts: &mut Scripts) {
    let method = "ots_traceTransaction";
    let (user, speaker) = (network.user.address, network.speaker());
    let step =
        |kind: &str, depth: u64, ends: (Address, Address), value: Option<u64>, data: (&[u8], &[u8])| {
            json!({
                "type": kind, "depth": depth, "from": ends.0, "to": ends.1, "value": value.map(quantity),
                "input": hex::encode_prefixed(data.0), "output": hex::encode_prefixed(data.1),
            })
        };
    let get = hex!("6d4ce63c");
    let none: (&[u8], &[u8]) = (&[], &[]);
    let mut gives = |name: &str, remark: &str, tx: B256, result: Value| {
        scripts.gives(&format!("{method}/{name}"), remark, json!([tx]), result);
    };
    let carried = json!([
        step("CALL", 0, (user, COURIER), Some(10), none),
        step("CALL", 1, (COURIER, PAYEE), Some(3), none),
        step("STATICCALL", 1, (COURIER, speaker), None, (&get, &word(7))),
        step("DELEGATECALL", 1, (COURIER, speaker), None, (&get, &word(0))),
        step("SELFDESTRUCT", 1, (COURIER, PAYEE), Some(7), none),
    ]);
    let remark = "outer calls before inner ones; kinds of calls that carry no value have none; a delegate reads its caller's state";
    gives("calls", remark, network.tx(7, 0), carried);
    let init = hex!("60015ff3");
    let created = json!([
        step("CALL", 0, (user, maker(network)), Some(9), none),
        step("CREATE", 1, (maker(network), made(network)), Some(9), (&init, &[0])),
    ]);
    gives("creation", "input is what ran, output the code that it left", network.tx(5, 0), created);
    let deployed = json!([step("CREATE", 0, (user, speaker), Some(0), (SPEAKER, &SPEAKER[9..]))]);
    gives("deployment", "a transaction that creates", network.tx(1, 0), deployed);
    let failed = json!([step("CALL", 0, (user, speaker), Some(0), (&hex!("deadbeef"), &refusal()))]);
    gives("revert", "output is what it reverted with", network.tx(6, 0), failed);
    let unknown = json!([B256::repeat_byte(1)]);
    scripts.fails(
        &format!("{method}/unknown"),
        "nothing can be said of a transaction that is not in the chain",
        unknown,
        -32000,
        MISSING,
    );
}

fn errors(network: &Network, scripts: &mut Scripts) {
    let (operations, error) = ("ots_getInternalOperations", "ots_getTransactionError");
    let operation = |kind: u8, from: Address, to: Address, value: u64| json!({"type": kind, "from": from, "to": to, "value": quantity(value)});
    let moved = json!([operation(0, COURIER, PAYEE, 3), operation(1, COURIER, PAYEE, 7)]);
    let created = json!([operation(2, maker(network), made(network), 9)]);
    for (method, name, remark, tx, result) in [
        (
            operations,
            "transfer-and-farewell",
            "0 is a transfer, 1 a self-destruction",
            network.tx(7, 0),
            moved,
        ),
        (operations, "creation", "2 is CREATE, with what it was given", network.tx(5, 0), created),
        (
            operations,
            "payment",
            "what the transaction itself moves is not inside it",
            network.tx(2, 1),
            json!([]),
        ),
        (operations, "deployment", "nor is what it creates itself", network.tx(1, 0), json!([])),
        (operations, "revert", "what failed moved nothing", network.tx(6, 0), json!([])),
        (
            error,
            "revert",
            "what it reverted with, to be decoded: Error(\"nope\")",
            network.tx(6, 0),
            json!(refusal()),
        ),
        (error, "success", "0x for one that succeeded", network.tx(6, 1), json!("0x")),
    ] {
        scripts.gives(&format!("{method}/{name}"), remark, json!([tx]), result);
    }
    for method in [operations, error] {
        let unknown = json!([B256::repeat_byte(1)]);
        scripts.fails(
            &format!("{method}/unknown"),
            "nothing can be said of a transaction that is not in the chain",
            unknown,
            -32000,
            MISSING,
        );
    }
}

fn origins(network: &Network, scripts: &mut Scripts) {
    let user = network.user.address;
    for (name, remark, params, result) in [
        ("payment", "the hash alone", json!([user, 2]), json!(network.tx(2, 1))),
        ("failed", "one that failed used its nonce up", json!([user, 5]), json!(network.tx(6, 0))),
        ("not-yet", "null for a nonce that comes next", json!([user, 10]), json!(null)),
        ("nobody", "null for an address that never sent", json!([PAYEE, 0]), json!(null)),
    ] {
        scripts.gives(&format!("ots_getTransactionBySenderAndNonce/{name}"), remark, params, result);
    }
    let creator = |hash: B256, creator: Address| json!({"hash": hash, "creator": creator});
    for (name, remark, address, result) in [
        ("deployed", "who sent the transaction", network.speaker(), creator(network.tx(1, 0), user)),
        ("made", "the contract that made it", made(network), creator(network.tx(5, 0), maker(network))),
        ("of-the-genesis", "null: no transaction made it", COURIER, json!(null)),
        ("account", "null: not a contract", PAYEE, json!(null)),
    ] {
        scripts.gives(&format!("ots_getContractCreator/{name}"), remark, json!([address]), result);
    }
}

fn searches(network: &Network, scripts: &mut Scripts) {
    let (before, after) = ("ots_searchTransactionsBefore", "ots_searchTransactionsAfter");
    let speaker = network.speaker();
    let found = |places: &[(usize, usize)], first: bool, last: bool| {
        let tx =
            |(number, index): &(usize, usize)| block(network, *number, true)["transactions"][*index].take();
        let receipt = |(number, index): &(usize, usize)| receipts(network, *number)[*index].clone();
        json!({
            "txs": places.iter().map(tx).collect::<Vec<_>>(),
            "receipts": places.iter().map(receipt).collect::<Vec<_>>(),
            "firstPage": first, "lastPage": last,
        })
    };
    // The payee was paid in block 2, and by the courier in block 7.
    for (method, name, remark, params, result) in [
        (
            before,
            "newest",
            "from the head back: a call inside a transaction counts",
            json!([PAYEE, 0, 1]),
            found(&[(7, 0)], true, false),
        ),
        (
            before,
            "older",
            "before block 7, which is not in it",
            json!([PAYEE, 7, 1]),
            found(&[(2, 1)], false, true),
        ),
        (before, "all", "the newest first", json!([PAYEE, 0, 25]), found(&[(7, 0), (2, 1)], true, true)),
        (after, "oldest", "from block 0 on", json!([PAYEE, 0, 1]), found(&[(2, 1)], false, true)),
        (
            after,
            "newer",
            "after block 2, which is not in it",
            json!([PAYEE, 2, 1]),
            found(&[(7, 0)], true, false),
        ),
        (
            after,
            "all",
            "the newest first all the same",
            json!([PAYEE, 0, 25]),
            found(&[(7, 0), (2, 1)], true, true),
        ),
        (
            before,
            "page",
            "who is asked without being paid is touched too",
            json!([speaker, 0, 2]),
            found(&[(9, 0), (7, 0)], true, false),
        ),
        (
            before,
            "whole-block",
            "a page of 2 has all three of the block that it ends in",
            json!([speaker, 7, 2]),
            found(&[(6, 2), (6, 1), (6, 0)], false, false),
        ),
        (
            before,
            "creation",
            "the last page ends with what made the contract",
            json!([speaker, 6, 2]),
            found(&[(2, 0), (1, 0)], false, true),
        ),
        (
            before,
            "nobody",
            "an address that nothing touched",
            json!([
                B256::repeat_byte(5)[..20]
                    .iter()
                    .fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}")),
                0,
                25
            ]),
            found(&[], true, true),
        ),
    ] {
        scripts.gives(&format!("{method}/{name}"), remark, params, result);
    }
    for method in [before, after] {
        let message = "101 transactions a page, at most 100";
        let params = json!([PAYEE, 0, 101]);
        scripts.fails(&format!("{method}/too-many"), "a page has 100 at most", params, -32005, message);
    }
    scripts
        .file(&format!("{before}/as-the-chain-grows"), "a block is found as soon as it is there")
        .next_block("two calls")
        .gives(before, json!([speaker, 0, 1]), found(&[(11, 1), (11, 0)], true, false));
}
