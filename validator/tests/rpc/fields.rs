use crate::{
    chain_of_one::{Chain, Key, set},
    http::call,
};
use alloy_primitives::TxKind;
use serde_json::{Value, json};

/// Names of fields, those that are null marked with `?`.
fn shape(value: &Value) -> Vec<String> {
    let fields = value.as_object().unwrap().iter();
    fields.map(|(name, value)| if value.is_null() { format!("{name}?") } else { name.clone() }).collect()
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(String::from).collect();
    words.sort_unstable();
    words
}

const HEADER: &str = "hash number parentHash nonce mixHash sha3Uncles logsBloom transactionsRoot stateRoot receiptsRoot \
    miner difficulty extraData gasLimit gasUsed timestamp baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas \
    parentBeaconBlockRoot requestsHash";
const LOG: &str = "address topics data blockHash blockNumber blockTimestamp transactionHash transactionIndex logIndex removed";

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_exactly_the_fields_that_strict_decoders_want() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    let dynamic = chain.submit(user.dynamic(1, TxKind::Call(contract), set(1))).await;
    let legacy = chain.submit(user.legacy(2, TxKind::Call(contract), set(2))).await;
    let waiting = call(at, "eth_getTransactionByHash", json!([legacy])).await;
    let committed = chain.next();

    let mined = "blockHash blockNumber blockTimestamp transactionIndex hash from to nonce gas gasPrice value input type v r s chainId";
    let fees = "yParity accessList maxFeePerGas maxPriorityFeePerGas";
    let queued = mined.replacen(
        "blockHash blockNumber blockTimestamp transactionIndex",
        "blockHash? blockNumber? blockTimestamp? transactionIndex?",
        1,
    );
    let receipt = "transactionHash transactionIndex blockHash blockNumber from to cumulativeGasUsed gasUsed \
        contractAddress? logs logsBloom type effectiveGasPrice status";
    let creation = receipt.replace("to cum", "to? cum").replace("contractAddress?", "contractAddress");
    let block = format!("{HEADER} totalDifficulty size transactions uncles withdrawals");
    let table = [
        (waiting, queued),
        (call(at, "eth_getTransactionByHash", json!([legacy])).await, mined.to_string()),
        (call(at, "eth_getTransactionByHash", json!([dynamic])).await, format!("{mined} {fees}")),
        (
            call(at, "eth_getTransactionByBlockNumberAndIndex", json!(["latest", "0x0"])).await,
            format!("{mined} {fees}"),
        ),
        (call(at, "eth_getTransactionReceipt", json!([dynamic])).await, receipt.to_string()),
        (call(at, "eth_getBlockReceipts", json!(["latest"])).await[1].clone(), receipt.to_string()),
        (call(at, "eth_getBlockReceipts", json!(["0x1"])).await[0].clone(), creation),
        (call(at, "eth_getBlockByNumber", json!(["latest", false])).await, block.clone()),
        (call(at, "eth_getBlockByHash", json!([committed.hash, true])).await, block.clone()),
        (call(at, "eth_getBlockByNumber", json!(["earliest", true])).await, block),
        (call(at, "eth_getLogs", json!([{}])).await[1].clone(), LOG.to_string()),
    ];
    for (row, (value, want)) in table.iter().enumerate() {
        let mut got = shape(value);
        got.sort_unstable();
        assert_eq!(got, words(want), "row {row}: {value}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_what_free_gas_and_qbft_make_them() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    chain.submit(user.dynamic(1, TxKind::Call(contract), set(1))).await;
    chain.submit(user.legacy(2, TxKind::Call(contract), set(2))).await;
    let committed = chain.next();

    let block = call(at, "eth_getBlockByNumber", json!(["pending", true])).await;
    let receipts = call(at, "eth_getBlockReceipts", json!([committed.hash])).await;
    let table = [
        (&block["hash"], json!(committed.hash)),
        (&block["number"], json!("0x2")),
        (&block["difficulty"], json!("0x1")),
        (&block["totalDifficulty"], json!("0x3")),
        (&block["baseFeePerGas"], json!("0x0")),
        (&block["uncles"], json!([])),
        (&block["withdrawals"], json!([])),
        (&block["nonce"], json!("0x0000000000000000")),
        (&block["transactions"][0]["type"], json!("0x2")),
        (&block["transactions"][0]["gasPrice"], json!("0x0")),
        (&block["transactions"][1]["type"], json!("0x0")),
        (&block["transactions"][1]["transactionIndex"], json!("0x1")),
        (&receipts[0]["effectiveGasPrice"], json!("0x0")),
        (&receipts[1]["logs"][0]["logIndex"], json!("0x1")),
        (&receipts[1]["status"], json!("0x1")),
    ];
    for (row, (got, want)) in table.into_iter().enumerate() {
        assert_eq!(*got, want, "row {row}");
    }
    let size =
        |value: &Value| u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    let used = size(&receipts[0]["gasUsed"]) + size(&receipts[1]["gasUsed"]);
    assert_eq!(used, size(&block["gasUsed"]));
    assert_eq!(used, size(&receipts[1]["cumulativeGasUsed"]));

    let v = size(&block["transactions"][1]["v"]);
    assert!(v == 35 + 2 * 4242 || v == 36 + 2 * 4242, "{v}");
    let plain = [
        ("eth_chainId", json!([]), json!("0x1092")),
        ("eth_gasPrice", json!([]), json!("0x0")),
        ("eth_maxPriorityFeePerGas", json!([]), json!("0x0")),
        ("eth_blobBaseFee", json!([]), json!("0x0")),
        ("eth_blockNumber", json!([]), json!("0x2")),
        ("eth_syncing", json!([]), json!(false)),
        ("eth_accounts", json!([]), json!([])),
        ("net_listening", json!([]), json!(true)),
        ("net_peerCount", json!([]), json!("0x3")),
        (
            "web3_sha3",
            json!(["0x68656c6c6f20776f726c64"]),
            json!("0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad"),
        ),
        ("eth_getBlockByNumber", json!(["0x99", false]), json!(null)),
        ("eth_getTransactionReceipt", json!([committed.hash]), json!(null)),
        ("eth_getUncleCountByBlockNumber", json!(["latest"]), json!("0x0")),
        ("eth_getUncleByBlockNumberAndIndex", json!(["latest", "0x0"]), json!(null)),
        ("eth_getBlockTransactionCountByNumber", json!(["latest"]), json!("0x2")),
        ("eth_getBalance", json!([user.address, {"blockHash": committed.hash}]), json!("0x0")),
        ("eth_getCode", json!([user.address, "latest"]), json!("0x")),
        (
            "eth_feeHistory",
            json!(["0x2", "latest", [25, 75]]),
            json!({
                "oldestBlock": "0x1",
                "baseFeePerGas": ["0x0", "0x0", "0x0"],
                "baseFeePerBlobGas": ["0x0", "0x0", "0x0"],
                "blobGasUsedRatio": [0, 0],
                "gasUsedRatio": call(at, "eth_feeHistory", json!([2, "latest"])).await["gasUsedRatio"],
                "reward": [["0x0", "0x0"], ["0x0", "0x0"]],
            }),
        ),
    ];
    for (method, params, want) in plain {
        assert_eq!(call(at, method, params).await, want, "{method}");
    }
    server.stop().await;
}
