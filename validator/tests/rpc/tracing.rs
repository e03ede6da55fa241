use crate::{
    chain_of_one::{CHANGED, Chain, GET, Key, set},
    http::{answer, call, error},
};
use alloy_primitives::{Address, B256, TxKind, U256, hex};
use serde_json::{Value, json};
use validator::rpc::{RpcLimits, ServerHandle};

struct Stage {
    chain: Chain,
    server: ServerHandle,
    user: Key,
    contract: Address,
    _dir: tempfile::TempDir,
}

/// A contract whose slot 0 was set to 1 in block 2, and to 2 then 3 in block 3.
async fn stage() -> (Stage, [B256; 3]) {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path());
    let server = chain.serve_with(RpcLimits::default(), &["eth", "debug"]).await;
    let user = Key::new("user");
    let contract = chain.deploy(&user).await;
    let first = chain.submit(user.dynamic(1, TxKind::Call(contract), set(1))).await;
    chain.next();
    let second = chain.submit(user.dynamic(2, TxKind::Call(contract), set(2))).await;
    let third = chain.submit(user.legacy(3, TxKind::Call(contract), set(3))).await;
    chain.next();
    (Stage { chain, server, user, contract, _dir: dir }, [first, second, third])
}

fn word(value: u64) -> String {
    hex::encode_prefixed(U256::from(value).to_be_bytes::<32>())
}

