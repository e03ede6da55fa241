//! `qbft_*`: `qbft-facts` §5.1, and Besu's `AbstractGetSignerMetricsMethod` for what is counted.

use super::NOWHERE;
use crate::network::{
    chain::Network,
    plan::{
        FIRST, GROWN, LAST, SHRUNK,
        Who::{self, A, B, C, D, E, F},
    },
    script::Scripts,
};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

const BY_NUMBER: &str = "qbft_getValidatorsByBlockNumber";
const PENDING: &str = "qbft_getPendingVotes";
const PROPOSE: &str = "qbft_proposeValidatorVote";
const DISCARD: &str = "qbft_discardValidatorVote";

pub(super) fn write(network: &Network, scripts: &mut Scripts) {
    validators(network, scripts);
    votes(network, scripts);
    metrics(network, scripts);
    scripts.gives(
        "qbft_getRequestTimeoutSeconds/rounded-up",
        "a number of whole seconds; the genesis says 3500 ms",
        json!([]),
        json!(4),
    );
}

fn validators(network: &Network, scripts: &mut Scripts) {
    let set = |who: &[Who]| json!(network.keys.addresses(who));
    let mut by_number = |name: &str, remark: &str, block: &str, result: Value| {
        scripts.gives(&format!("{BY_NUMBER}/{name}"), remark, json!([block]), result);
    };
    by_number("genesis", "what the extra data of block 0 lists", "0x0", set(FIRST));
    by_number("earliest", "the same by its tag", "earliest", set(FIRST));
    by_number(
        "deciding",
        "the block with the third of four votes for a fifth validator lists the set that sealed it",
        "0x3",
        set(FIRST),
    );
    by_number("decided", "the block after it lists five, in ascending order", "0x4", set(GROWN));
    by_number("latest", "what the head lists", "latest", set(GROWN));
    by_number("unknown", "null for a block that is not there", NOWHERE, json!(null));
    scripts
        .file(
            &format!("{BY_NUMBER}/pending"),
            "the set of the next block, which differs from the head's when the head decides",
        )
        .gives(BY_NUMBER, json!(["pending"]), set(GROWN))
        .next_block("the third of five votes against a validator")
        .gives(BY_NUMBER, json!(["latest"]), set(GROWN))
        .gives(BY_NUMBER, json!(["pending"]), set(SHRUNK));
    let mut moved = scripts.file(
        &format!("{BY_NUMBER}/contract"),
        "where a contract names validators, what it answers in the state after the block, whose extra data lists none",
    );
    for what in
        ["decides", "is the last whose extra data lists validators", "gives the contract a fifth validator"]
    {
        moved = moved.next_block(what);
    }
    moved
        .gives(BY_NUMBER, json!(["0xb"]), set(GROWN))
        .gives(BY_NUMBER, json!(["0xc"]), set(SHRUNK))
        .gives(BY_NUMBER, json!(["0xd"]), set(LAST))
        .gives(BY_NUMBER, json!(["pending"]), set(LAST))
        .gives("qbft_getValidatorsByBlockHash", json!([network.hash(13)]), set(LAST));
    let mut refused = |name: &str, remark: &str, params: Value, message: &str| {
        scripts.fails(&format!("{BY_NUMBER}/{name}"), remark, params, -32602, message);
    };
    refused("no-argument", "the block must be named", json!([]), "missing value for required argument 0");
    refused(
        "not-a-block",
        "neither number nor tag",
        json!(["newest"]),
        "invalid argument 0: hex string without 0x prefix",
    );
    refused(
        "too-many",
        "one argument and no more",
        json!(["latest", true]),
        "too many arguments, want at most 1",
    );
    by_hash(network, scripts);
}

fn by_hash(network: &Network, scripts: &mut Scripts) {
    let mut gives = |name: &str, remark: &str, hash: B256, result: Value| {
        scripts.gives(&format!("qbft_getValidatorsByBlockHash/{name}"), remark, json!([hash]), result);
    };
    let set = |who: &[Who]| json!(network.keys.addresses(who));
    gives("deciding", "the set that the block lists", network.hash(3), set(FIRST));
    gives("decided", "the set that the block lists", network.hash(4), set(GROWN));
    gives("genesis", "block 0 by its hash, which masks round and seals", network.hash(0), set(FIRST));
    gives("unknown", "null for a block that is not there", B256::repeat_byte(1), json!(null));
    scripts.fails(
        "qbft_getValidatorsByBlockHash/not-a-hash",
        "a number is no hash",
        json!(["0x3"]),
        -32602,
        "invalid argument 0: odd number of digits",
    );
}

