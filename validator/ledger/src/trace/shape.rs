//! Traces as go-ethereum shapes them, where the library's differ.

use crate::{LedgerError, call::faults::Faults};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY};
use alloy_rpc_types_trace::geth::{
    AccountState, CallFrame, DefaultFrame, GethTrace, PreStateFrame, call::FlatCallFrame,
};
use revm::{
    DatabaseRef,
    state::{AccountInfo, EvmState},
};
use serde_json::{Map, Value};

/// What a trace does not say itself.
pub(super) struct Around<'a, DB> {
    /// Failures in go-ethereum's words.
    pub(super) faults: &'a Faults,
    /// Whether it is a transaction of a block, not a call.
    pub(super) placed: bool,
    /// Logs of the block before this transaction.
    pub(super) logs: u64,
    /// State before it.
    pub(super) before: &'a DB,
    /// What it changed.
    pub(super) changed: &'a EvmState,
}

impl<DB: DatabaseRef<Error = LedgerError>> Around<'_, DB> {
    /// The trace in go-ethereum's shape.
    pub(super) fn shaped(&self, trace: GethTrace) -> Result<GethTrace, LedgerError> {
        Ok(match trace {
            GethTrace::Default(frame) => GethTrace::Default(self.steps(frame)),
            GethTrace::CallTracer(mut frame) => {
                self.calls(&mut frame, &mut 0);
                GethTrace::CallTracer(frame)
            }
            GethTrace::FlatCallTracer(frames) => GethTrace::JS(flat(&frames, self.placed)),
            GethTrace::PreStateTracer(frame) => GethTrace::JS(self.states(frame)?),
            other => other,
        })
    }

    /// A refund of nothing is left out; an instruction that failed while it ran has no error of its own.
    fn steps(&self, mut frame: DefaultFrame) -> DefaultFrame {
        for (index, log) in frame.struct_logs.iter_mut().enumerate() {
            let refund = self.faults.refund(index).or(log.refund_counter);
            log.refund_counter = refund.filter(|refund| *refund > 0);
            log.gas_cost = log.gas_cost.saturating_sub(self.faults.passed_on(index));
            log.memory = log.memory.take().filter(|memory| !memory.is_empty());
            log.storage = log.storage.take().filter(|storage| !storage.is_empty());
            log.return_data = log.return_data.take().filter(|data| !data.is_empty());
            log.error = None;
            let Some(fault) = self.faults.instructions().get(&index) else { continue };
            log.error.clone_from(&fault.error);
            if let Some(name) = &fault.name {
                log.op = name.clone().into();
            }
        }
        frame
    }

    /// Logs count through the block. `entered` frames came before this one.
    fn calls(&self, frame: &mut CallFrame, entered: &mut usize) {
        for log in &mut frame.logs {
            log.index = log.index.map(|index| index.saturating_add(self.logs));
        }
        // An account that is destroyed shows as a call, but nothing is entered.
        if frame.typ == "SELFDESTRUCT" {
            return;
        }
        if let (Some(error), Some(Some(reason))) = (&mut frame.error, self.faults.frames().get(*entered)) {
            error.clone_from(reason);
        }
        *entered += 1;
        for call in &mut frame.calls {
            self.calls(call, entered);
        }
    }

    /// Code hashes are shown where there is code; accounts that were nothing are not.
    fn states(&self, frame: PreStateFrame) -> Result<Value, LedgerError> {
        let before = |address: &Address| self.before.basic_ref(*address);
        match frame {
            PreStateFrame::Default(mode) => {
                let rows = mode.0.iter().map(|(address, state)| {
                    Ok((*address, object(state), code_hash(before(address)?.as_ref())))
                });
                collected(rows)
            }
            PreStateFrame::Diff(mode) => {
                let mut pre = Vec::new();
                for (address, state) in &mode.pre {
                    if let Some(info) = before(address)?.filter(|info| !info.is_empty()) {
                        pre.push(Ok((*address, object(state), code_hash(Some(&info)))));
                    }
                }
                let post = mode.post.iter().map(|(address, state)| {
                    let hash = self.changed.get(address).map(|account| account.info.code_hash);
                    let old = before(address)?.map_or(KECCAK256_EMPTY, |info| info.code_hash);
                    Ok((*address, object(state), hash.filter(|hash| *hash != old)))
                });
                let (post, pre) = (collected(post)?, collected(pre.into_iter())?);
                Ok(Value::Object(
                    [("post".to_string(), post), ("pre".to_string(), pre)].into_iter().collect(),
                ))
            }
        }
    }
}

/// What failed has no result, not even null; a call is in no block.
fn flat(frames: &FlatCallFrame, placed: bool) -> Value {
    let mut rows = serde_json::to_value(frames).unwrap_or_default();
    for row in rows.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        row.retain(|key, value| key != "result" || !value.is_null());
        if !placed && let Some(number) = row.get_mut("blockNumber") {
            *number = Value::from(0);
        }
    }
    rows
}

type Row = (Address, Map<String, Value>, Option<B256>);

fn collected(rows: impl Iterator<Item = Result<Row, LedgerError>>) -> Result<Value, LedgerError> {
    let mut states = Map::new();
    for row in rows {
        let (address, mut state, hash) = row?;
        if let Some(hash) = hash {
            state.insert("codeHash".to_string(), Value::String(hash.to_string()));
        }
        states.insert(format!("{address:?}"), Value::Object(state));
    }
    Ok(Value::Object(states))
}

fn code_hash(info: Option<&AccountInfo>) -> Option<B256> {
    info.map(|info| info.code_hash).filter(|hash| *hash != KECCAK256_EMPTY && !hash.is_zero())
}

fn object(state: &AccountState) -> Map<String, Value> {
    match serde_json::to_value(state) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
