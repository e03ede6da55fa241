//! `quorate_getBlockSummaries`: `docs/json-rpc.md`. Rows are made from the plan and the headers.

use super::{NOWHERE, quantity};
use crate::network::{chain::Network, plan::BLOCKS, script::Scripts};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

const METHOD: &str = "quorate_getBlockSummaries";

pub(super) fn write(network: &Network, scripts: &mut Scripts) {
    let rows = |range: std::ops::Range<usize>, sealers: bool| -> Value {
        range.map(|number| row(network, number, sealers)).collect()
    };
    let mut gives = |name: &str, remark: &str, params: Value, result: Value| {
        scripts.gives(&format!("{METHOD}/{name}"), remark, params, result);
    };
    gives(
        "whole-chain",
        "who proposed, in which round, who sealed in the order of the seals, and what the block holds",
        json!(["0x0", "0xb", true]),
        rows(0..11, true),
    );
    gives("without-sealers", "only how many sealed, unless asked", json!(["0x4", "0x3"]), rows(4..7, false));
    gives("sealers-refused", "false is as good as nothing", json!(["0x4", "0x1", false]), rows(4..5, false));
    gives("latest", "a tag names the first block too", json!(["latest", "0x1", true]), rows(10..11, true));
    gives("earliest", "the oldest block that is here", json!(["earliest", "0x2"]), rows(0..2, false));
    gives("beyond-the-head", "ends at the head", json!(["0x9", "0x64", true]), rows(9..11, true));
    gives("after-the-head", "nothing is there", json!([NOWHERE, "0x5"]), json!([]));
    gives("none", "no blocks were asked for", json!(["0x1", "0x0"]), json!([]));
    scripts
        .file(
            &format!("{METHOD}/as-the-chain-grows"),
            "a dashboard asks from the block after the last one that it has",
        )
        .gives(METHOD, json!(["0xb", "0x10", true]), json!([]))
        .next_block("with two transactions")
        .gives(METHOD, json!(["0xb", "0x10", true]), rows(11..12, true));
    for (name, remark, params, message) in [
        (
            "too-many",
            "1000 at a time",
            json!(["0x0", "0x3e9"]),
            "1001 blocks, at most 1000 at a time; ask for less",
        ),
        (
            "too-many-with-sealers",
            "100 at a time: recovering who sealed takes its time",
            json!(["0x0", "0x65", true]),
            "101 blocks, at most 100 at a time; ask for less",
        ),
    ] {
        scripts.fails(&format!("{METHOD}/{name}"), remark, params, -32005, message);
    }
    let by_hash = "invalid argument 0: a block number or a tag is expected";
    for (name, params, message) in [
        ("by-hash", json!([network.hash(3), "0x1"]), by_hash),
        ("no-count", json!(["0x1"]), "missing value for required argument 1"),
        (
            "not-a-boolean",
            json!(["0x1", "0x1", "yes"]),
            "invalid argument 2: invalid type: string \"yes\", expected a boolean",
        ),
    ] {
        scripts.fails(&format!("{METHOD}/{name}"), "refused with what was expected", params, -32602, message);
    }
    recovery(network, scripts);
}

/// What a network that was never governed, and does not stand, says of recovery records.
fn recovery(network: &Network, scripts: &mut Scripts) {
    let method = "quorate_takeUpRecovery";
    let record = |chain: u64, height: u64| {
        json!([{
            "version": 1, "chainId": chain, "governance": "0x0000000000000000000000000000000000009000", "height": height,
            "parentHash": network.hash(4), "attempt": 1, "seats": [],
        }])
    };
    let decided = "record is for height 5, which is final here: the head is 10; no record can undo that";
    let foreign = "record is for chain 1 and governance contract 0x0000000000000000000000000000000000009000, \
                   this chain is 7474 with 0x0000000000000000000000000000000000009000";
    for (name, remark, params, message) in [
        ("decided", "a height that was decided stays so, whoever signed", record(7474, 5), decided),
        ("of-another-chain", "nothing of it is looked at further", record(1, 11), foreign),
    ] {
        scripts.fails(&format!("{method}/{name}"), remark, params, -32000, message);
    }
    let missing = "missing value for required argument 0";
    scripts.fails(&format!("{method}/no-record"), "the record must be there", json!([]), -32602, missing);
}

fn row(network: &Network, number: usize, with_sealers: bool) -> Value {
    let nobody = (Address::ZERO, 0, Vec::new(), 0);
    let planned = number.checked_sub(1).map_or(nobody, |index| {
        let row = &BLOCKS[index];
        (network.address(row.proposer), row.round, network.keys.addresses(row.sealers), row.deeds.len())
    });
    let (proposer, round, sealers, transactions) = planned;
    let header = match number {
        0 => &network.ledger.genesis().header,
        _ => &network.at(number).block.header,
    };
    let hash: B256 = network.hash(number);
    let mut row = json!({
        "number": quantity(number as u64), "hash": hash, "timestamp": quantity(header.timestamp),
        "proposer": proposer, "round": quantity(round.into()), "seals": quantity(sealers.len() as u64),
        "transactions": quantity(transactions as u64), "gasUsed": quantity(header.gas_used),
        "gasLimit": quantity(header.gas_limit), "baseFeePerGas": "0x0",
    });
    if with_sealers {
        row["sealers"] = json!(sealers);
    }
    row
}
