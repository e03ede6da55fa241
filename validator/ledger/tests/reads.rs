//! Reads use none of the threads that blocks have: here all of these are taken, and reads come to their end.
#![allow(missing_docs, reason = "tests")]

#[path = "it/network.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod network;

use alloy_primitives::Address;
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use ledger::{
    At, Block, CallRequest, Ledger, SimulatedBlock, Simulation, TraceBounds, TraceError, Transaction,
};
use network::Network;
use std::{
    sync::{Barrier, mpsc},
    time::Duration,
};

/// More than what is ever worth several threads.
const TRANSACTIONS: u64 = 200;
/// A read that takes longer waits for threads that do not come.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a read while every thread of the pool that blocks use waits for it to end.
fn with_all_threads_taken(read: impl FnOnce() + Send) {
    let threads = rayon::current_num_threads();
    let (taken, over) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let hold = |_: rayon::BroadcastContext<'_>| {
        taken.wait();
        over.wait();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| rayon::broadcast(hold));
        taken.wait();
        let (done, is_done) = mpsc::channel();
        scope.spawn(move || {
            read();
            done.send(()).unwrap();
        });
        let ended = is_done.recv_timeout(PATIENCE);
        over.wait();
        ended.expect("the read ends while blocks have all threads");
    });
}

fn traced(ledger: &Ledger, block: &Block, out_of_time: &dyn Fn() -> bool) -> Result<usize, TraceError> {
    let bounds = TraceBounds { recorded_bytes: 1 << 20, out_of_time };
    let mut traces = 0;
    ledger.trace_foreign_block(block, GethDebugTracingOptions::default(), &bounds, &mut |_, _| {
        traces += 1;
        Ok(())
    })?;
    Ok(traces)
}

#[test]
fn traces_of_foreign_blocks_and_simulations_leave_all_threads_to_blocks() {
    let network = Network::by_headers();
    let dir = tempfile::tempdir().unwrap();
    let ledger = network.open(dir.path());
    let (alice, to) = (&network.users[0], Address::repeat_byte(8));
    let transfers = (0..TRANSACTIONS).map(|nonce| alice.transfer(nonce, to, 1)).collect();
    let mut block = Block::clone(&network.build(&ledger, transfers).block);
    // Decoded anew, as it comes in a request, nothing of it is known.
    let decoded = |tx: &Transaction| alloy_rlp::decode_exact::<Transaction>(&alloy_rlp::encode(tx)).unwrap();
    block.body.transactions = block.body.transactions.iter().map(decoded).collect();
    let call = CallRequest { from: Some(alice.address), to: Some(to), ..CallRequest::default() };
    let calls = vec![call; usize::try_from(TRANSACTIONS).unwrap()];
    let blocks = vec![SimulatedBlock { calls, ..SimulatedBlock::default() }];
    let simulation = Simulation { blocks, ..Simulation::default() };
    with_all_threads_taken(|| {
        assert_eq!(traced(&ledger, &block, &|| false).unwrap() as u64, TRANSACTIONS);
        let simulated = ledger.simulate(&simulation, At::Head, &|| false).unwrap();
        assert_eq!(simulated[0].senders.len() as u64, TRANSACTIONS);
    });
    assert!(matches!(traced(&ledger, &block, &|| true), Err(TraceError::OutOfTime)));
}
