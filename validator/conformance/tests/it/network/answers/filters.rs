//! Filters: `node-facts` F.4, go-ethereum's `eth/filters/api.go`.

use super::shown;
use crate::network::{chain::Network, script::Scripts};
use alloy_primitives::{B256, b256, hex};
use serde_json::{Value, json};
use validator::rpc::format::RpcReceipt;

const NEW: &str = "eth_newFilter";
const NEW_BLOCKS: &str = "eth_newBlockFilter";
const NEW_PENDING: &str = "eth_newPendingTransactionFilter";
const CHANGES: &str = "eth_getFilterChanges";
const LOGS: &str = "eth_getFilterLogs";
const UNINSTALL: &str = "eth_uninstallFilter";
const FILTER: &str = "$filter";

/// `Changed(uint256)`.
const CHANGED: B256 = b256!("0x938d2ee5be9cfb0f7270ee2eff90507e94b37625d9d2b3a61c97d30a4560b829");

pub(super) fn write(network: &Network, scripts: &mut Scripts) {
    blocks(network, scripts);
    logs(network, scripts);
    ranges(network, scripts);
    pending(network, scripts);
    refused(network, scripts);
}

fn blocks(network: &Network, scripts: &mut Scripts) {
    scripts
        .file(
            &format!("{NEW_BLOCKS}/until-uninstalled"),
            "hashes of the blocks since the last poll, each once, in order",
        )
        .gives(NEW_BLOCKS, json!([]), json!(FILTER))
        .gives(CHANGES, json!([FILTER]), json!([]))
        .next_block("with two transactions")
        .next_block("empty")
        .gives(CHANGES, json!([FILTER]), json!([network.hash(11), network.hash(12)]))
        .gives(CHANGES, json!([FILTER]), json!([]))
        .next_block("one more")
        .gives(CHANGES, json!([FILTER]), json!([network.hash(13)]))
        .gives(UNINSTALL, json!([FILTER]), json!(true))
        .fails(CHANGES, json!([FILTER]), -32000, "filter not found")
        .gives(UNINSTALL, json!([FILTER]), json!(false));
    scripts
        .file(
            &format!("{NEW_BLOCKS}/two"),
            "each filter has its own id, and a poll of one says nothing to the other",
        )
        .gives(NEW_BLOCKS, json!([]), json!("$one"))
        .gives(NEW_BLOCKS, json!([]), json!("$two"))
        .next_block("the first")
        .gives(CHANGES, json!(["$one"]), json!([network.hash(11)]))
        .next_block("the second")
        .gives(CHANGES, json!(["$one"]), json!([network.hash(12)]))
        .gives(CHANGES, json!(["$two"]), json!([network.hash(11), network.hash(12)]))
        .gives(UNINSTALL, json!(["$one"]), json!(true))
        .gives(CHANGES, json!(["$two"]), json!([]));
}

fn logs(network: &Network, scripts: &mut Scripts) {
    let fresh = told(network, &[11]);
    scripts
        .file(
            &format!("{NEW}/by-address"),
            "logs of blocks since the last poll, none of the blocks before the filter",
        )
        .gives(NEW, json!([{"address": network.speaker()}]), json!(FILTER))
        .gives(CHANGES, json!([FILTER]), json!([]))
        .next_block("with two logs")
        .gives(CHANGES, json!([FILTER]), json!(fresh))
        .gives(CHANGES, json!([FILTER]), json!([]))
        .next_block("without any")
        .gives(CHANGES, json!([FILTER]), json!([]));
    let mut topics =
        scripts.file(&format!("{NEW}/by-topic"), "as in eth_getLogs: alternatives in a list, null for any; a log needs as many topics as the filter has places");
    let filters = [
        ("$name", json!([CHANGED]), true),
        ("$any", json!([null]), true),
        ("$two", json!([null, null]), false),
        ("$either", json!([[B256::ZERO, CHANGED]]), true),
        ("$value", json!([null, B256::with_last_byte(11)]), false),
        ("$other", json!([B256::ZERO]), false),
    ];
    for (name, filter, _) in &filters {
        topics = topics.gives(NEW, json!([{"topics": filter}]), json!(name));
    }
    topics = topics.next_block("with two logs");
    for (name, filter, _) in &filters {
        topics = topics.gives(CHANGES, json!([name]), json!(matching(&fresh, filter)));
    }
    assert!(filters.iter().all(|(_, filter, some)| matching(&fresh, filter).is_empty() != *some));
    scripts
        .file(&format!("{NEW}/ended-range"), "nothing comes of blocks after the end of its range")
        .gives(NEW, json!([{"fromBlock": "0x0", "toBlock": "0xa"}]), json!(FILTER))
        .next_block("with two logs")
        .gives(CHANGES, json!([FILTER]), json!([]));
}

