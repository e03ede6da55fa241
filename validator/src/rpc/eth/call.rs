//! Running messages without a transaction.

use crate::rpc::{
    args::Args,
    block_id::state_at,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    revert,
};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, U64, U128, U256};
use ledger::{CallRequest, CallStatus};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const METHODS: &[Method] =
    &[method("eth_call", 4, Run::Read(call)), method("eth_estimateGas", 4, Run::Read(estimate_gas))];

/// A transaction object as wallets send it; fields that a call does not need are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Message {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<U64>,
    gas_price: Option<U128>,
    max_fee_per_gas: Option<U128>,
    max_priority_fee_per_gas: Option<U128>,
    value: Option<U256>,
    data: Option<Bytes>,
    input: Option<Bytes>,
    access_list: Option<AccessList>,
}

impl Message {
    fn into_request(self) -> Result<CallRequest, Failure> {
        let data = match (self.input, self.data) {
            (Some(input), Some(data)) if input != data => {
                return Err(Failure::refused(
                    "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
                ));
            }
            (Some(input), _) => input,
            (None, data) => data.unwrap_or_default(),
        };
        if self.gas_price.is_some()
            && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some())
        {
            return Err(Failure::refused(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            ));
        }
        Ok(CallRequest {
            from: self.from,
            to: self.to,
            gas: self.gas.map(|gas| gas.to()),
            gas_price: self.gas_price.or(self.max_fee_per_gas).map(|price| price.to()),
            value: self.value.unwrap_or_default(),
            data,
            access_list: self.access_list,
        })
    }
}

fn call(context: &Context, args: &Args) -> Answer {
    let request = args.required::<Message>(0)?.into_request()?;
    let at = state_at(context, args.optional(1)?)?;
    refuse_overrides(args)?;
    let outcome = context.ledger.call(&request, at)?;
    match outcome.status {
        CallStatus::Success => json(&outcome.output),
        CallStatus::Revert => Err(revert::failure(outcome.output)),
        CallStatus::Halt(reason) => Err(Failure::refused(reason)),
    }
}

fn estimate_gas(context: &Context, args: &Args) -> Answer {
    let request = args.required::<Message>(0)?.into_request()?;
    let at = state_at(context, args.optional(1)?)?;
    refuse_overrides(args)?;
    json(&U64::from(context.ledger.estimate_gas(&request, at)?))
}

/// An answer that ignored an override would be a wrong answer.
fn refuse_overrides(args: &Args) -> Result<(), Failure> {
    for index in [2, 3] {
        if args.optional::<Map<String, Value>>(index)?.is_some_and(|overrides| !overrides.is_empty()) {
            return Err(Failure::params(format!(
                "invalid argument {index}: overrides are not supported by this node"
            )));
        }
    }
    Ok(())
}
