//! Running again what was run before, with a tracer looking on: `debug_trace*`.
//!
//! Transaction i of a block is traced on the state that 0 … i − 1 leave behind, so the parent's state must still be
//! kept. Bounded in time and in what the tracer may note down.

mod guard;
mod shape;
mod touched;

pub use touched::Touched;

use crate::{
    At, Block, CallError, CallRequest, Ledger, Overrides, TraceError, Transaction, TransactionLocation,
    call::{
        faults::Faults,
        scene::{CallEvm, Scene, call_error},
    },
    execute::{env, senders::sender},
    store::view::StateView,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, TxHash};
use alloy_rpc_types_trace::geth::{GethDebugTracingOptions, GethTrace};
use guard::Guard;
use revm::{
    DatabaseCommit, ExecuteCommitEvm, ExecuteEvm, InspectEvm,
    context::{
        TxEnv,
        result::{EVMError, ExecResultAndState},
    },
};
use revm_inspectors::tracing::{DebugInspector, DebugInspectorError, TransactionContext};
use shape::Around;
use std::sync::Arc;

/// What a trace may cost.
pub struct TraceBounds<'a> {
    /// Bytes that the tracer may note down for one answer.
    pub recorded_bytes: usize,
    /// Whether time is up; asked every thousand instructions or so.
    pub out_of_time: &'a dyn Fn() -> bool,
}

/// Where the trace of one transaction goes, in order; an error ends tracing.
pub type TraceSink<'a> = dyn FnMut(TxHash, GethTrace) -> Result<(), TraceError> + 'a;

impl Ledger {
    /// Traces a transaction of the chain.
    pub fn trace_transaction(
        &self,
        hash: TxHash,
        options: GethDebugTracingOptions,
        bounds: &TraceBounds<'_>,
    ) -> Result<GethTrace, TraceError> {
        let found = self.transaction(hash)?.ok_or(TraceError::UnknownTransaction)?;
        let TransactionLocation { block_number, block_hash, index, sender, tx, .. } = found;
        let (view, header) = self.before(block_number)?;
        let mut replay = Replay::new(Scene::begun(&self.chain, &view, &header)?, options, bounds)?;
        self.run_up_to(&mut replay, block_number, index)?;
        let place = Place { block: Some(block_hash), index, hash };
        replay.traced(&env::transaction(&tx, sender), Some(place))
    }

    /// Traces every transaction of a block of the chain.
    pub fn trace_block(
        &self,
        at: At,
        options: GethDebugTracingOptions,
        bounds: &TraceBounds<'_>,
        sink: &mut TraceSink<'_>,
    ) -> Result<(), TraceError> {
        let unknown = || crate::LedgerError::UnknownBlock(at.to_string());
        let number = self.number(at)?.ok_or_else(unknown)?;
        let (view, header) = self.before(number)?;
        let block = self.block(At::Number(number))?.ok_or_else(unknown)?;
        let hash = self.block_hash(At::Number(number))?.ok_or_else(unknown)?;
        let senders = self.senders(At::Number(number))?.ok_or_else(unknown)?;
        let replay = Replay::new(Scene::begun(&self.chain, &view, &header)?, options, bounds)?;
        replay.block(hash, &block.body.transactions, &senders, sink)
    }

    /// Traces every transaction of a block that need not be ours, as long as its parent is.
    pub fn trace_foreign_block(
        &self,
        block: &Block,
        options: GethDebugTracingOptions,
        bounds: &TraceBounds<'_>,
        sink: &mut TraceSink<'_>,
    ) -> Result<(), TraceError> {
        let parent = block.header.parent_hash;
        let number = self.number(At::Hash(parent))?.ok_or(TraceError::UnknownParent(parent))?;
        let (view, _) = self.state(At::Number(number))?;
        let transactions = &block.body.transactions;
        let takes_blobs = env::takes_blobs(&self.chain.genesis);
        let mut senders = Vec::with_capacity(transactions.len());
        for (index, tx) in transactions.iter().enumerate() {
            if (bounds.out_of_time)() {
                return Err(TraceError::OutOfTime);
            }
            let sender = sender(index, tx, takes_blobs);
            senders.push(sender.map_err(|error| TraceError::Tracer(error.to_string()))?);
        }
        let hash = self.chain.genesis.block_hash(&block.header).unwrap_or_else(|_| block.header.hash_slow());
        let replay = Replay::new(Scene::begun(&self.chain, &view, &block.header)?, options, bounds)?;
        replay.block(hash, transactions, &senders, sink)
    }

    /// Traces a message on the state after a block, or, with `index`, after that many of its transactions.
    pub fn trace_call(
        &self,
        request: &CallRequest,
        (at, index): (At, Option<u64>),
        overrides: &Overrides,
        options: GethDebugTracingOptions,
        bounds: &TraceBounds<'_>,
    ) -> Result<GethTrace, TraceError> {
        let gas = self.call_gas(request)?;
        let unknown = || crate::LedgerError::UnknownBlock(at.to_string());
        let number = self.number(at)?.ok_or_else(unknown)?;
        let (view, header) = match index {
            Some(_) => self.before(number)?,
            None => self.state(At::Number(number))?,
        };
        let scene = match index {
            Some(index) => {
                let scene = Scene::begun(&self.chain, &view, &header)?;
                let mut replay = Replay::new(scene, GethDebugTracingOptions::default(), bounds)?;
                self.run_up_to(&mut replay, number, index)?;
                Scene::over(&self.chain, replay.evm.ctx.journaled_state.database, &header)
            }
            None => Scene::new(&self.chain, &view, &header),
        };
        let mut scene = scene.overridden(overrides)?.lenient();
        let message = scene.message(request, gas).map_err(CallError::Ledger)?;
        Replay::new(scene, options, bounds)?.traced(&message, None)
    }

