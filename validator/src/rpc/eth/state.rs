//! Accounts, code and storage.

use crate::rpc::{
    args::Args,
    block_id::{BlockId, state_at},
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_primitives::{Address, B256, U64, U256};

pub(super) const METHODS: &[Method] = &[
    method("eth_getBalance", 2, Run::Read(balance)),
    method("eth_getCode", 2, Run::Read(code)),
    method("eth_getStorageAt", 3, Run::Read(storage)),
    method("eth_getTransactionCount", 2, Run::Read(transaction_count)),
];

fn balance(context: &Context, args: &Args) -> Answer {
    let address: Address = args.required(0)?;
    json(&context.ledger.account(address, state_at(context, args.optional(1)?)?)?.balance)
}

fn code(context: &Context, args: &Args) -> Answer {
    let address: Address = args.required(0)?;
    json(&context.ledger.code(address, state_at(context, args.optional(1)?)?)?)
}

fn storage(context: &Context, args: &Args) -> Answer {
    let (address, slot): (Address, String) = (args.required(0)?, args.required(1)?);
    let slot = slot_number(&slot)?;
    let value = context.ledger.storage(address, slot, state_at(context, args.optional(2)?)?)?;
    json(&B256::from(value))
}

/// A slot as a quantity or as 32 bytes; both are in use.
fn slot_number(text: &str) -> Result<U256, Failure> {
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| Failure::params("invalid argument 1: hex string without 0x prefix"))?;
    if digits.is_empty() || digits.len() > 64 {
        return Err(Failure::params("invalid argument 1: storage slot must have 1 to 64 hex digits"));
    }
    U256::from_str_radix(digits, 16).map_err(|error| Failure::params(format!("invalid argument 1: {error}")))
}

/// At the head, whatever its tag, transactions that wait count too when `pending` is asked for.
fn transaction_count(context: &Context, args: &Args) -> Answer {
    let (address, block): (Address, Option<String>) = (args.required(0)?, args.optional(1).unwrap_or(None));
    let id: Option<BlockId> = args.optional(1)?;
    let mined = context.ledger.account(address, state_at(context, id)?)?.nonce;
    if block.as_deref() == Some("pending") {
        let waiting = context.pool.pending_nonce(&address).unwrap_or(0);
        return json(&U64::from(mined.max(waiting)));
    }
    json(&U64::from(mined))
}
