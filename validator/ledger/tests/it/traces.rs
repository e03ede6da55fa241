use crate::network::{COUNTER, Network};
use alloy_primitives::Address;
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use ledger::{At, CallError, CallRequest, Ledger, LedgerError, Options, Overrides, TraceBounds, TraceError};
use std::cell::Cell;

#[test]
fn a_transaction_whose_parent_state_is_pruned_cannot_be_traced_and_the_error_says_what_is_kept() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let options = Options { history_blocks: 3, ..Options::default() };
    let ledger = Ledger::open(dir.path(), network.genesis.clone(), options).unwrap();
    let (alice, to) = (&network.users[0], Address::repeat_byte(8));
    let blocks: Vec<_> =
        (0..8).map(|nonce| network.next(&ledger, vec![alice.transfer(nonce, to, 1)])).collect();
    let trace = |number: usize| {
        let bounds = TraceBounds { recorded_bytes: 1 << 20, out_of_time: &|| false };
        let hash = blocks[number - 1].transaction_hashes[0];
        ledger.trace_transaction(hash, GethDebugTracingOptions::default(), &bounds)
    };
    // States 5 to 8 are kept: block 6 runs on state 5.
    assert!(trace(6).is_ok());
    let error = trace(5).unwrap_err();
    assert!(
        matches!(
            error,
            TraceError::Call(CallError::Ledger(LedgerError::StatePruned { block: 4, oldest: 5 }))
        ),
        "{error}"
    );
}

#[test]
fn a_trace_ends_soon_after_its_time_is_up() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    network.next(&ledger, vec![network.users[0].deploy(0, &COUNTER)]);
    // A loop of three cheap instructions that would take all of 50 M gas.
    let spin = CallRequest { data: vec![0x5b, 0x5f, 0x56].into(), ..CallRequest::default() };
    let looks = Cell::new(0);
    let out_of_time = || {
        looks.set(looks.get() + 1);
        looks.get() > 3
    };
    let bounds = TraceBounds { recorded_bytes: 1 << 30, out_of_time: &out_of_time };
    let options = GethDebugTracingOptions::call_tracer(alloy_rpc_types_trace::geth::CallConfig::default());
    let ended = ledger.trace_call(&spin, (At::Head, None), &Overrides::default(), options, &bounds);
    assert!(matches!(ended, Err(TraceError::OutOfTime)), "{ended:?}");
    assert_eq!(looks.get(), 4, "not asked again once time was up");
}
