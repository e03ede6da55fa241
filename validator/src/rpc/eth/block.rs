//! Blocks and their receipts.

use crate::rpc::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    format::{RpcBlock, RpcHeader, RpcReceipt, RpcUncle},
};
use alloy_consensus::Header;
use alloy_primitives::{U64, U256};
use chain::genesis::Engine;
use ledger::{At, StoredBlock};
use std::sync::Arc;

pub(in crate::rpc) const METHODS: &[Method] = &[
    method("eth_getBlockByNumber", 2, Run::Read(by_number)),
    method("eth_getBlockByHash", 2, Run::Read(by_hash)),
    method("eth_getHeaderByNumber", 1, Run::Read(header_by_number)),
    method("eth_getHeaderByHash", 1, Run::Read(header_by_hash)),
    method("eth_getBlockTransactionCountByNumber", 1, Run::Read(count_by_number)),
    method("eth_getBlockTransactionCountByHash", 1, Run::Read(count_by_hash)),
    method("eth_getBlockReceipts", 1, Run::Read(receipts)),
    method("eth_getUncleCountByBlockNumber", 1, Run::Read(uncle_count_by_number)),
    method("eth_getUncleCountByBlockHash", 1, Run::Read(uncle_count_by_hash)),
    method("eth_getUncleByBlockNumberAndIndex", 2, Run::Read(uncle_by_number)),
    method("eth_getUncleByBlockHashAndIndex", 2, Run::Read(uncle_by_hash)),
];

/// Looks a block up; `None` when it is not here.
pub(in crate::rpc) fn find(context: &Context, at: At) -> Result<Option<Arc<StoredBlock>>, Failure> {
    Ok(context.ledger.stored_block(at)?)
}

fn by_number(context: &Context, args: &Args) -> Answer {
    block(context, args.required::<BlockId>(0)?.at(context), args.optional(1)?)
}

fn by_hash(context: &Context, args: &Args) -> Answer {
    block(context, At::Hash(args.required(0)?), args.optional(1)?)
}

fn block(context: &Context, at: At, full: Option<bool>) -> Answer {
    let found = find(context, at)?.map(|found| {
        let difficulty = total_difficulty(context, found.block.header.number);
        let senders = full.unwrap_or(false).then_some(found.senders.as_slice());
        RpcBlock::new(&found.block, found.hash, difficulty, senders)
    });
    json(&found)
}

/// What clients of QBFT networks still send and older libraries read; Ethereum's have dropped it.
pub(in crate::rpc) fn total_difficulty(context: &Context, number: u64) -> Option<U256> {
    let is_qbft = context.ledger.genesis().engine == Engine::Qbft;
    is_qbft.then(|| context.ledger.total_difficulty(number))
}

/// What a unit of blob gas cost in the block; none where there are no blobs.
pub(in crate::rpc) fn blob_price(context: &Context, header: &Header) -> Option<u128> {
    context.ledger.blob_fees(header).map(|fees| fees.price)
}

fn header_by_number(context: &Context, args: &Args) -> Answer {
    header(context, args.required::<BlockId>(0)?.at(context))
}

fn header_by_hash(context: &Context, args: &Args) -> Answer {
    header(context, At::Hash(args.required(0)?))
}

fn header(context: &Context, at: At) -> Answer {
    json(&context.ledger.hashed_header(at)?.map(|(header, hash)| RpcHeader::new(&header, hash)))
}

fn count_by_number(context: &Context, args: &Args) -> Answer {
    count(context, args.required::<BlockId>(0)?.at(context))
}

fn count_by_hash(context: &Context, args: &Args) -> Answer {
    count(context, At::Hash(args.required(0)?))
}

fn count(context: &Context, at: At) -> Answer {
    json(&context.ledger.body(at)?.map(|body| U64::from(body.transactions.len())))
}

fn receipts(context: &Context, args: &Args) -> Answer {
    let at = args.required::<BlockId>(0)?.at(context);
    let Some(found) = find(context, at)? else { return json(&None::<()>) };
    let receipts = context.ledger.stored_receipts(At::Number(found.block.header.number))?.unwrap_or_default();
    let blob_price = blob_price(context, &found.block.header);
    json(&RpcReceipt::of_block(&found.block, found.hash, &found.senders, &receipts, blob_price))
}

fn uncle_count_by_number(context: &Context, args: &Args) -> Answer {
    uncle_count(context, args.required::<BlockId>(0)?.at(context))
}

fn uncle_count_by_hash(context: &Context, args: &Args) -> Answer {
    uncle_count(context, At::Hash(args.required(0)?))
}

/// Null for an unknown block.
fn uncle_count(context: &Context, at: At) -> Answer {
    json(&context.ledger.body(at)?.map(|body| U64::from(body.ommers.len())))
}

fn uncle_by_number(context: &Context, args: &Args) -> Answer {
    uncle(context, args.required::<BlockId>(0)?.at(context), args.required(1)?)
}

fn uncle_by_hash(context: &Context, args: &Args) -> Answer {
    uncle(context, At::Hash(args.required(0)?), args.required(1)?)
}

/// Only chains that began by proof of work have any.
fn uncle(context: &Context, at: At, index: U64) -> Answer {
    let ommers = context.ledger.body(at)?.map(|body| body.ommers).unwrap_or_default();
    let position = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
    json(&ommers.get(position).map(RpcUncle::new))
}