/// Those with these topics at these places.
fn matching(logs: &[Value], filter: &Value) -> Vec<Value> {
    let fits = |log: &&Value| {
        let places = filter.as_array().unwrap();
        let topics = log["topics"].as_array().unwrap();
        let fits = |(index, place): (usize, &Value)| match (place, topics.get(index)) {
            (_, None) => false,
            (Value::Null, Some(_)) => true,
            (Value::Array(any), Some(topic)) => any.contains(topic),
            (one, Some(topic)) => one == topic,
        };
        places.iter().enumerate().all(fits)
    };
    logs.iter().filter(fits).cloned().collect()
}

fn ranges(network: &Network, scripts: &mut Scripts) {
    let speaker = network.speaker();
    scripts
        .file(
            &format!("{LOGS}/range"),
            "all that the filter's range has, as often as asked, polls or not; block 6 has two, at places 0 and 1",
        )
        .gives(NEW, json!([{"fromBlock": "0x2", "toBlock": "0x6", "address": speaker}]), json!(FILTER))
        .gives(LOGS, json!([FILTER]), json!(told(network, &[2, 6])))
        .gives(CHANGES, json!([FILTER]), json!([]))
        .gives(LOGS, json!([FILTER]), json!(told(network, &[2, 6])))
        .gives(UNINSTALL, json!([FILTER]), json!(true))
        .fails(LOGS, json!([FILTER]), -32000, "filter not found");
    scripts
        .file(&format!("{LOGS}/open-range"), "a range without an end goes on to the head of each time")
        .gives(NEW, json!([{"fromBlock": "0x7", "toBlock": "latest", "address": [speaker]}]), json!(FILTER))
        .gives(LOGS, json!([FILTER]), json!(told(network, &[9])))
        .next_block("with two logs")
        .gives(LOGS, json!([FILTER]), json!(told(network, &[9, 11])))
        .gives(CHANGES, json!([FILTER]), json!(told(network, &[11])));
    scripts
        .file(&format!("{LOGS}/of-blocks"), "a filter of another kind has no logs")
        .gives(NEW_BLOCKS, json!([]), json!(FILTER))
        .fails(LOGS, json!([FILTER]), -32000, "filter not found")
        .gives(UNINSTALL, json!([FILTER]), json!(true));
}

fn pending(network: &Network, scripts: &mut Scripts) {
    let [next, after] = network.unsent();
    let (send, raw) = ("eth_sendRawTransaction", |tx: &[u8]| json!([hex::encode_prefixed(tx)]));
    scripts
        .file(
            &format!("{NEW_PENDING}/executable"),
            "hashes of what could go into a block, each once: one that waits for an earlier nonce comes after that one",
        )
        .gives(NEW_PENDING, json!([]), json!(FILTER))
        .gives(send, raw(&after.1), json!(after.0))
        .gives(CHANGES, json!([FILTER]), json!([]))
        .gives(send, raw(&next.1), json!(next.0))
        .gives(CHANGES, json!([FILTER]), json!([next.0, after.0]))
        .gives(CHANGES, json!([FILTER]), json!([]))
        .gives(UNINSTALL, json!([FILTER]), json!(true));
    scripts.fails(
        &format!("{NEW_PENDING}/whole"),
        "what waits for a client who may never poll is hashes only",
        json!([true]),
        -32602,
        "filters give hashes only: ask for each by eth_getTransactionByHash, or subscribe to newPendingTransactions",
    );
}

fn refused(network: &Network, scripts: &mut Scripts) {
    for method in [CHANGES, LOGS] {
        let remark = "as after a filter was forgotten because nobody polled it";
        scripts.fails(&format!("{method}/unknown"), remark, json!(["0x1"]), -32000, "filter not found");
        let message = "missing value for required argument 0";
        scripts.fails(
            &format!("{method}/no-argument"),
            "the filter must be named",
            json!([]),
            -32602,
            message,
        );
    }
    scripts.gives(&format!("{UNINSTALL}/unknown"), "false, not an error", json!(["0x1"]), json!(false));
    let filter = |filter: Value| json!([filter]);
    for (name, params, message) in [
        ("no-argument", json!([]), "missing value for required argument 0"),
        ("backwards", filter(json!({"fromBlock": "0x6", "toBlock": "0x2"})), "invalid block range params"),
        (
            "of-one-block",
            filter(json!({"blockHash": network.hash(6)})),
            "cannot use blockHash in a filter, use eth_getLogs",
        ),
        ("five-topics", filter(json!({"topics": [null, null, null, null, null]})), "exceed max topics"),
    ] {
        scripts.fails(&format!("{NEW}/{name}"), "no filter is made", params, -32602, message);
    }
}

/// The logs of these blocks, in order.
fn told(network: &Network, numbers: &[usize]) -> Vec<Value> {
    let of_block = |number: &usize| {
        let block = network.at(*number);
        let receipts = RpcReceipt::of_block(&block.block, block.hash, &block.senders, &block.receipts, None);
        let logs = receipts.into_iter().map(|receipt| shown(receipt)["logs"].take());
        logs.flat_map(|logs| logs.as_array().unwrap().clone()).collect::<Vec<_>>()
    };
    numbers.iter().flat_map(of_block).collect()
}