fn votes(network: &Network, scripts: &mut Scripts) {
    let (b, f) = (network.address(B), network.address(F));
    scripts.gives(
        &format!("{PENDING}/none"),
        "nothing was proposed to this node; votes in blocks are not its own",
        json!([]),
        json!({}),
    );
    scripts
        .file(
            &format!("{PROPOSE}/listed-until-discarded"),
            "each wish is kept, with whether it adds, until it is discarded; a new one about the same address replaces it",
        )
        .gives(PROPOSE, json!([f, true]), json!(true))
        .gives(PROPOSE, json!([b, false]), json!(true))
        .gives(PENDING, json!([]), wishes(&[(f, true), (b, false)]))
        .gives(PROPOSE, json!([f, false]), json!(true))
        .gives(PENDING, json!([]), wishes(&[(f, false), (b, false)]))
        .gives(DISCARD, json!([f]), json!(true))
        .gives(PENDING, json!([]), wishes(&[(b, false)]))
        .gives(DISCARD, json!([b]), json!(true))
        .gives(PENDING, json!([]), json!({}));
    scripts.gives(
        &format!("{DISCARD}/never-proposed"),
        "true, whether or not there was a wish",
        json!([f]),
        json!(true),
    );
    let refused = [
        (PROPOSE, "no-direction", json!([f]), "missing value for required argument 1"),
        (
            PROPOSE,
            "not-a-boolean",
            json!([f, "true"]),
            "invalid argument 1: invalid type: string \"true\", expected a boolean",
        ),
        (DISCARD, "no-address", json!([]), "missing value for required argument 0"),
    ];
    for (method, name, params, message) in refused {
        scripts.fails(&format!("{method}/{name}"), "nothing is kept of it", params, -32602, message);
    }
    for (method, params) in [(PROPOSE, json!([f, true])), (DISCARD, json!([f])), (PENDING, json!([]))] {
        scripts
            .file(
                &format!("{method}/contract"),
                "votes mean nothing from the block on whose next one has its validators from a contract",
            )
            .next_block("the last whose set votes may change")
            .next_block("the last whose extra data lists validators")
            .fails(method, params, -32604, "Method not enabled");
    }
}

/// Keys are addresses in small letters.
fn wishes(wishes: &[(Address, bool)]) -> Value {
    wishes
        .iter()
        .map(|(address, add)| (format!("{address:#x}"), json!(add)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn metrics(network: &Network, scripts: &mut Scripts) {
    let method = "qbft_getSignerMetrics";
    let row = |address: Address, count: u64, last: u64| {
        json!({
            "address": address,
            "proposedBlockCount": super::quantity(count),
            "lastProposedBlockNumber": super::quantity(last),
        })
    };
    let rows = |rows: &[(Who, u64, u64)]| -> Vec<Value> {
        rows.iter().map(|(who, count, last)| row(network.address(*who), *count, *last)).collect()
    };
    let mut gives = |name: &str, remark: &str, params: Value, result: Vec<Value>| {
        scripts.gives(&format!("{method}/{name}"), remark, params, json!(result));
    };
    let late = rows(&[(A, 1, 9), (B, 0, 0), (C, 0, 0), (D, 0, 0), (E, 1, 8)]);
    gives(
        "range",
        "blocks 1 to 5: the end is not in it, and who made none but has a seat is",
        json!(["0x1", "0x6"]),
        rows(&[(A, 1, 1), (B, 2, 5), (C, 0, 0), (D, 1, 3), (E, 1, 4)]),
    );
    gives(
        "set-after-the-last",
        "block 3 brings in a validator, who is counted with none though it could not make that block",
        json!(["0x2", "0x4"]),
        rows(&[(A, 0, 0), (B, 1, 2), (C, 0, 0), (D, 1, 3), (E, 0, 0)]),
    );
    let mut whole = vec![row(Address::ZERO, 1, 0)];
    whole.extend(rows(&[(A, 2, 9), (B, 2, 5), (C, 1, 6), (D, 2, 7), (E, 2, 8)]));
    gives(
        "default",
        "the last 100 blocks before the head, here all: block 0 was made by the zero address",
        json!([]),
        whole,
    );
    gives(
        "to-latest",
        "a tag as the end is the head, which is not in it",
        json!(["0x8", "latest"]),
        late.clone(),
    );
    gives("beyond-the-head", "an end beyond the head is the head", json!(["0x8", NOWHERE]), late);
    let mut refused = |name: &str, remark: &str, params: Value, message: &str| {
        scripts.fails(&format!("{method}/{name}"), remark, params, -32602, message);
    };
    refused(
        "empty",
        "a range of no block",
        json!(["0x3", "0x3"]),
        "invalid block range params: from 3 to 3, head 10",
    );
    refused(
        "backwards",
        "an end before the begin",
        json!(["0x5", "0x3"]),
        "invalid block range params: from 5 to 3, head 10",
    );
    refused(
        "from-the-head",
        "nothing is between the head and itself",
        json!(["latest", NOWHERE]),
        "invalid block range params: from 10 to 10, head 10",
    );
}
