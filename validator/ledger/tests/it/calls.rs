use crate::network::{COUNTER, Network, REVERTER, init_code};
use alloy_primitives::{Address, U256};
use chain::genesis::QBFT_MIX_HASH;
use ledger::{At, CallError, CallRequest, CallStatus, Ledger, Overrides};
use std::cell::Cell;

fn ledger() -> (Network, Ledger, tempfile::TempDir) {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let alice = &network.users[0];
    network.next(&ledger, vec![alice.deploy(0, &COUNTER), alice.deploy(1, &REVERTER)]);
    (network, ledger, dir)
}

/// Returns what one opcode pushes.
fn opcode(ledger: &Ledger, opcode: u8) -> U256 {
    let data = [opcode, 0x60, 0, 0x52, 0x60, 0x20, 0x60, 0, 0xf3];
    let request = CallRequest { data: data.to_vec().into(), ..CallRequest::default() };
    let outcome = ledger.call(&request, At::Head).unwrap();
    assert_eq!(outcome.status, CallStatus::Success);
    U256::from_be_slice(&outcome.output)
}

#[test]
fn contracts_see_the_environment_of_the_zero_fee_profile() {
    let (network, ledger, _dir) = ledger();
    let (prevrandao, base_fee, blob_base_fee, chain_id, coinbase) = (0x44, 0x48, 0x4a, 0x46, 0x41);
    assert_eq!(opcode(&ledger, prevrandao), U256::from_be_bytes(QBFT_MIX_HASH.0));
    assert_eq!(opcode(&ledger, base_fee), U256::ZERO);
    assert_eq!(opcode(&ledger, blob_base_fee), U256::ZERO);
    assert_eq!(opcode(&ledger, chain_id), U256::from(crate::network::CHAIN_ID));
    assert_eq!(opcode(&ledger, coinbase), U256::from_be_slice(network.validators[0].address.as_slice()));
}

#[test]
fn a_call_changes_nothing_and_tells_how_it_ended() {
    let (network, ledger, _dir) = ledger();
    let alice = network.users[0].address;
    let call = |to| ledger.call(&CallRequest { to: Some(to), ..CallRequest::default() }, At::Head).unwrap();
    assert_eq!(call(alice.create(0)).status, CallStatus::Success);
    assert_eq!(ledger.storage(alice.create(0), U256::ZERO, At::Head).unwrap(), U256::ZERO);
    let reverted = call(alice.create(1));
    assert_eq!((reverted.status, reverted.output.len()), (CallStatus::Revert, 32));
    let invalid = CallRequest { data: vec![0xfe].into(), ..CallRequest::default() };
    let halted = ledger.call(&invalid, At::Head).unwrap();
    assert!(
        matches!(&halted.status, CallStatus::Halt(reason) if reason.starts_with("invalid opcode")),
        "{halted:?}"
    );
    let rich = CallRequest { to: Some(alice), value: U256::from(1), ..CallRequest::default() };
    assert!(
        matches!(ledger.call(&rich, At::Head), Err(CallError::Invalid(_))),
        "the zero address has no funds"
    );
    let greedy = CallRequest { to: Some(alice), gas: Some(50_000_001), ..CallRequest::default() };
    assert!(matches!(ledger.call(&greedy, At::Head), Err(CallError::GasCap { cap: 50_000_000, .. })));
}

#[test]
fn an_estimate_is_enough_for_the_transaction_and_not_much_more() {
    let (network, ledger, _dir) = ledger();
    let [alice, bob] = [&network.users[0], &network.users[1]];
    let request = |to: Option<Address>, data: Vec<u8>| CallRequest {
        from: Some(bob.address),
        to,
        data: data.into(),
        ..CallRequest::default()
    };
    let transfer = request(Some(alice.address), vec![]);
    assert_eq!(ledger.estimate_gas(&transfer, At::Head).unwrap(), 21_000);
    let counter = alice.address.create(0);
    let gas = ledger.estimate_gas(&request(Some(counter), vec![]), At::Head).unwrap();
    let deploy = ledger.estimate_gas(&request(None, init_code(&COUNTER)), At::Head).unwrap();
    let block = network.next(
        &ledger,
        vec![
            bob.transaction(0, alloy_primitives::TxKind::Call(counter), 0, &[], gas),
            bob.transaction(1, alloy_primitives::TxKind::Create, 0, &init_code(&COUNTER), deploy),
        ],
    );
    assert!(block.receipts.iter().all(alloy_consensus::TxReceipt::status));
    let used = alloy_consensus::TxReceipt::cumulative_gas_used(&block.receipts[0]);
    assert!(gas >= used && gas <= used + used / 20 + 2400, "estimated {gas}, used {used}");
    let reverts = ledger.estimate_gas(&request(Some(alice.address.create(1)), vec![]), At::Head);
    assert!(matches!(reverts, Err(CallError::Revert { .. })));
}