#[tokio::test(flavor = "multi_thread")]
async fn struct_logs_show_every_instruction_on_the_state_before_the_transaction() {
    let (stage, [_, _, third]) = stage().await;
    let at = stage.server.local_addr();
    let receipt = call(at, "eth_getTransactionReceipt", json!([third])).await;
    let gas = u64::from_str_radix(&receipt["gasUsed"].as_str().unwrap()[2..], 16).unwrap();

    let trace = call(at, "debug_traceTransaction", json!([third])).await;
    assert_eq!(
        (&trace["gas"], &trace["failed"], &trace["returnValue"]),
        (&json!(gas), &json!(false), &json!("0x"))
    );
    let logs = trace["structLogs"].as_array().unwrap();
    let first = &logs[0];
    // The intrinsic cost: 21000 and the bytes of the input, 16 each or 4 when zero.
    let intrinsic = 21_000 + set(3).iter().map(|byte| if *byte == 0 { 4 } else { 16 }).sum::<u64>();
    for (field, want) in [
        ("pc", json!(0)),
        ("op", json!("PUSH0")),
        ("gas", json!(500_000 - intrinsic)),
        ("gasCost", json!(2)),
        ("depth", json!(1)),
        ("stack", json!([])),
    ] {
        assert_eq!(first[field], want, "{field} of {first}");
    }
    assert!(logs.iter().all(|log| log.get("memory").is_none() && log.get("returnData").is_none()));
    let store = logs.iter().find(|log| log["op"] == "SSTORE").unwrap();
    let stack: Vec<&str> =
        store["stack"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(stack[stack.len() - 2..], ["0x3", "0x0"], "value below, slot on top");
    assert_eq!(store["storage"], json!({word(0): word(3)}));
    // A second change of a slot that is not zero: 2900, and 2100 for its first use (EIP-2929).
    assert_eq!(store["gasCost"], json!(5000));

    let options = json!({"disableStack": true, "disableStorage": true, "enableMemory": true, "limit": 3});
    let trace = call(at, "debug_traceTransaction", json!([third, options])).await;
    let logs = trace["structLogs"].as_array().unwrap();
    assert_eq!(logs.len(), 3);
    assert!(logs.iter().all(|log| log.get("stack").is_none() && log.get("storage").is_none()), "{logs:?}");
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_tracer_gives_the_frames_with_logs_and_revert_reasons() {
    let (stage, [first, ..]) = stage().await;
    let (at, contract) = (stage.server.local_addr(), stage.contract);
    let receipt = call(at, "eth_getTransactionReceipt", json!([first])).await;
    let options = json!({"tracer": "callTracer", "tracerConfig": {"withLog": true}});
    let frame = call(at, "debug_traceTransaction", json!([first, options])).await;
    assert_eq!(
        frame,
        json!({
            "type": "CALL", "from": stage.user.address, "to": contract, "value": "0x0", "gas": "0x7a120",
            "gasUsed": receipt["gasUsed"], "input": set(1),
            "logs": [{"address": contract, "topics": [CHANGED], "data": word(1), "position": "0x0", "index": "0x0"}],
        })
    );

    let message = json!({"from": stage.user.address, "to": contract, "data": "0xdeadbeef", "gas": "0x186a0"});
    let frame = call(at, "debug_traceCall", json!([message, "latest", {"tracer": "callTracer"}])).await;
    let reverted = answer(at, "eth_call", json!([message])).await;
    assert_eq!(
        (&frame["error"], &frame["revertReason"], &frame["output"]),
        (&json!("execution reverted"), &json!("nope"), &reverted["error"]["data"]),
        "{frame}"
    );

    let creation = call(at, "debug_traceBlockByNumber", json!(["0x1", {"tracer": "callTracer"}])).await;
    let frame = &creation[0]["result"];
    assert_eq!((&frame["type"], &frame["to"]), (&json!("CREATE"), &json!(contract)), "{frame}");
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prestate_tracer_gives_what_was_there_before_and_what_changed() {
    let (stage, [_, _, third]) = stage().await;
    let (at, contract, user) = (stage.server.local_addr(), stage.contract, stage.user.address);
    let field = |address: Address| format!("{address:#x}");
    let options = json!({"tracer": "prestateTracer"});
    let before = call(at, "debug_traceTransaction", json!([third, options])).await;
    assert_eq!(before[field(contract)]["storage"], json!({word(0): word(2)}), "{before}");
    assert_eq!(before[field(contract)]["nonce"], json!(1));
    assert_eq!(before[field(contract)]["code"], call(at, "eth_getCode", json!([contract])).await);
    assert_eq!(before[field(user)], json!({"balance": "0x0", "nonce": 3}));

    let options = json!({"tracer": "prestateTracer", "tracerConfig": {"diffMode": true}});
    let diff = call(at, "debug_traceTransaction", json!([third, options])).await;
    assert_eq!(diff["post"][field(contract)], json!({"storage": {word(0): word(3)}}), "{diff}");
    assert_eq!(diff["pre"][field(contract)]["storage"], json!({word(0): word(2)}));
    assert_eq!(diff["post"][field(user)], json!({"nonce": 4}));

    let options =
        json!({"tracer": "prestateTracer", "tracerConfig": {"disableCode": true, "disableStorage": true}});
    let bare = call(at, "debug_traceTransaction", json!([third, options])).await;
    assert!(
        bare[field(contract)].get("code").is_none() && bare[field(contract)].get("storage").is_none(),
        "{bare}"
    );
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_are_counted_and_several_tracers_run_at_once() {
    let (stage, [first, ..]) = stage().await;
    let (at, contract) = (stage.server.local_addr(), stage.contract);
    let selectors = call(at, "debug_traceTransaction", json!([first, {"tracer": "4byteTracer"}])).await;
    assert_eq!(selectors, json!({"0x60fe47b1-32": 1}));
    assert_eq!(call(at, "debug_traceTransaction", json!([first, {"tracer": "noopTracer"}])).await, json!({}));
    let flat = call(at, "debug_traceTransaction", json!([first, {"tracer": "flatCallTracer"}])).await;
    assert_eq!((&flat[0]["type"], &flat[0]["action"]["to"]), (&json!("call"), &json!(contract)), "{flat}");
    assert_eq!(flat[0]["transactionHash"], json!(first));
    let mux = json!({"tracer": "muxTracer", "tracerConfig": {"callTracer": {}, "4byteTracer": null}});
    let both = call(at, "debug_traceTransaction", json!([first, mux])).await;
    assert_eq!(both["4byteTracer"], selectors);
    assert_eq!(both["callTracer"]["to"], json!(contract));
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_traced_by_number_hash_or_bytes_each_transaction_on_what_the_others_left() {
    let (stage, [_, second, third]) = stage().await;
    let at = stage.server.local_addr();
    let options = json!({"tracer": "prestateTracer"});
    let by_number = call(at, "debug_traceBlockByNumber", json!(["0x3", options])).await;
    let slot = |row: &Value| row["result"][format!("{:#x}", stage.contract)]["storage"].clone();
    let rows = by_number.as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row["txHash"]).collect::<Vec<_>>(), [&json!(second), &json!(third)]);
    assert_eq!(
        rows.iter().map(slot).collect::<Vec<_>>(),
        [json!({word(0): word(1)}), json!({word(0): word(2)})]
    );
    let head = stage.chain.ledger.head();
    assert_eq!(call(at, "debug_traceBlockByHash", json!([head.hash, options])).await, by_number);
    let block = stage.chain.ledger.block(ledger::At::Head).unwrap().unwrap();
    let rlp = hex::encode_prefixed(alloy_rlp::encode(&block));
    assert_eq!(call(at, "debug_traceBlock", json!([rlp, options])).await, by_number);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_traced_with_overrides_and_between_the_transactions_of_a_block() {
    let (stage, _) = stage().await;
    let (at, contract) = (stage.server.local_addr(), stage.contract);
    let read = json!({"to": contract, "data": hex::encode_prefixed(GET)});
    let value = async |block: &str, options: Value| {
        call(at, "debug_traceCall", json!([read, block, options])).await["returnValue"].clone()
    };
    assert_eq!(value("latest", json!({})).await, json!(word(3)));
    assert_eq!(value("0x2", json!({})).await, json!(word(1)));
    assert_eq!(value("0x3", json!({"txIndex": "0x1"})).await, json!(word(2)));
    let other = json!({contract.to_string(): {"stateDiff": {word(0): word(9)}}});
    assert_eq!(value("latest", json!({"stateOverrides": other})).await, json!(word(9)));
    // NUMBER is what the block override says: code that returns it.
    let number = json!({contract.to_string(): {"code": "0x435f5260205ff3"}});
    let options = json!({"stateOverrides": number, "blockOverrides": {"number": "0x77"}});
    assert_eq!(value("latest", options).await, json!(word(0x77)));
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_traced_is_refused_with_the_reason() {
    let (stage, [first, ..]) = stage().await;
    let at = stage.server.local_addr();
    // Creation code with a loop that ends with its gas.
    let spin = json!({"data": "0x5b5f56", "gas": "0x2faf080"});
    let table = [
        ("debug_traceTransaction", json!([B256::ZERO]), -32000, "transaction not found"),
        ("debug_traceBlockByNumber", json!(["0x0"]), -32000, "genesis is not traceable"),
        ("debug_traceBlockByNumber", json!(["0x63"]), -32000, "block #99 not found"),
        ("debug_traceTransaction", json!([]), -32602, "missing value for required argument 0"),
        (
            "debug_traceTransaction",
            json!([first, {"tracer": "{step: function() {}}"}]),
            -32000,
            "tracer \"{step: function() {}}\" is not known (no JavaScript here), use callTracer, prestateTracer, \
             4byteTracer, flatCallTracer, muxTracer, noopTracer, or none for struct logs",
        ),
        (
            "debug_traceTransaction",
            json!([first, {"timeout": "soon"}]),
            -32000,
            "invalid timeout \"soon\": expected for example \"5s\"",
        ),
        (
            "debug_traceTransaction",
            json!([first, {"timeout": "0s"}]),
            -32000,
            "execution timeout: trace one transaction, or ask for a longer `timeout`",
        ),
        (
            "debug_traceCall",
            json!([spin, "latest", {}]),
            -32005,
            "trace exceeds 33554432 bytes; turn off memory, stack or storage, set `limit`, or use callTracer",
        ),
    ];
    for (method, params, code, message) in table {
        assert_eq!(error(at, method, params.clone()).await, (code, message.to_string()), "{method} {params}");
    }
    let missing = format!("block {} not found", B256::ZERO);
    assert_eq!(error(at, "debug_traceBlockByHash", json!([B256::ZERO])).await, (-32000, missing));
    // The narrow tracer notes down little of the same run and gives its answer.
    let frame =
        call(at, "debug_traceCall", json!([spin, "latest", {"tracer": "callTracer", "timeout": "30s"}]))
            .await;
    assert_eq!((&frame["type"], &frame["error"]), (&json!("CREATE"), &json!("out of gas")));
    stage.server.stop().await;
}
