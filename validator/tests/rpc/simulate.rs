use crate::{
    chain_of_one::{CHANGED, Chain, Key, set},
    http::{call, error},
};
use alloy_primitives::{Address, B256, TxKind, U256, hex};
use ledger::Options;
use serde_json::{Value, json};

fn word(value: u64) -> String {
    hex::encode_prefixed(U256::from(value).to_be_bytes::<32>())
}

fn topic(address: Address) -> String {
    address.into_word().to_string()
}

fn address(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

/// Code that returns what one opcode, or a few, leave on the stack.
fn returning(opcodes: &str) -> String {
    format!("0x{opcodes}5f5260205ff3")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_block_has_the_roots_of_the_block_that_is_then_made_also_when_looked_at_later() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    let contract = chain.deploy(&user).await;
    let parent = chain.ledger.head();
    let calls: Vec<Value> = (1..4)
        .map(|value| json!({"from": user.address, "to": contract, "gas": "0x7a120", "input": set(value)}))
        .collect();
    let payload = json!({"blockStateCalls": [{"calls": calls}]});
    let before = call(at, "eth_simulateV1", json!([payload, "latest"])).await;
    for value in 1..4 {
        chain.submit(user.dynamic(value, TxKind::Call(contract), set(value))).await;
    }
    let committed = chain.next();
    chain.submit(user.dynamic(4, TxKind::Call(contract), set(9))).await;
    chain.next();
    let later = call(at, "eth_simulateV1", json!([payload, {"blockHash": parent.hash}])).await;
    assert_eq!(before, later);

    let block = &before[0];
    let header = &committed.block.header;
    for (field, want) in [
        ("stateRoot", json!(header.state_root)),
        ("receiptsRoot", json!(header.receipts_root)),
        ("logsBloom", json!(header.logs_bloom)),
        ("gasUsed", json!(format!("{:#x}", header.gas_used))),
        ("number", json!("0x2")),
        ("parentHash", json!(parent.hash)),
        ("timestamp", json!(format!("{:#x}", parent.header.timestamp + 1))),
        ("gasLimit", json!(format!("{:#x}", parent.header.gas_limit))),
        ("baseFeePerGas", json!("0x0")),
        ("miner", json!(Address::ZERO)),
        ("extraData", json!("0x")),
        ("mixHash", json!(header.mix_hash)),
        ("withdrawals", json!([])),
    ] {
        assert_eq!(block[field], want, "{field}");
    }
    assert!(block.get("totalDifficulty").is_none());
    let first = &block["calls"][0];
    assert_eq!((&first["status"], &first["returnData"]), (&json!("0x1"), &json!("0x")));
    let log = &block["calls"][2]["logs"][0];
    assert_eq!((&log["topics"], &log["data"]), (&json!([CHANGED]), &json!(word(3))));
    assert_eq!((&log["logIndex"], &log["transactionIndex"]), (&json!("0x2"), &json!("0x2")));
    assert_eq!(log["transactionHash"], block["transactions"][2]);
    assert_eq!(log["blockHash"], block["hash"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_follow_each_other_with_overrides_gaps_and_their_own_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let at = server.local_addr();
    chain.next();
    let head = chain.ledger.head();
    let (alice, bob, code) = (address(0xa1), address(0xb0), address(0xc0));
    let ask = json!({"from": alice, "to": code});
    let payload = json!({
        "blockStateCalls": [
            {"stateOverrides": {alice.to_string(): {"balance": "0x64"}}, "calls": [{"from": alice, "to": bob, "value": "0x1e"}]},
            {"blockOverrides": {"number": "0x5", "time": "0x7fffffff", "feeRecipient": bob},
             "stateOverrides": {code.to_string(): {"code": returning("43")}}, "calls": [ask]},
            {"stateOverrides": {code.to_string(): {"code": returning("42")}}, "calls": [ask]},
            {"stateOverrides": {code.to_string(): {"code": returning("600540")}}, "calls": [ask]},
            {"stateOverrides": {code.to_string(): {"code": returning("600140")}}, "calls": [ask]},
            {"calls": [{"from": bob, "to": alice, "value": "0x1e", "gasPrice": "0x0"}], "blockOverrides": {"prevRandao": word(7)}},
        ],
        "returnFullTransactions": true,
    });
    let blocks = call(at, "eth_simulateV1", json!([payload, "latest"])).await;
    let blocks = blocks.as_array().unwrap();
    let numbers: Vec<&str> = blocks.iter().map(|block| block["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["0x2", "0x3", "0x4", "0x5", "0x6", "0x7", "0x8", "0x9"], "two fill the gap");
    let mut parent = json!(head.hash);
    for block in blocks {
        assert_eq!(block["parentHash"], parent);
        parent = block["hash"].clone();
    }
    assert_eq!(blocks[2]["timestamp"], json!(format!("{:#x}", head.header.timestamp + 3)));
    assert_eq!(blocks[1]["calls"], json!([]));
    let returned = |index: usize| &blocks[index]["calls"][0]["returnData"];
    assert_eq!(*returned(3), json!(word(5)), "NUMBER");
    assert_eq!(*returned(4), json!(word(0x8000_0000)), "TIMESTAMP, one second on");
    assert_eq!(*returned(5), blocks[3]["hash"], "BLOCKHASH of a simulated block");
    assert_eq!(*returned(6), json!(head.hash), "BLOCKHASH of a real block");
    assert_eq!(blocks[3]["miner"], json!(bob));
    let last = &blocks[7];
    assert_eq!((&last["mixHash"], &last["calls"][0]["status"]), (&json!(word(7)), &json!("0x1")));
    let tx = &last["transactions"][0];
    for (field, want) in [
        ("from", json!(bob)),
        ("to", json!(alice)),
        ("type", json!("0x0")),
        ("nonce", json!("0x0")),
        ("value", json!("0x1e")),
        ("blockHash", last["hash"].clone()),
    ] {
        assert_eq!(tx[field], want, "{field}");
    }
    let dynamic = &blocks[0]["transactions"][0];
    assert_eq!(
        (&dynamic["type"], &dynamic["r"], &dynamic["yParity"]),
        (&json!("0x2"), &json!("0x0"), &json!("0x0"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_have_logs_when_asked_for_unless_their_frame_failed() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let at = server.local_addr();
    let (alice, sink, no) = (address(0xa1), address(0x51), address(0x40));
    let (forward, mortal, tries) = (address(0xf0), address(0xde), address(0x77));
    // CALL(gas, to, 5, 0, 0, 0, 0): forwards 5 wei and stops.
    let send = |to: Address| format!("5f5f5f5f600573{}5af1", hex::encode(to));
    let state = json!({
        alice.to_string(): {"balance": "0x64"},
        forward.to_string(): {"code": format!("0x{}00", send(sink))},
        // Sends to one that reverts, then to one that does not.
        tries.to_string(): {"code": format!("0x{}{}00", send(no), send(sink))},
        no.to_string(): {"code": "0x5f5ffd"},
        mortal.to_string(): {"code": format!("0x73{}ff", hex::encode(sink)), "balance": "0x3"},
    });
    let to = |to: Address, value: &str| json!({"from": alice, "to": to, "value": value});
    let calls =
        json!([to(sink, "0x1"), to(forward, "0x5"), to(tries, "0xa"), to(mortal, "0x0"), to(no, "0x7")]);
    let run = async |traced: bool| {
        let payload =
            json!({"blockStateCalls": [{"stateOverrides": state, "calls": calls}], "traceTransfers": traced});
        call(at, "eth_simulateV1", json!([payload])).await[0].clone()
    };
    let plain = run(false).await;
    let traced = run(true).await;
    assert!(plain["calls"].as_array().unwrap().iter().all(|call| call["logs"] == json!([])), "{plain}");
    for field in ["hash", "receiptsRoot", "logsBloom", "gasUsed"] {
        assert_eq!(plain[field], traced[field], "{field}: transfers are no logs of the block");
    }
    let moved = |call: usize| -> Vec<(String, String, u64)> {
        let logs = traced["calls"][call]["logs"].as_array().unwrap();
        logs.iter()
            .map(|log| {
                assert_eq!(log["address"], "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
                let text = |value: &Value| value.as_str().unwrap().to_string();
                let value = log["data"].as_str().unwrap().parse::<B256>().unwrap();
                (text(&log["topics"][1]), text(&log["topics"][2]), U256::from_be_bytes(value.0).to())
            })
            .collect()
    };
    assert_eq!(moved(0), [(topic(alice), topic(sink), 1)]);
    assert_eq!(moved(1), [(topic(alice), topic(forward), 5), (topic(forward), topic(sink), 5)]);
    assert_eq!(
        moved(2),
        [(topic(alice), topic(tries), 10), (topic(tries), topic(sink), 5)],
        "the frame that reverted sent nothing"
    );
    assert_eq!(moved(3), [(topic(mortal), topic(sink), 3)], "what is left of a contract");
    assert_eq!(moved(4), []);
    let failed = &traced["calls"][4];
    assert_eq!(failed["status"], "0x0");
    assert_eq!(failed["error"], json!({"code": 3, "message": "execution reverted", "data": "0x"}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_simulated_ends_with_the_code_of_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve().await;
    let (at, user) = (server.local_addr(), Key::new("user"));
    chain.deploy(&user).await;
    let alice = address(0xa1);
    let (sha, ripe) = (Address::with_last_byte(2), Address::with_last_byte(3));
    let block = |fields: Value| json!({"blockStateCalls": [fields]});
    let strict = |sent: Value, base_fee: &str| {
        json!({
            "blockStateCalls": [{"blockOverrides": {"baseFeePerGas": base_fee}, "calls": [sent]}],
            "validation": true,
        })
    };
    let from = |fields: Value| {
        let mut sent = json!({"from": user.address, "to": alice});
        sent.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        sent
    };
    let table = [
        (json!({}), -32602, "empty input"),
        (strict(from(json!({"nonce": "0x0"})), "0x0"), -38010, "nonce too low: next nonce 1, tx nonce 0"),
        (strict(from(json!({"nonce": "0x9"})), "0x0"), -38011, "nonce too high: next nonce 1, tx nonce 9"),
        (strict(from(json!({})), "0x5"), -38012, "err: max fee per gas less than block base fee: address"),
        (
            block(json!({"calls": [from(json!({"gas": "0x10"}))]})),
            -38013,
            "intrinsic gas too low: gas 16, minimum needed",
        ),
        (
            block(json!({"calls": [from(json!({"value": "0x1"}))]})),
            -38014,
            "insufficient funds for gas * price + value",
        ),
        (
            block(
                json!({"calls": [from(json!({"gas": "0x2dc6c0"}))], "blockOverrides": {"gasLimit": "0x5208"}}),
            ),
            -38015,
            "block gas limit reached: remaining: 21000, required: 3000000",
        ),
        (
            json!({"blockStateCalls": [{"blockOverrides": {"number": "0x9"}}, {"blockOverrides": {"number": "0x9"}}]}),
            -38020,
            "block numbers must be in order: 9 <= 9",
        ),
        (
            block(json!({"blockOverrides": {"time": "0x1"}})),
            -38021,
            "block timestamps must be in order: 1 <= ",
        ),
        (block(json!({"blockOverrides": {"number": "0x200"}})), -38026, "too many blocks: 511, at most 256"),
        (
            block(json!({"stateOverrides": {sha.to_string(): {"movePrecompileToAddress": sha}}})),
            -32000,
            "is already overridden",
        ),
        (
            block(json!({"stateOverrides": {
                sha.to_string(): {"movePrecompileToAddress": ripe}, alice.to_string(): {"balance": "0x1"},
                ripe.to_string(): {"balance": "0x1"},
            }})),
            -32000,
            "is already overridden",
        ),
        (
            block(json!({"stateOverrides": {alice.to_string(): {"movePrecompileToAddress": sha}}})),
            -32000,
            "is not a precompile",
        ),
    ];
    for (payload, code, part) in table {
        let (got, message) = error(at, "eth_simulateV1", json!([payload, "latest"])).await;
        assert!(got == code && message.contains(part), "{payload}: {got} {message}");
    }
    assert_eq!(
        error(at, "eth_simulateV1", json!([block(json!({})), "0x99"])).await,
        (-32000, "header not found".into())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gas_of_all_calls_together_is_bounded_and_a_call_without_gas_gets_what_is_left_of_its_block() {
    let dir = tempfile::tempdir().unwrap();
    // Small, so that no machine is too slow to use it up in time.
    let options = Options { call_gas_cap: 500_000, ..Options::default() };
    let chain = Chain::open_with(dir.path(), options);
    let server = chain.serve().await;
    let at = server.local_addr();
    let (alice, spin) = (address(0xa1), address(0x5e));
    let state = json!({spin.to_string(): {"code": "0x5b5f56"}});
    let burn = |gas: Option<&str>| match gas {
        Some(gas) => json!({"from": alice, "to": spin, "gas": gas}),
        None => json!({"from": alice, "to": spin}),
    };
    let payload = json!({"blockStateCalls": [{"stateOverrides": state, "calls": [burn(Some("0x9c40")), burn(None)],
        "blockOverrides": {"gasLimit": "0x30d40"}}]});
    let block = call(at, "eth_simulateV1", json!([payload])).await[0].clone();
    let second = &block["calls"][1];
    assert_eq!(
        (&second["gasUsed"], &block["gasUsed"]),
        (&json!(format!("{:#x}", 200_000 - 40_000)), &json!("0x30d40"))
    );
    assert_eq!(second["error"], json!({"code": -32015, "message": "out of gas"}));
    // 200,000 in each of three blocks is more than one request may use, and the fourth gets nothing.
    let limit = json!({"gasLimit": "0x30d40"});
    let blocks = vec![json!({"stateOverrides": state, "blockOverrides": limit, "calls": [burn(None)]}); 4];
    let (code, message) = error(at, "eth_simulateV1", json!([{"blockStateCalls": blocks}])).await;
    assert_eq!(
        (code, message.as_str()),
        (-38026, "gas cap of 500000 for all calls of a simulation is used up; simulate fewer calls")
    );
    server.stop().await;
}
