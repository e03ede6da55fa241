//! Validator sets of the past and of the next block, for `qbft_*` and `istanbul_*`.

use super::{context::Context, error::Failure};
use alloy_consensus::Header;
use alloy_primitives::Address;
use alloy_sol_types::SolCall as _;
use chain::{Extra, genesis::Selection, governance::Governance::getValidatorsCall};
use ledger::{At, CallRequest, CallStatus};

/// The extra data of a stored header.
pub(super) fn extra(header: &Header) -> Result<Extra, Failure> {
    Extra::decode_exact(&header.extra_data).map_err(|error| {
        tracing::error!(%error, block = header.number, "rpc: stored extra data does not decode");
        Failure::Internal
    })
}

/// The set that a block lists, as Besu answers; in contract mode the contract's answer in the state after the block.
pub(super) fn in_block(context: &Context, header: &Header) -> Result<Vec<Address>, Failure> {
    match context.ledger.genesis().schedule.at(header.number).selection {
        Selection::Contract(contract) => from_contract(context, contract, header.number),
        Selection::Header => Ok(extra(header)?.validators),
    }
}

/// The set that seals the block after `number`, as GoQuorum answers.
pub(super) fn after(context: &Context, number: u64) -> Result<Vec<Address>, Failure> {
    if number == context.ledger.head().number {
        return Ok(context.ledger.validators()?);
    }
    match context.ledger.genesis().schedule.at(number.saturating_add(1)).selection {
        Selection::Contract(contract) => match context.ledger.header(At::Number(number.saturating_add(1)))? {
            Some(next) => match extra(&next)?.reseat {
                Some(reseat) => Ok(reseat.validators()),
                None => from_contract(context, contract, number),
            },
            None => from_contract(context, contract, number),
        },
        // The next block is here and lists it.
        Selection::Header => {
            let header = context.ledger.header(At::Number(number.saturating_add(1)))?;
            Ok(extra(&header.ok_or_else(Failure::unknown_block)?)?.validators)
        }
    }
}

fn from_contract(context: &Context, contract: Address, number: u64) -> Result<Vec<Address>, Failure> {
    let request = CallRequest {
        to: Some(contract),
        data: getValidatorsCall {}.abi_encode().into(),
        ..CallRequest::default()
    };
    let outcome = context.ledger.call(&request, At::Number(number))?;
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
