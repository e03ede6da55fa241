//! `eth_simulateV1`.

use crate::rpc::{
    args::Args,
    block_id::state_at,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    format::{RpcBlock, RpcLog, place},
    message::Message,
    revert,
};
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Bytes, U64};
use alloy_rpc_types_eth::{BlockOverrides, state::StateOverride};
use chain::genesis::Genesis;
use ledger::{CallStatus, Overrides, SimulatedBlock, Simulation, SimulationBlock, SimulationCall};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, Instant};

pub(super) const METHODS: &[Method] = &[method("eth_simulateV1", 2, Run::Read(simulate))];

/// What all calls of one simulation may take together.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Calls of one simulation.
const MAX_CALLS: usize = 5000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Payload {
    block_state_calls: Vec<Wanted>,
    trace_transfers: bool,
    validation: bool,
    return_full_transactions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Wanted {
    block_overrides: Option<HeaderOverrides>,
    state_overrides: Option<StateOverride>,
    calls: Option<Vec<Message>>,
}

/// What may differ in a simulated block; keys that mean nothing are refused, as go-ethereum does.
#[derive(Default, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct HeaderOverrides {
    block: BlockOverrides,
    withdrawals: Option<Vec<Withdrawal>>,
}

const HEADER_OVERRIDES: [&str; 16] = [
    "number",
    "difficulty",
    "time",
    "gasLimit",
    "feeRecipient",
    "coinbase",
    "prevRandao",
    "random",
    "baseFeePerGas",
    "baseFee",
    "blobBaseFee",
    "beaconRoot",
    "withdrawals",
    "blockHash",
    "gas_limit",
    "base_fee",
];

impl TryFrom<Map<String, Value>> for HeaderOverrides {
    type Error = String;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, String> {
        if let Some(unknown) = fields.keys().find(|key| !HEADER_OVERRIDES.contains(&key.as_str())) {
            return Err(format!("unknown field {unknown:?} in block override"));
        }
        let withdrawals = fields.remove("withdrawals").unwrap_or_default();
        let read = |error: serde_json::Error| error.to_string();
        Ok(Self {
            block: serde_json::from_value(Value::Object(fields)).map_err(read)?,
            withdrawals: serde_json::from_value(withdrawals).map_err(read)?,
        })
    }
}

#[derive(Serialize)]
struct Simulated {
    #[serde(flatten)]
    block: RpcBlock,
    calls: Vec<Called>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Called {
    return_data: Bytes,
    logs: Vec<RpcLog>,
    gas_used: U64,
    max_used_gas: U64,
    status: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallFailure>,
}

/// Why a call of a block failed; the block goes on.
#[derive(Serialize)]
struct CallFailure {
    message: String,
    code: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Bytes>,
}

fn simulate(context: &Context, args: &Args) -> Answer {
    let payload: Payload = args.required(0)?;
    let at = state_at(context, args.optional(1)?)?;
    let calls: usize =
        payload.block_state_calls.iter().filter_map(|block| Some(block.calls.as_ref()?.len())).sum();
    if calls > MAX_CALLS {
        return Err(Failure::Simulation {
            code: -38026,
            message: format!("too many calls: {calls}, at most {MAX_CALLS}"),
        });
    }
    let full = payload.return_full_transactions;
    let simulation = Simulation {
        validation: payload.validation,
        trace_transfers: payload.trace_transfers,
        blocks: payload
            .block_state_calls
            .into_iter()
            .map(|block| block.described(context.ledger.genesis()))
            .collect::<Result<_, _>>()?,
    };
    let started = Instant::now();
    let blocks = context.ledger.simulate(&simulation, at, &|| started.elapsed() >= TIMEOUT)?;
    json(&blocks.into_iter().map(|block| shown(block, full)).collect::<Vec<_>>())
}

impl Wanted {
    fn described(self, genesis: &Genesis) -> Result<SimulatedBlock, Failure> {
        let calls = self.calls.unwrap_or_default().into_iter().map(|call| call.into_request(genesis));
        let HeaderOverrides { block, withdrawals } = self.block_overrides.unwrap_or_default();
        Ok(SimulatedBlock {
            overrides: Overrides { state: self.state_overrides.unwrap_or_default(), block },
            withdrawals: withdrawals.unwrap_or_default(),
            calls: calls.collect::<Result<_, _>>()?,
        })
    }
}

fn shown(simulated: SimulationBlock, full: bool) -> Simulated {
    let SimulationBlock { block, hash, senders, calls } = simulated;
    let mut log_index = 0;
    let calls = calls
        .into_iter()
        .zip(&block.body.transactions)
        .zip(0..)
        .map(|((call, tx), index)| {
            let place = place(&block.header, hash, index);
            let logs = call.logs.iter().map(|log| {
                log_index += 1;
                RpcLog::new(log, &place, *tx.tx_hash(), log_index - 1)
            });
            let logs = logs.collect();
            called(call, logs)
        })
        .collect();
    Simulated { block: RpcBlock::new(&block, hash, None, full.then_some(senders.as_slice())), calls }
}

fn called(call: SimulationCall, logs: Vec<RpcLog>) -> Called {
    let SimulationCall { output, gas_used, max_used_gas, status, .. } = call;
    let succeeded = status == CallStatus::Success;
    let (return_data, error) = match status {
        CallStatus::Success => (output, None),
        CallStatus::Revert => {
            let message = revert::failure(output.clone()).to_string();
            (Bytes::new(), Some(CallFailure { message, code: 3, data: Some(output) }))
        }
        CallStatus::Halt(message) => (output, Some(CallFailure { message, code: -32015, data: None })),
    };
    Called {
        return_data,
        logs,
        gas_used: U64::from(gas_used),
        max_used_gas: U64::from(max_used_gas),
        status: U64::from(u64::from(succeeded)),
        error,
    }
}
