//! `debug_trace*`: struct logs by default, or one of go-ethereum's built-in tracers.

use crate::rpc::{
    RpcLimits,
    args::Args,
    block_id::{BlockId, state_at},
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    message::Message,
};
use alloy_primitives::{B256, Bytes, TxHash};
use alloy_rlp::Decodable;
use alloy_rpc_types_trace::geth::{
    GethDebugTracingCallOptions, GethDebugTracingOptions, GethTrace, TraceResult,
};
use ledger::{At, Block, Overrides, TraceBounds, TraceError, TraceSink};
use serde_json::value::{RawValue, to_raw_value};
use std::time::{Duration, Instant};

pub(in crate::rpc) const METHODS: &[Method] = &[
    method("debug_traceTransaction", 2, Run::Read(transaction)),
    method("debug_traceCall", 3, Run::Read(call)),
    method("debug_traceBlock", 2, Run::Read(block_rlp)),
    method("debug_traceBlockByNumber", 2, Run::Read(block_by_number)),
    method("debug_traceBlockByHash", 2, Run::Read(block_by_hash)),
];

fn transaction(context: &Context, args: &Args) -> Answer {
    let hash: TxHash = args.required(0)?;
    let options = args.optional::<GethDebugTracingOptions>(1)?.unwrap_or_default();
    let clock = Clock::start(&context.limits, options.timeout.as_deref())?;
    json(&clock.bounded(|bounds| context.ledger.trace_transaction(hash, options, bounds))?)
}

fn call(context: &Context, args: &Args) -> Answer {
    let request = args.required::<Message>(0)?.into_request(context.ledger.genesis())?;
    let at = state_at(context, args.optional(1)?)?;
    let options = args.optional::<GethDebugTracingCallOptions>(2)?.unwrap_or_default();
    let overrides = Overrides {
        state: options.state_overrides.unwrap_or_default(),
        block: options.block_overrides.unwrap_or_default(),
    };
    let (index, options) = (options.tx_index, options.tracing_options);
    let clock = Clock::start(&context.limits, options.timeout.as_deref())?;
    json(
        &clock.bounded(|bounds| {
            context.ledger.trace_call(&request, (at, index), &overrides, options, bounds)
        })?,
    )
}

fn block_by_number(context: &Context, args: &Args) -> Answer {
    let at = args.required::<BlockId>(0)?.at(context);
    if context.ledger.number(at)?.is_none() {
        return Err(Failure::refused(format!("block #{at} not found")));
    }
    block(context, args, |options, bounds, sink| context.ledger.trace_block(at, options, bounds, sink))
}

fn block_by_hash(context: &Context, args: &Args) -> Answer {
    let hash: B256 = args.required(0)?;
    let at = At::Hash(hash);
    if context.ledger.number(at)?.is_none() {
        return Err(Failure::refused(format!("block {hash} not found")));
    }
    block(context, args, |options, bounds, sink| context.ledger.trace_block(at, options, bounds, sink))
}

/// A block in RLP that need not be in the chain, as long as its parent is.
fn block_rlp(context: &Context, args: &Args) -> Answer {
    let rlp: Bytes = args.required(0)?;
    let foreign = Block::decode(&mut rlp.as_ref())
        .map_err(|error| Failure::refused(format!("could not decode block: {error}")))?;
    block(context, args, |options, bounds, sink| {
        context.ledger.trace_foreign_block(&foreign, options, bounds, sink)
    })
}

fn block(
    context: &Context,
    args: &Args,
    run: impl FnOnce(GethDebugTracingOptions, &TraceBounds<'_>, &mut TraceSink<'_>) -> Result<(), TraceError>,
) -> Answer {
    let options = args.optional::<GethDebugTracingOptions>(1)?.unwrap_or_default();
    let clock = Clock::start(&context.limits, options.timeout.as_deref())?;
    // Each trace is encoded and dropped before the next begins: the answer's bytes are all that adds up.
    let most = context.limits.response_bytes as usize;
    let mut rows = Rows { encoded: Vec::new(), left: most, most };
    clock.bounded(|bounds| run(options, bounds, &mut |hash, trace| rows.add(hash, trace)))?;
    json(&rows.encoded)
}

struct Rows {
    encoded: Vec<Box<RawValue>>,
    left: usize,
    most: usize,
}

impl Rows {
    fn add(&mut self, hash: TxHash, trace: GethTrace) -> Result<(), TraceError> {
        let row = TraceResult::new_success(trace, Some(hash));
        let row = to_raw_value(&row).map_err(|error| TraceError::Tracer(error.to_string()))?;
        let left = self.left.checked_sub(row.get().len());
        self.left = left.ok_or(TraceError::Answer { most: self.most })?;
        self.encoded.push(row);
        Ok(())
    }
}

/// When a trace began and how long it may take.
pub(in crate::rpc) struct Clock {
    started: Instant,
    limit: Duration,
    recorded_bytes: usize,
}

impl Clock {
    /// `timeout` as the client wrote it.
    pub(in crate::rpc) fn start(limits: &RpcLimits, timeout: Option<&str>) -> Result<Self, Failure> {
        let wanted = timeout.map_or(Ok(Duration::from_secs(limits.trace_s)), go_duration)?;
        Ok(Self {
            started: Instant::now(),
            limit: wanted.min(Duration::from_secs(limits.trace_most_s)),
            recorded_bytes: limits.trace_bytes as usize,
        })
    }

    /// Runs within the time and bytes that a trace may take.
    pub(in crate::rpc) fn bounded<T>(
        &self,
        run: impl FnOnce(&TraceBounds<'_>) -> Result<T, TraceError>,
    ) -> Result<T, Failure> {
        let out_of_time = || self.started.elapsed() >= self.limit;
        let bounds = TraceBounds { recorded_bytes: self.recorded_bytes, out_of_time: &out_of_time };
        run(&bounds).map_err(Failure::from)
    }
}

/// A duration as Go writes it: `300ms`, `5s`, `1m30s`.
fn go_duration(text: &str) -> Result<Duration, Failure> {
    let wrong = || {
        Failure::refused(format!(
            "invalid timeout {:?}: expected for example \"5s\"",
            text.chars().take(32).collect::<String>()
        ))
    };
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        total += Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        rest = tail;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_go_writes_them() {
        let table = [
            ("5s", Some(5_000)),
            ("300ms", Some(300)),
            ("1m30s", Some(90_000)),
            ("1.5s", Some(1_500)),
            ("", Some(0)),
            ("5", None),
            ("-5s", None),
            ("5 s", None),
            ("1e400s", None),
        ];
        for (text, want) in table {
            assert_eq!(go_duration(text).ok(), want.map(Duration::from_millis), "{text}");
        }
    }
}
