//! What is left of `eth_*` and `debug_*`, that go-ethereum was not asked or answers with what only its own node knows.

use super::{NOWHERE, quantity};
use crate::network::{
    chain::{Network, maker},
    plan::{LOADED, Who::C},
    script::Scripts,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, hex};
use serde_json::{Value, json};

pub(super) fn write(network: &Network, scripts: &mut Scripts) {
    scripts.gives(
        "eth_coinbase/own",
        "the identity that the node proposes blocks for",
        json!([]),
        json!(network.address(C)),
    );
    capabilities(network, scripts);
    raw(network, scripts);
    traces(network, scripts);
}

/// `eth_capabilities` of execution-apis.
fn capabilities(network: &Network, scripts: &mut Scripts) {
    let whole = json!({"disabled": false, "oldestBlock": "0x0"});
    let window = json!({
        "disabled": false, "oldestBlock": "0x0", "deleteStrategy": {"type": "window", "retentionBlocks": "0x80"},
    });
    let head = json!({"number": quantity(LOADED as u64), "hash": network.hash(LOADED)});
    scripts.gives(
        "eth_capabilities/whole-history",
        "everything from block 0 on, but proofs of the last 128 blocks only",
        json!([]),
        json!({
            "head": head, "state": whole, "tx": whole, "logs": whole, "receipts": whole, "blocks": whole,
            "stateproofs": window,
        }),
    );
}

fn raw(network: &Network, scripts: &mut Scripts) {
    let (by_number, by_hash) =
        ("eth_getRawTransactionByBlockNumberAndIndex", "eth_getRawTransactionByBlockHashAndIndex");
    let bytes = |number: usize, index: usize| -> Value {
        json!(hex::encode_prefixed(network.at(number).block.body.transactions[index].encoded_2718()))
    };
    for (method, name, remark, params, result) in [
        (by_number, "legacy", "a list of RLP", json!(["0x2", "0x1"]), bytes(2, 1)),
        (by_number, "typed", "the byte of the type, then a list", json!(["0x9", "0x0"]), bytes(9, 0)),
        (by_hash, "typed", "the same by hash", json!([network.hash(9), "0x0"]), bytes(9, 0)),
        (
            by_number,
            "beyond",
            "no bytes where the block has no such place, as in go-ethereum",
            json!(["0x9", "0x1"]),
            json!("0x"),
        ),
        (
            by_number,
            "unknown",
            "no bytes of a block that is not there, as in go-ethereum",
            json!([NOWHERE, "0x0"]),
            json!("0x"),
        ),
        (
            by_hash,
            "unknown",
            "no bytes of a block that is not there, as in go-ethereum",
            json!([B256::repeat_byte(1), "0x0"]),
            json!("0x"),
        ),
    ] {
        scripts.gives(&format!("{method}/{name}"), remark, params, result);
    }
}

fn traces(network: &Network, scripts: &mut Scripts) {
    let block = network.at(5);
    let options = json!({"tracer": "callTracer", "tracerConfig": {"onlyTopCall": true}});
    let gas = block.receipts[0].cumulative_gas_used();
    let frame = json!({
        "type": "CALL", "from": network.user.address, "to": maker(network), "value": "0x9", "gas": "0x7a120",
        "gasUsed": quantity(gas), "input": "0x",
    });
    scripts.gives(
        "debug_traceBlock/calls",
        "a block as RLP, sealed in a later round, run on its parent's state",
        json!([hex::encode_prefixed(alloy_rlp::encode(&block.block)), options]),
        json!([{"txHash": block.transaction_hashes[0], "result": frame}]),
    );
    scripts.fails(
        "debug_traceBlock/not-a-block",
        "bytes that are no block",
        json!(["0x01"]),
        -32000,
        "could not decode block: unexpected string",
    );
}
