//! Running messages without a transaction.

use super::in_time;
use crate::rpc::{
    args::Args,
    block_id::state_at,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    message::Message,
    revert,
};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::U64;
use ledger::{AccessListOutcome, At, CallError, CallOutcome, CallRequest, CallStatus, Overrides};
use serde::Serialize;
use std::time::{Duration, Instant};

/// A call that ends within it needs no thread of its own.
const MOMENT: Duration = Duration::from_millis(1);
/// What is aborted when time is up, in go-ethereum's word.
const EXECUTION: &str = "execution";

pub(super) const METHODS: &[Method] = &[
    method("eth_call", 4, Run::Tried(call_at_once, call)),
    method("eth_estimateGas", 4, Run::Read(estimate_gas)),
    method("eth_createAccessList", 3, Run::Read(create_access_list)),
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RpcAccessList {
    access_list: AccessList,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    gas_used: U64,
}

fn call(context: &Context, args: &Args) -> Answer {
    let (request, at, overrides) = arguments(context, args)?;
    answer(in_time(context, EXECUTION, |out| context.ledger.call_with(&request, at, &overrides, out))?)
}

/// Most calls read a slot or two: those are answered in a moment; nothing when this one takes longer.
fn call_at_once(context: &Context, args: &Args) -> Option<Answer> {
    let (request, at, overrides) = match arguments(context, args) {
        Ok(all) => all,
        Err(failure) => return Some(Err(failure)),
    };
    if overrides != Overrides::default() {
        return None;
    }
    let started = Instant::now();
    match context.ledger.call_briefly(&request, at, &|| started.elapsed() >= MOMENT) {
        Ok(outcome) => Some(answer(outcome)),
        Err(CallError::OutOfTime) => None,
        Err(error) => Some(Err(error.into())),
    }
}

fn answer(outcome: CallOutcome) -> Answer {
    match outcome.status {
        CallStatus::Success => json(&outcome.output),
        CallStatus::Revert => Err(revert::failure(outcome.output)),
        CallStatus::Halt(reason) => Err(Failure::refused(reason)),
    }
}

fn estimate_gas(context: &Context, args: &Args) -> Answer {
    let (request, at, overrides) = arguments(context, args)?;
    let gas =
        in_time(context, EXECUTION, |out| context.ledger.estimate_gas_with(&request, at, &overrides, out))?;
    json(&U64::from(gas))
}

/// A message that fails still has a list; why it failed stands beside it.
fn create_access_list(context: &Context, args: &Args) -> Answer {
    let (request, at, overrides) = arguments(context, args)?;
    let AccessListOutcome { list, gas_used, status } =
        in_time(context, EXECUTION, |out| context.ledger.create_access_list(&request, at, &overrides, out))?;
    let error = match status {
        CallStatus::Success => None,
        CallStatus::Revert => Some("execution reverted".to_string()),
        CallStatus::Halt(reason) => Some(reason),
    };
    json(&RpcAccessList { access_list: list, error, gas_used: U64::from(gas_used) })
}

/// Message, block, state overrides, block overrides.
fn arguments(context: &Context, args: &Args) -> Result<(CallRequest, At, Overrides), Failure> {
    let request = args.required::<Message>(0)?.into_call(context.ledger.genesis())?;
    let at = state_at(context, args.optional(1)?)?;
    let (state, block) = (args.optional(2)?, args.optional(3)?);
    Ok((request, at, Overrides { state: state.unwrap_or_default(), block: block.unwrap_or_default() }))
}
