//! Who sent what, who made whom: from the index where it is kept, else found by halving the range of blocks whose state is
//! kept, since a nonce only grows and code only appears.

use crate::{
    ots_index::Appearance,
    rpc::{
        args::Args,
        context::Context,
        debug::trace::Clock,
        dispatch::{Answer, Method, Run, json, method},
        error::Failure,
    },
};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, TxHash, U64};
use alloy_rpc_types_trace::geth::{CallConfig, CallFrame, GethDebugTracingOptions, GethTrace};
use ledger::{At, LedgerError};
use serde::Serialize;

pub(super) const METHODS: &[Method] = &[
    method("ots_getTransactionBySenderAndNonce", 2, Run::Read(by_sender_and_nonce)),
    method("ots_getContractCreator", 1, Run::Read(contract_creator)),
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
    if let Some(index) = &context.ots
        && let Some(place) = index.sent(sender, nonce)?
    {
        return json(&hash_at(context, place)?);
    }
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
    if let Some(index) = &context.ots
        && let Some((place, creator)) = index.made(contract)?
    {
        let stands = !context.ledger.code(contract, At::Head)?.is_empty();
        let hash = hash_at(context, place)?.filter(|_| stands);
        return json(&hash.map(|hash| Creator { hash, creator }));
    }
    let exists = |number| Ok(!context.ledger.code(contract, At::Number(number))?.is_empty());
    let Some(number) = first_block(context, exists)? else { return json(&None::<()>) };
    // The whole block at once: one transaction after the other would run those before it again and again.
    let mut found = None;
    let options = GethDebugTracingOptions::call_tracer(CallConfig::default());
    Clock::start(&context.limits, None)?.bounded(|bounds| {
        context.ledger.trace_block(At::Number(number), options, bounds, &mut |hash, trace| {
            if let (None, GethTrace::CallTracer(frame)) = (&found, &trace) {
                found = creator_in(frame, contract).map(|creator| Creator { hash, creator });
            }
            Ok(())
        })
    })?;
    json(&found)
}

fn hash_at(context: &Context, place: Appearance) -> Result<Option<TxHash>, Failure> {
    let body = context.ledger.body(At::Number(place.block))?.unwrap_or_default();
    Ok(body.transactions.get(place.index as usize).map(|tx| *tx.tx_hash()))
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