    /// The state that the block ran on, and its header.
    fn before(&self, number: u64) -> Result<(StateView, Arc<Header>), TraceError> {
        let parent = number.checked_sub(1).ok_or(TraceError::Genesis)?;
        let unknown = || crate::LedgerError::UnknownBlock(number.to_string());
        let header = self.header(At::Number(number))?.ok_or_else(unknown)?;
        let (view, _) = self.state(At::Number(parent))?;
        Ok((view, Arc::new(header)))
    }

    /// Runs the first `count` transactions of a block of the chain.
    fn run_up_to(&self, replay: &mut Replay<'_, '_>, number: u64, count: u64) -> Result<(), TraceError> {
        let unknown = || crate::LedgerError::UnknownBlock(number.to_string());
        let body = self.body(At::Number(number))?.ok_or_else(unknown)?;
        let senders = self.senders(At::Number(number))?.ok_or_else(unknown)?;
        let rows = body.transactions.iter().zip(senders).zip(0..count);
        for ((tx, sender), index) in rows {
            replay.run(env::transaction(tx, sender), index)?;
        }
        Ok(())
    }
}

/// Where a traced transaction stands.
#[derive(Clone, Copy)]
struct Place {
    block: Option<B256>,
    index: u64,
    hash: TxHash,
}

/// Transactions of one block, one after the other, some of them traced.
struct Replay<'a, 'b> {
    evm: CallEvm<'a, (Guard<'b>, (Faults, DebugInspector))>,
    /// Of the transactions that ran so far.
    logs: u64,
}

impl<'a, 'b> Replay<'a, 'b> {
    fn new(
        scene: Scene<'a>,
        options: GethDebugTracingOptions,
        bounds: &'b TraceBounds<'b>,
    ) -> Result<Self, TraceError> {
        let name = options.tracer.as_ref().map(|tracer| tracer.as_str().chars().take(64).collect::<String>());
        let mut tracer =
            DebugInspector::new(options).map_err(|error| tracer_error(&error, name.as_deref()))?;
        let guard = Guard::over(&mut tracer, bounds);
        Ok(Self { evm: scene.evm((guard, (Faults::default(), tracer))), logs: 0 })
    }

    /// Runs a transaction without tracing it.
    fn run(&mut self, tx: TxEnv, index: u64) -> Result<(), TraceError> {
        self.evm.inspector.0.check_time()?;
        let ran = self.evm.transact_commit(tx);
        let ran = ran.map_err(|error| TraceError::Transaction { index, reason: error.to_string() })?;
        self.logs += ran.logs().len() as u64;
        Ok(())
    }

    /// Runs a transaction with the tracer, and keeps what it changed for those that follow.
    fn traced(&mut self, tx: &TxEnv, place: Option<Place>) -> Result<GethTrace, TraceError> {
        self.evm.inspector.0.check_time()?;
        let ran = self.evm.inspect_one_tx(tx.clone());
        let state = self.evm.finalize();
        self.evm.inspector.0.breach(&self.evm.inspector.1.1)?;
        let result = ran.map_err(|error| match (error, place) {
            (EVMError::Transaction(reason), Some(place)) => {
                TraceError::Transaction { index: place.index, reason: reason.to_string() }
            }
            (error, _) => call_error(error).into(),
        })?;
        let result = ExecResultAndState::new(result, state);
        let context = place.map(|place| TransactionContext {
            block_hash: place.block,
            tx_hash: Some(place.hash),
            tx_index: usize::try_from(place.index).ok(),
        });
        let ((faults, inspector), block) = (&mut self.evm.inspector.1, &self.evm.ctx.block);
        let database = &mut self.evm.ctx.journaled_state.database;
        let trace =
            inspector.get_result(context, tx, block, &result, database).map_err(|error| match error {
                DebugInspectorError::Database(error) => TraceError::from(error),
                other => TraceError::Tracer(other.to_string()),
            })?;
        let (before, changed) = (&*database, &result.state);
        let around = Around { faults, logs: self.logs, before, changed };
        let trace = around.shaped(trace)?;
        *faults = Faults::default();
        inspector.fuse().map_err(|error| TraceError::Tracer(error.to_string()))?;
        self.logs += result.result.logs().len() as u64;
        database.commit(result.state);
        Ok(trace)
    }

    fn block(
        mut self,
        hash: B256,
        transactions: &[Transaction],
        senders: &[Address],
        sink: &mut TraceSink<'_>,
    ) -> Result<(), TraceError> {
        for ((tx, sender), index) in transactions.iter().zip(senders).zip(0..) {
            let place = Place { block: Some(hash), index, hash: *tx.tx_hash() };
            sink(place.hash, self.traced(&env::transaction(tx, *sender), Some(place))?)?;
        }
        Ok(())
    }
}

/// Tracers that a client may name.
const TRACERS: &str =
    "callTracer, prestateTracer, 4byteTracer, flatCallTracer, muxTracer, noopTracer, or none for struct logs";

fn tracer_error(error: &DebugInspectorError, name: Option<&str>) -> TraceError {
    let name = name.unwrap_or_default();
    TraceError::Tracer(match error {
        DebugInspectorError::JsTracerNotEnabled | DebugInspectorError::UnsupportedTracer => {
            format!("tracer {name:?} is not known (no JavaScript here), use {TRACERS}")
        }
        DebugInspectorError::InvalidTracerConfig => format!("tracerConfig does not fit {name}"),
        other => format!("{name}: {other}"),
    })
}
