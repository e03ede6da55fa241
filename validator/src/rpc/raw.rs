//! What is stored, as bytes: `debug_getRaw*` and `eth_getRawTransaction*`.

use super::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bytes, TxHash, U64};
use ledger::At;

/// Of the `debug` namespace.
pub(super) const DEBUG: &[Method] = &[
    method("debug_getRawHeader", 1, Run::Read(header)),
    method("debug_getRawBlock", 1, Run::Read(block)),
    method("debug_getRawReceipts", 1, Run::Read(receipts)),
    method("debug_getRawTransaction", 1, Run::Read(transaction)),
];

/// Of the `eth` namespace.
pub(super) const ETH: &[Method] = &[
    method("eth_getRawTransactionByHash", 1, Run::Read(transaction)),
    method("eth_getRawTransactionByBlockHashAndIndex", 2, Run::Read(transaction_by_hash_and_index)),
    method("eth_getRawTransactionByBlockNumberAndIndex", 2, Run::Read(transaction_by_number_and_index)),
];

fn at(context: &Context, args: &Args) -> Result<At, Failure> {
    Ok(args.required::<BlockId>(0)?.at(context))
}

/// With the extra data as sealed, so that its hash in go-ethereum's sense is not the block's (QBFT masks the seals).
fn header(context: &Context, args: &Args) -> Answer {
    let header = context.ledger.header(at(context, args)?)?.ok_or_else(Failure::unknown_block)?;
    json(&Bytes::from(alloy_rlp::encode(&header)))
}

fn block(context: &Context, args: &Args) -> Answer {
    let block = context.ledger.block(at(context, args)?)?.ok_or_else(Failure::unknown_block)?;
    json(&Bytes::from(alloy_rlp::encode(&block)))
}

fn receipts(context: &Context, args: &Args) -> Answer {
    let receipts = context.ledger.receipts(at(context, args)?)?.ok_or_else(Failure::unknown_block)?;
    let rows: Vec<Bytes> = receipts.iter().map(|receipt| receipt.encoded_2718().into()).collect();
    json(&rows)
}

/// Mined or waiting; `0x` when it is nowhere, as go-ethereum.
fn transaction(context: &Context, args: &Args) -> Answer {
    let hash: TxHash = args.required(0)?;
    let waiting = context.pool.get(&hash);
    let mined = context.ledger.transaction(hash)?;
    let raw = mined.map(|found| Bytes::from(found.tx.encoded_2718()));
    json(&raw.or(waiting.map(|pooled| pooled.raw.clone())).unwrap_or_default())
}

fn transaction_by_hash_and_index(context: &Context, args: &Args) -> Answer {
    by_index(context, At::Hash(args.required(0)?), args.required(1)?)
}

fn transaction_by_number_and_index(context: &Context, args: &Args) -> Answer {
    by_index(context, at(context, args)?, args.required(1)?)
}

fn by_index(context: &Context, at: At, index: U64) -> Answer {
    let body = context.ledger.body(at)?.unwrap_or_default();
    let position = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
    let raw = body.transactions.get(position).map(|tx| Bytes::from(tx.encoded_2718()));
    json(&raw.unwrap_or_default())
}
