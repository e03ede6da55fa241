use crate::{
    chain_of_one::{CHAIN_ID, Chain, GET, Key, set},
    http::{call, error},
};
use alloy_consensus::{Header, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_rlp::Decodable;
use serde_json::{Value, json};

fn word(value: u64) -> String {
    hex::encode_prefixed(U256::from(value).to_be_bytes::<32>())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_estimates_run_on_the_state_and_in_the_block_that_the_caller_overrides() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    let read = json!({"to": contract, "data": hex::encode_prefixed(GET)});
    let run =
        async |state: Value, block: Value| call(at, "eth_call", json!([read, "latest", state, block])).await;
    let of = |account: Value| json!({contract.to_string(): account});
    assert_eq!(run(of(json!({"stateDiff": {word(0): word(7)}})), json!({})).await, word(7));
    assert_eq!(run(of(json!({"state": {word(0): word(8)}})), json!({})).await, word(8));
    assert_eq!(run(of(json!({"state": {word(1): word(8)}})), json!({})).await, word(0));
    // Code that returns NUMBER, TIMESTAMP, COINBASE, GASLIMIT, PREVRANDAO, BASEFEE in turn.
    for (opcode, block, want) in [
        ("43", json!({"number": "0x12d687"}), word(0x0012_d687)),
        ("42", json!({"time": "0x99"}), word(0x99)),
        ("41", json!({"feeRecipient": Address::with_last_byte(5)}), word(5)),
        ("45", json!({"gasLimit": "0x55"}), word(0x55)),
        ("44", json!({"prevRandao": word(3)}), word(3)),
        // A call without a price sees no base fee, whatever the block.
        ("48", json!({"baseFeePerGas": "0x7"}), word(0)),
        ("4a", json!({"blobBaseFee": "0x9"}), word(9)),
    ] {
        let code = format!("0x{opcode}5f5260205ff3");
        assert_eq!(run(of(json!({"code": code})), block.clone()).await, want, "{block}");
    }
    // SELFBALANCE of an overridden balance, and a hash given for a block.
    let balance = json!({"code": "0x475f5260205ff3", "balance": "0x64"});
    assert_eq!(run(of(balance), json!({})).await, word(100));
    let hash = json!({"code": "0x6001405f5260205ff3"});
    assert_eq!(run(of(hash), json!({"number": "0x2", "blockHash": {"1": word(77)}})).await, word(77));

    // ecrecover moved elsewhere answers there, and its old address is an account without code.
    let moved = Address::repeat_byte(0x12);
    let sha = Address::with_last_byte(2);
    let message = |to: Address| json!({"to": to, "data": "0x"});
    let state = json!({sha.to_string(): {"movePrecompileToAddress": moved}});
    let digest = json!("0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(call(at, "eth_call", json!([message(sha), "latest"])).await, digest);
    assert_eq!(call(at, "eth_call", json!([message(moved), "latest", state])).await, digest);
    assert_eq!(call(at, "eth_call", json!([message(sha), "latest", state])).await, "0x");

    let poor = json!({"from": user.address, "to": moved, "value": "0x1"});
    assert_eq!(error(at, "eth_estimateGas", json!([poor])).await.0, -32000);
    let rich = json!({user.address.to_string(): {"balance": "0x1"}});
    assert_eq!(call(at, "eth_estimateGas", json!([poor, "latest", rich])).await, "0x5208");

    let both = of(json!({"state": {}, "stateDiff": {}}));
    let table = [
        (both, -32000, format!("account {contract} has both 'state' and 'stateDiff'")),
        (
            json!({contract.to_string(): {"movePrecompileToAddress": moved}}),
            -32000,
            format!("account {contract} is not a precompile"),
        ),
    ];
    for (state, code, message) in table {
        assert_eq!(error(at, "eth_call", json!([read, "latest", state])).await, (code, message));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_list_names_what_a_call_touches_and_costs_what_the_call_then_costs() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    let message = json!({"from": user.address, "to": contract, "data": set(5)});
    let made = call(at, "eth_createAccessList", json!([message, "latest"])).await;
    assert_eq!(made["accessList"], json!([{"address": contract, "storageKeys": [word(0)]}]));
    assert!(made.get("error").is_none(), "{made}");
    // The same call traced with that list uses exactly so much.
    let with =
        json!({"from": user.address, "to": contract, "data": set(5), "accessList": made["accessList"]});
    let frame = call(at, "debug_traceCall", json!([with, "latest", {"tracer": "callTracer"}])).await;
    assert_eq!(made["gasUsed"], frame["gasUsed"]);
    let reverted = call(at, "eth_createAccessList", json!([{"to": contract, "data": "0xdeadbeef"}])).await;
    assert_eq!((&reverted["error"], &reverted["accessList"]), (&json!("execution reverted"), &json!([])));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_and_many_slots_are_answered_as_eip_1186_shapes_them() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    chain.submit(user.dynamic(1, TxKind::Call(contract), set(5))).await;
    chain.next();
    let proof = call(at, "eth_getProof", json!([contract, ["0x0", word(1)], "latest"])).await;
    let account = chain.ledger.account(contract, ledger::At::Head).unwrap();
    for (field, want) in [
        ("address", json!(contract)),
        ("balance", json!("0x0")),
        ("nonce", json!("0x1")),
        ("codeHash", json!(account.code_hash)),
        ("storageHash", json!(account.storage_root)),
    ] {
        assert_eq!(proof[field], want, "{field}");
    }
    // The first node hashes to the root it is proved against.
    let hash = |node: &Value| keccak256(node.as_str().unwrap().parse::<Bytes>().unwrap());
    assert_eq!(hash(&proof["accountProof"][0]), chain.ledger.head().header.state_root);
    let slots = &proof["storageProof"];
    assert_eq!((&slots[0]["key"], &slots[0]["value"]), (&json!("0x0"), &json!("0x5")));
    assert_eq!((&slots[1]["key"], &slots[1]["value"]), (&json!(word(1)), &json!("0x0")));
    assert_eq!(hash(&slots[0]["proof"][0]), account.storage_root);
    let nobody = call(at, "eth_getProof", json!([Address::ZERO, [word(0)], "latest"])).await;
    assert_eq!(nobody["storageProof"], json!([{"key": word(0), "value": "0x0", "proof": []}]));
    assert_eq!((&nobody["codeHash"], &nobody["storageHash"]), (&json!(B256::ZERO), &json!(B256::ZERO)));
    let many: Vec<String> = (0..1025).map(word).collect();
    assert_eq!(
        error(at, "eth_getProof", json!([contract, many])).await,
        (-32602, "too many slots (max 1024)".into())
    );

    let wanted = json!({contract.to_string(): [word(0), word(1)], user.address.to_string(): [word(9)]});
    let values = call(at, "eth_getStorageValues", json!([wanted, "latest"])).await;
    let field = |address: Address| format!("{address:#x}");
    assert_eq!(values, json!({field(contract): [word(5), word(0)], field(user.address): [word(0)]}));
    assert_eq!(
        error(at, "eth_getStorageValues", json!([{}, "latest"])).await,
        (-32602, "empty request".into())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_bytes_decode_to_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    let raw = user.dynamic(1, TxKind::Call(contract), set(5));
    let hash = chain.submit(raw.clone()).await;
    assert_eq!(call(at, "eth_getRawTransactionByHash", json!([hash])).await, json!(raw), "waiting");
    let committed = chain.next();
    let bytes = async |method: &str, params: Value| -> Bytes {
        serde_json::from_value(call(at, method, params).await).unwrap()
    };
    let header = bytes("debug_getRawHeader", json!(["latest"])).await;
    assert_eq!(Header::decode(&mut header.as_ref()).unwrap(), committed.block.header);
    let block = bytes("debug_getRawBlock", json!([committed.hash])).await;
    assert_eq!(ledger::Block::decode(&mut block.as_ref()).unwrap(), committed.block);
    let receipts = call(at, "debug_getRawReceipts", json!(["0x2"])).await;
    let receipt: Bytes = serde_json::from_value(receipts[0].clone()).unwrap();
    assert_eq!(ledger::Receipt::decode_2718(&mut receipt.as_ref()).unwrap(), committed.receipts[0]);
    for (method, params) in [
        ("debug_getRawTransaction", json!([hash])),
        ("eth_getRawTransactionByHash", json!([hash])),
        ("eth_getRawTransactionByBlockHashAndIndex", json!([committed.hash, "0x0"])),
        ("eth_getRawTransactionByBlockNumberAndIndex", json!(["latest", "0x0"])),
    ] {
        let got = bytes(method, params).await;
        assert_eq!(got, raw, "{method}");
        assert_eq!(*TxEnvelope::decode_2718(&mut got.as_ref()).unwrap().tx_hash(), hash);
    }
    assert_eq!(call(at, "eth_getRawTransactionByHash", json!([B256::ZERO])).await, "0x");
    assert_eq!(error(at, "debug_getRawBlock", json!(["0x99"])).await, (-32000, "header not found".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_tells_its_forks_what_it_keeps_and_the_next_base_fee() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let at = server.local_addr();
    chain.next();
    let config = call(at, "eth_config", json!([])).await;
    assert_eq!((&config["next"], &config["last"]), (&json!(null), &json!(null)));
    let current = &config["current"];
    assert_eq!(
        (&current["activationTime"], &current["chainId"]),
        (&json!(0), &json!(format!("{CHAIN_ID:#x}")))
    );
    let precompiles = &current["precompiles"];
    assert_eq!(precompiles["ECREC"], json!(Address::with_last_byte(1)));
    assert_eq!(
        precompiles["P256VERIFY"],
        json!("0x0000000000000000000000000000000000000100"),
        "Osaka: {precompiles}"
    );
    let has = call(at, "eth_capabilities", json!([])).await;
    assert_eq!(has["head"], json!({"number": "0x1", "hash": chain.ledger.head().hash}));
    assert_eq!(has["blocks"], json!({"disabled": false, "oldestBlock": "0x0"}));
    assert_eq!(has["state"]["deleteStrategy"], json!({"type": "window", "retentionBlocks": "0x1000"}));
    assert_eq!(has["stateproofs"]["deleteStrategy"]["retentionBlocks"], json!("0x80"));
    assert_eq!(call(at, "eth_baseFee", json!([])).await, "0x0");
    let header = call(at, "eth_getHeaderByNumber", json!(["0x1"])).await;
    assert_eq!(header["hash"], has["head"]["hash"]);
    assert_eq!(call(at, "eth_getHeaderByHash", json!([header["hash"]])).await, header);
    assert_eq!(call(at, "eth_getHeaderByNumber", json!(["0x7"])).await, json!(null));
    server.stop().await;
}
