use crate::{
    chain_of_one::{Chain, Key, set},
    http::{call, error},
};
use alloy_primitives::{Address, TxKind, hex};
use serde_json::{Value, json};
use validator::rpc::RpcLimits;

/// Its runtime creates an empty contract, by code that does nothing, and sends it what it was sent.
const FACTORY: &[u8] = &hex!("6006600c60003960066000f3" "60015f34f000");

#[tokio::test(flavor = "multi_thread")]
async fn summaries_of_a_range_say_who_proposed_and_sealed_and_what_the_blocks_hold() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), &["quorate"]).await;
    let (at, user, validator) = (server.local_addr(), Key::new("user"), Key::new("validator").address);
    let contract = chain.deploy(&user).await;
    for nonce in 1..3 {
        chain.submit(user.dynamic(nonce, TxKind::Call(contract), set(nonce))).await;
    }
    let committed = chain.next();
    chain.next();
    let rows = call(at, "quorate_getBlockSummaries", json!(["0x1", "0x9", true])).await;
    let rows = rows.as_array().unwrap();
    let numbers: Vec<&Value> = rows.iter().map(|row| &row["number"]).collect();
    assert_eq!(numbers, [&json!("0x1"), &json!("0x2"), &json!("0x3")], "ends at the head");
    let header = &committed.block.header;
    assert_eq!(
        rows[1],
        json!({
            "number": "0x2", "hash": committed.hash, "timestamp": format!("{:#x}", header.timestamp),
            "proposer": validator, "round": "0x0", "seals": "0x1", "sealers": [validator],
            "transactions": "0x2", "gasUsed": format!("{:#x}", header.gas_used),
            "gasLimit": format!("{:#x}", header.gas_limit), "baseFeePerGas": "0x0",
        })
    );
    let bare = call(at, "quorate_getBlockSummaries", json!(["latest", 1])).await;
    assert_eq!((&bare[0]["number"], bare[0].get("sealers")), (&json!("0x3"), None));
    assert_eq!(call(at, "quorate_getBlockSummaries", json!(["0x4", 5])).await, json!([]));
    for (count, sealers, most) in [(1001, false, 1000), (101, true, 100)] {
        let want = format!("{count} blocks, at most {most} at a time; ask for less");
        assert_eq!(
            error(at, "quorate_getBlockSummaries", json!(["0x0", count, sealers])).await,
            (-32005, want)
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explorer_pages_through_blocks_and_looks_into_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), &["ots", "eth"]).await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    for nonce in 1..4 {
        chain.submit(user.dynamic(nonce, TxKind::Call(contract), set(nonce))).await;
    }
    chain.next();
    assert_eq!(call(at, "ots_getApiLevel", json!([])).await, json!(8));
    assert_eq!(call(at, "ots_hasCode", json!([contract, "latest"])).await, json!(true));
    assert_eq!(call(at, "ots_hasCode", json!([contract, "0x0"])).await, json!(false));

    let details = call(at, "ots_getBlockDetails", json!([2])).await;
    assert_eq!(details["totalFees"], "0x0");
    assert_eq!(details["issuance"], json!({"blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0"}));
    let block = &details["block"];
    assert_eq!((&block["transactionCount"], &block["logsBloom"]), (&json!(3), &json!(null)));
    assert!(block.get("transactions").is_none());
    assert_eq!(call(at, "ots_getBlockDetailsByHash", json!([block["hash"]])).await, details);
    assert_eq!(call(at, "ots_getBlockDetails", json!([99])).await, json!(null));

    let nonces = async |page: u64| -> Vec<Value> {
        let found = call(at, "ots_getBlockTransactions", json!([2, page, 2])).await;
        let rows = found["fullblock"]["transactions"].as_array().unwrap().clone();
        let receipts = found["receipts"].as_array().unwrap();
        for (row, receipt) in rows.iter().zip(receipts) {
            assert_eq!(row["input"], "0x60fe47b1", "the selector only");
            assert_eq!(row["hash"], receipt["transactionHash"]);
            assert_eq!((&receipt["logs"], &receipt["logsBloom"]), (&json!(null), &json!(null)));
            assert_eq!(receipt["timestamp"], block["timestamp"]);
        }
        assert_eq!(rows.len(), receipts.len());
        rows.iter().map(|row| row["nonce"].clone()).collect()
    };
    assert_eq!(nonces(0).await, [json!("0x2"), json!("0x3")], "the newest come first");
    assert_eq!(nonces(1).await, [json!("0x1")]);
    assert_eq!(nonces(2).await, Vec::<Value>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explorer_finds_who_sent_and_who_made_what() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), &["ots", "eth"]).await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    chain.next();
    let deployed = chain.submit(user.dynamic(1, TxKind::Create, FACTORY)).await;
    chain.next();
    let factory = user.address.create(1);
    let made = chain.submit(user.dynamic(2, TxKind::Call(factory), vec![])).await;
    let failed = chain.submit(user.dynamic(3, TxKind::Call(contract), hex!("deadbeef").to_vec())).await;
    chain.next();

    let child = factory.create(1);
    let steps = call(at, "ots_traceTransaction", json!([made])).await;
    let shape: Vec<_> = steps
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["type"].as_str().unwrap(), step["depth"].as_u64().unwrap(), &step["to"]))
        .collect();
    assert_eq!(shape, [("CALL", 0, &json!(factory)), ("CREATE", 1, &json!(child))], "{steps}");
    let operations = call(at, "ots_getInternalOperations", json!([made])).await;
    assert_eq!(operations, json!([{"type": 2, "from": factory, "to": child, "value": "0x0"}]));
    assert_eq!(call(at, "ots_getTransactionError", json!([made])).await, "0x");
    let reason = call(at, "ots_getTransactionError", json!([failed])).await;
    assert!(reason.as_str().unwrap().starts_with("0x08c379a0"), "{reason}");

    let sent =
        async |nonce: u64| call(at, "ots_getTransactionBySenderAndNonce", json!([user.address, nonce])).await;
    assert_eq!([sent(1).await, sent(2).await, sent(3).await], [json!(deployed), json!(made), json!(failed)]);
    assert_eq!(sent(4).await, json!(null));
    let creator = async |of: Address| call(at, "ots_getContractCreator", json!([of])).await;
    assert_eq!(creator(factory).await, json!({"hash": deployed, "creator": user.address}));
    assert_eq!(creator(user.address).await, json!(null), "no contract");
    assert_eq!(
        error(at, "ots_searchTransactionsBefore", json!([user.address, 0, 25])).await,
        (
            -32000,
            "this node keeps no index from addresses to transactions; start it with rpc.otsIndex, or ask eth_getLogs"
                .into()
        )
    );
    server.stop().await;
}