#[test]
fn a_call_an_estimate_and_an_access_list_end_soon_after_their_time_is_up() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    // A loop of three cheap instructions that would take all gas.
    let spin = CallRequest { data: vec![0x5b, 0x5f, 0x56].into(), ..CallRequest::default() };
    let looks = Cell::new(0);
    let out_of_time = || {
        looks.set(looks.get() + 1);
        looks.get() > 3
    };
    let none = Overrides::default();
    let called = ledger.call_with(&spin, At::Head, &none, &out_of_time);
    assert!(matches!(called, Err(CallError::OutOfTime)), "{called:?}");
    assert_eq!(looks.take(), 4, "not asked again once time was up");
    let estimated = ledger.estimate_gas_with(&spin, At::Head, &none, &out_of_time);
    assert!(matches!(estimated, Err(CallError::OutOfTime)), "{estimated:?}");
    assert_eq!(looks.take(), 4);
    let listed = ledger.create_access_list(&spin, At::Head, &none, &out_of_time);
    assert!(matches!(listed, Err(CallError::OutOfTime)), "{listed:?}");
    assert_eq!(looks.take(), 4);
    // Tries of an estimate that are short one by one have one time together.
    let deploy = CallRequest { data: init_code(&COUNTER).into(), ..CallRequest::default() };
    let estimated = ledger.estimate_gas_with(&deploy, At::Head, &none, &out_of_time);
    assert!(matches!(estimated, Err(CallError::OutOfTime)), "{estimated:?}");
    assert!(ledger.estimate_gas_with(&deploy, At::Head, &none, &|| false).is_ok());
}

#[test]
fn a_brief_call_gives_what_a_call_gives_and_ends_where_it_could_not_be_interrupted() {
    let (_network, ledger, _dir) = ledger();
    let sha256 = CallRequest {
        to: Some(Address::with_last_byte(2)),
        data: b"quorate".to_vec().into(),
        ..CallRequest::default()
    };
    let brief = ledger.call_briefly(&sha256, At::Head, &|| false).unwrap();
    assert_eq!(brief, ledger.call(&sha256, At::Head).unwrap());
    assert!(matches!(ledger.call_briefly(&sha256, At::Head, &|| true), Err(CallError::OutOfTime)));
    for slow in [5, 6, 8, 9, 0x0a, 0x11] {
        let call = CallRequest { to: Some(Address::with_last_byte(slow)), ..CallRequest::default() };
        let called = ledger.call_briefly(&call, At::Head, &|| false);
        assert!(matches!(called, Err(CallError::OutOfTime)), "{slow:#x}: {called:?}");
    }
    // What a contract calls is no different: push 5 zeros but for the address, call, return.
    for (precompile, is_slow) in [(4_u8, false), (5, true)] {
        let code = [0x5f, 0x5f, 0x5f, 0x5f, 0x60, precompile, 0x5a, 0xfa, 0x00];
        let deploy = CallRequest { data: code.to_vec().into(), ..CallRequest::default() };
        let called = ledger.call_briefly(&deploy, At::Head, &|| false);
        assert_eq!(matches!(called, Err(CallError::OutOfTime)), is_slow, "{precompile}: {called:?}");
    }
}

#[test]
fn a_brief_call_is_asked_for_its_time_by_what_its_instructions_cost_and_not_by_their_number() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    // Hashes so many bytes again and again, until gas runs out: 5b 62 size 5f 20 50 5f 56.
    let hashes = |bytes: u32| {
        let [_, a, b, c] = bytes.to_be_bytes();
        let data = vec![0x5b, 0x62, a, b, c, 0x5f, 0x20, 0x50, 0x5f, 0x56];
        CallRequest { data: data.into(), gas: Some(5_000_000), ..CallRequest::default() }
    };
    let looks = Cell::new(0);
    let look = || {
        looks.set(looks.get() + 1);
        false
    };
    // One hash of 64 KiB costs 12,318 gas, so that 5 M suffice for some 400.
    let ended = ledger.call_briefly(&hashes(64 << 10), At::Head, &look).unwrap();
    assert!(matches!(ended.status, CallStatus::Halt(_)), "{ended:?}");
    assert!(looks.get() > 390, "{} looks", looks.get());
    // What cannot be interrupted is not begun.
    let ended = ledger.call_briefly(&hashes((64 << 10) + 1), At::Head, &|| false);
    assert!(matches!(ended, Err(CallError::OutOfTime)), "{ended:?}");
    // Nor is a precompile given as much: size, 0, 0, 0, SHA-256, gas, call.
    for (bytes, is_much) in [(64_u32 << 10, false), ((64 << 10) + 1, true)] {
        let [_, a, b, c] = bytes.to_be_bytes();
        let code = [0x5f, 0x5f, 0x62, a, b, c, 0x5f, 0x60, 2, 0x5a, 0xfa, 0x00];
        let call = CallRequest { data: code.to_vec().into(), ..CallRequest::default() };
        let called = ledger.call_briefly(&call, At::Head, &|| false);
        assert_eq!(matches!(called, Err(CallError::OutOfTime)), is_much, "{bytes}: {called:?}");
    }
}
