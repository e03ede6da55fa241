//! What happened inside a transaction.

use crate::rpc::{
    args::Args,
    context::Context,
    debug::trace::Clock,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_primitives::{Address, Bytes, TxHash, U256};
use alloy_rpc_types_trace::geth::{CallConfig, CallFrame, GethDebugTracingOptions, GethTrace};
use serde::Serialize;

pub(super) const METHODS: &[Method] = &[
    method("ots_traceTransaction", 1, Run::Read(transaction)),
    method("ots_getInternalOperations", 1, Run::Read(internal_operations)),
    method("ots_getTransactionError", 1, Run::Read(error)),
];

#[derive(Serialize)]
struct Step {
    #[serde(rename = "type")]
    kind: String,
    depth: u64,
    from: Address,
    to: Option<Address>,
    /// None where a call cannot carry any.
    value: Option<U256>,
    input: Bytes,
    output: Bytes,
}

#[derive(Serialize)]
struct Operation {
    /// 0 transfer, 1 self-destruction, 2 CREATE, 3 CREATE2.
    #[serde(rename = "type")]
    kind: u8,
    from: Address,
    to: Option<Address>,
    value: U256,
}

/// The frames of a transaction as a tree.
fn frames(context: &Context, hash: TxHash) -> Result<CallFrame, Failure> {
    let options = GethDebugTracingOptions::call_tracer(CallConfig::default());
    let clock = Clock::start(&context.limits, None)?;
    match clock.bounded(|bounds| context.ledger.trace_transaction(hash, options, bounds))? {
        GethTrace::CallTracer(frame) => Ok(frame),
        other => {
            tracing::error!(?other, "rpc: the call tracer gave another trace");
            Err(Failure::Internal)
        }
    }
}

/// Calls `note` with each frame and its depth, outer frames before inner ones; inner ones of those it turns down are
/// left out.
fn walk(frame: &CallFrame, depth: u64, note: &mut impl FnMut(&CallFrame, u64) -> bool) {
    if note(frame, depth) {
        for inner in &frame.calls {
            walk(inner, depth + 1, note);
        }
    }
}

fn transaction(context: &Context, args: &Args) -> Answer {
    let mut steps = Vec::new();
    walk(&frames(context, args.required(0)?)?, 0, &mut |frame, depth| {
        let carries = !matches!(frame.typ.as_str(), "STATICCALL" | "DELEGATECALL");
        steps.push(Step {
            kind: frame.typ.clone(),
            depth,
            from: frame.from,
            to: frame.to,
            value: carries.then(|| frame.value.unwrap_or_default()),
            input: frame.input.clone(),
            output: frame.output.clone().unwrap_or_default(),
        });
        true
    });
    json(&steps)
}

/// Ether moved, contracts made and destroyed by contracts; what failed moved nothing.
fn internal_operations(context: &Context, args: &Args) -> Answer {
    let mut operations = Vec::new();
    walk(&frames(context, args.required(0)?)?, 0, &mut |frame, depth| {
        if frame.error.is_some() {
            return false;
        }
        let value = frame.value.unwrap_or_default();
        let kind = match frame.typ.as_str() {
            "CALL" | "CALLCODE" if !value.is_zero() => Some(0),
            "SELFDESTRUCT" => Some(1),
            "CREATE" => Some(2),
            "CREATE2" => Some(3),
            _ => None,
        };
        if let Some(kind) = kind.filter(|_| depth > 0) {
            operations.push(Operation { kind, from: frame.from, to: frame.to, value });
        }
        true
    });
    json(&operations)
}

/// What a transaction reverted with; nothing if it did not.
fn error(context: &Context, args: &Args) -> Answer {
    let frame = frames(context, args.required(0)?)?;
    let reverted = frame.error.is_some().then(|| frame.output.unwrap_or_default());
    json(&reverted.unwrap_or_default())
}
