//! Transactions: looking them up, sending them.

use super::block;
use crate::{
    pool::Origin,
    rpc::{
        args::Args,
        block_id::BlockId,
        context::Context,
        dispatch::{Answer, Method, Run, json, method},
        format::{Before, Place, RpcReceipt, RpcTransaction, place},
    },
};
use alloy_primitives::{B256, Bytes, U64};
use futures::future::BoxFuture;
use ledger::{At, TransactionLocation};
use std::sync::Arc;

pub(super) const METHODS: &[Method] = &[
    method("eth_sendRawTransaction", 1, Run::Wait(send_raw)),
    method("eth_getTransactionByHash", 1, Run::Read(by_hash)),
    method("eth_getTransactionByBlockNumberAndIndex", 2, Run::Read(by_number_and_index)),
    method("eth_getTransactionByBlockHashAndIndex", 2, Run::Read(by_block_hash_and_index)),
    method("eth_getTransactionReceipt", 1, Run::Read(receipt)),
];

/// The hash is returned once the transaction is durable here.
fn send_raw(context: Arc<Context>, args: Args) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let raw: Bytes = args.required(0)?;
        json(&context.pool.submit(raw, Origin::Rpc(args.client)).await?)
    })
}

fn by_hash(context: &Context, args: &Args) -> Answer {
    let hash: B256 = args.required(0)?;
    // The pool first: a transaction that is mined in between is then found in the chain.
    let waiting = context.pool.get(&hash);
    if let Some(found) = context.ledger.transaction(hash)? {
        return json(&RpcTransaction::new(&found.tx, found.sender, Some(&place_of(&found))));
    }
    json(&waiting.map(|pooled| RpcTransaction::new(&pooled.recovered.tx, pooled.recovered.sender, None)))
}

fn by_number_and_index(context: &Context, args: &Args) -> Answer {
    by_index(context, args.required::<BlockId>(0)?.at(context), args.required(1)?)
}

fn by_block_hash_and_index(context: &Context, args: &Args) -> Answer {
    by_index(context, At::Hash(args.required(0)?), args.required(1)?)
}

fn by_index(context: &Context, at: At, index: U64) -> Answer {
    let Some(found) = block::find(context, at)? else { return json(&None::<()>) };
    let position = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
    let row = found.block.body.transactions.get(position).zip(found.senders.get(position));
    json(&row.map(|(tx, sender)| {
        RpcTransaction::new(tx, *sender, Some(&place(&found.block.header, found.hash, index.to())))
    }))
}

/// Null, never an error, for a transaction that is not mined.
fn receipt(context: &Context, args: &Args) -> Answer {
    let Some(found) = context.ledger.transaction(args.required(0)?)? else { return json(&None::<()>) };
    let at = At::Number(found.block_number);
    let receipts = context.ledger.stored_receipts(at)?.unwrap_or_default();
    let header = if found.tx.is_eip4844() { context.ledger.header(at)? } else { None };
    let blob_price = header.and_then(|header| block::blob_price(context, &header));
    let position = usize::try_from(found.index).unwrap_or(usize::MAX);
    let receipt = receipts.get(position).map(|receipt| {
        let before = Before::after(receipts.get(..position).unwrap_or_default());
        RpcReceipt::new(&found.tx, found.sender, &place_of(&found), receipt, before, blob_price)
    });
    json(&receipt)
}

fn place_of(found: &TransactionLocation) -> Place {
    Place {
        block_hash: found.block_hash,
        block_number: found.block_number,
        block_timestamp: found.block_timestamp,
        index: found.index,
        base_fee: found.base_fee,
    }
}
