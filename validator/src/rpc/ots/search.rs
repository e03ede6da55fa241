//! Who sent what, who made whom: found by halving the range of blocks whose state is kept, since a nonce only grows and
//! code only appears. What halving cannot find, every transaction of an address, needs an index that is not kept.

use super::trace::frames;
use crate::rpc::{
    args::Args,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, TxHash, U64};
use alloy_rpc_types_trace::geth::CallFrame;
use ledger::{At, LedgerError};
use serde::Serialize;

pub(super) const METHODS: &[Method] = &[
    method("ots_getTransactionBySenderAndNonce", 2, Run::Read(by_sender_and_nonce)),
    method("ots_getContractCreator", 1, Run::Read(contract_creator)),
    method("ots_searchTransactionsBefore", 3, Run::Now(search)),
    method("ots_searchTransactionsAfter", 3, Run::Now(search)),
];

#[derive(Serialize)]
struct Creator {
    hash: TxHash,
    creator: Address,
}

/// Hash of the transaction, null when it was not sent yet.
fn by_sender_and_nonce(context: &Context, args: &Args) -> Answer {
    let (sender, nonce): (Address, U64) = (args.required(0)?, args.required(1)?);
    let nonce: u64 = nonce.to();
    let sent = |number| Ok(context.ledger.account(sender, At::Number(number))?.nonce > nonce);
    let Some(number) = first_block(context, sent)? else { return json(&None::<()>) };
    let (body, senders) =
        (context.ledger.body(At::Number(number))?, context.ledger.senders(At::Number(number))?);
    let rows = body.unwrap_or_default().transactions.into_iter().zip(senders.unwrap_or_default());
    let mut own = rows.filter(|(tx, from)| *from == sender && tx.nonce() == nonce);
    json(&own.next().map(|(tx, _)| *tx.tx_hash()))
}

/// Null for an address without code, and for code of the genesis.
fn contract_creator(context: &Context, args: &Args) -> Answer {
    let contract: Address = args.required(0)?;
    let exists = |number| Ok(!context.ledger.code(contract, At::Number(number))?.is_empty());
    let Some(number) = first_block(context, exists)? else { return json(&None::<()>) };
    let body = context.ledger.body(At::Number(number))?.unwrap_or_default();
    for tx in body.transactions {
        let hash = *tx.tx_hash();
        if let Some(creator) = creator_in(&frames(context, hash)?, contract) {
            return json(&Some(Creator { hash, creator }));
        }
    }
    json(&None::<()>)
}

fn creator_in(frame: &CallFrame, contract: Address) -> Option<Address> {
    if frame.error.is_some() {
        return None;
    }
    if frame.typ.starts_with("CREATE") && frame.to == Some(contract) {
        return Some(frame.from);
    }
    frame.calls.iter().find_map(|inner| creator_in(inner, contract))
}

/// The first block after which something holds that never ceases to; none while it does not hold at the head. An error
/// when it held before the oldest state that is kept.
fn first_block(
    context: &Context,
    holds: impl Fn(u64) -> Result<bool, Failure>,
) -> Result<Option<u64>, Failure> {
    let head = context.ledger.head().number;
    if !holds(head)? {
        return Ok(None);
    }
    let oldest = context.ledger.oldest_state()?;
    if holds(oldest)? {
        return match oldest {
            0 => Ok(None),
            _ => Err(LedgerError::StatePruned { block: oldest - 1, oldest }.into()),
        };
    }
    let (mut before, mut after) = (oldest, head);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if holds(middle)? { after = middle } else { before = middle }
    }
    Ok(Some(after))
}

fn search(_: &Context, _: &Args) -> Answer {
    Err(Failure::refused(
        "this node keeps no index from addresses to transactions; ask eth_getLogs, or an indexer",
    ))
}
