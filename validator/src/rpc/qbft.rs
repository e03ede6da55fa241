//! `qbft_*`, as Besu answers them.

use super::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolCall, sol};
use ledger::{At, CallRequest, CallStatus};

pub(super) const METHODS: &[Method] = &[
    method("qbft_getValidatorsByBlockNumber", 1, Run::Read(validators_by_number)),
    method("qbft_getValidatorsByBlockHash", 1, Run::Read(validators_by_hash)),
];

sol! {
    function getValidators() external view returns (address[] validators);
}

fn validators_by_number(context: &Context, args: &Args) -> Answer {
    validators(context, args.required::<BlockId>(0)?.at(context))
}

fn validators_by_hash(context: &Context, args: &Args) -> Answer {
    validators(context, At::Hash(args.required::<B256>(0)?))
}

/// The set written in the block's extra data, or in contract mode the contract's answer in the state after the block.
fn validators(context: &Context, at: At) -> Answer {
    let Some(header) = context.ledger.header(at)? else { return json(&None::<()>) };
    if let Some(contract) = context.ledger.genesis().qbft.validatorcontractaddress {
        return json(&from_contract(context, contract, At::Number(header.number))?);
    }
    let extra = chain::Extra::decode_exact(&header.extra_data).map_err(|error| {
        tracing::error!(%error, block = header.number, "rpc: stored extra data does not decode");
        Failure::Internal
    })?;
    json(&extra.validators)
}

fn from_contract(context: &Context, contract: Address, at: At) -> Result<Vec<Address>, Failure> {
    let request = CallRequest {
        to: Some(contract),
        data: getValidatorsCall {}.abi_encode().into(),
        ..CallRequest::default()
    };
    let outcome = context.ledger.call(&request, at)?;
    if outcome.status != CallStatus::Success {
        return Err(Failure::refused(format!(
            "validator contract {contract} does not answer getValidators()"
        )));
    }
    let mut set = getValidatorsCall::abi_decode_returns(&outcome.output)
        .map_err(|error| Failure::refused(format!("validator contract {contract}: {error}")))?;
    set.sort_unstable();
    Ok(set)
}
