//! Blocks as the explorer pages through them.

use crate::rpc::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    eth::block::{blob_price, find, total_difficulty},
    format::{RpcBlock, RpcReceipt},
};
use alloy_consensus::Transaction;
use alloy_primitives::{U64, U256};
use ledger::{At, StoredBlock};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json as value};

pub(super) const METHODS: &[Method] = &[
    method("ots_getBlockDetails", 1, Run::Read(details_by_number)),
    method("ots_getBlockDetailsByHash", 1, Run::Read(details_by_hash)),
    method("ots_getBlockTransactions", 3, Run::Read(transactions)),
];

/// Transactions of one page.
const MAX_PAGE: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    block: Map<String, Value>,
    issuance: Minted,
    total_fees: U256,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Minted {
    block_reward: U256,
    uncle_reward: U256,
    issuance: U256,
}

/// The explorer names blocks by plain numbers, others as everywhere.
#[derive(Deserialize)]
#[serde(untagged)]
enum Block {
    Number(u64),
    Id(BlockId),
}

fn block_at(context: &Context, args: &Args) -> Result<At, Failure> {
    Ok(match args.required(0)? {
        Block::Number(number) => At::Number(number),
        Block::Id(id) => id.at(context),
    })
}

fn details_by_number(context: &Context, args: &Args) -> Answer {
    details(context, block_at(context, args)?)
}

fn details_by_hash(context: &Context, args: &Args) -> Answer {
    details(context, At::Hash(args.required(0)?))
}

fn details(context: &Context, at: At) -> Answer {
    let Some(found) = find(context, at)? else { return json(&None::<()>) };
    let number = found.block.header.number;
    let reward = context.ledger.genesis().schedule.at(number).block_reward;
    let reward = if number == 0 { U256::ZERO } else { reward };
    let mut block = object(&shown(context, &found, false))?;
    block.remove("transactions");
    block.insert("logsBloom".into(), Value::Null);
    block.insert("transactionCount".into(), value!(found.block.body.transactions.len()));
    json(&Details {
        block,
        issuance: Minted { block_reward: reward, uncle_reward: U256::ZERO, issuance: reward },
        total_fees: fees(context, &found)?,
    })
}

fn fees(context: &Context, found: &StoredBlock) -> Result<U256, Failure> {
    let header = &found.block.header;
    let receipts = context.ledger.stored_receipts(At::Number(header.number))?.unwrap_or_default();
    let mut before = 0;
    let paid = found.block.body.transactions.iter().zip(receipts.iter()).map(|(tx, receipt)| {
        let gas = receipt.cumulative_gas_used().saturating_sub(before);
        before = receipt.cumulative_gas_used();
        U256::from(tx.effective_gas_price(header.base_fee_per_gas)).saturating_mul(U256::from(gas))
    });
    Ok(paid.fold(U256::ZERO, U256::saturating_add))
}

/// One page of a block's transactions, the newest first as the explorer shows them; inputs cut to their selector.
fn transactions(context: &Context, args: &Args) -> Answer {
    let at = block_at(context, args)?;
    let (page, size): (U64, U64) = (args.required(1)?, args.required(2)?);
    let size = usize::try_from(size.to::<u64>()).unwrap_or(usize::MAX);
    if size > MAX_PAGE {
        return Err(Failure::Limit(format!("{size} transactions a page, at most {MAX_PAGE}")));
    }
    let Some(found) = find(context, at)? else { return json(&None::<()>) };
    let count = found.block.body.transactions.len();
    let skipped = usize::try_from(page.to::<u64>()).unwrap_or(usize::MAX).saturating_mul(size);
    let end = count.saturating_sub(skipped);
    let range = end.saturating_sub(size)..end;
    let mut block = object(&shown(context, &found, true))?;
    block.insert("logsBloom".into(), Value::Null);
    block.insert("transactionCount".into(), value!(count));
    if let Some(Value::Array(rows)) = block.get_mut("transactions") {
        *rows = rows.drain(range.clone()).map(short_input).collect();
    }
    let receipts = context.ledger.stored_receipts(At::Number(found.block.header.number))?.unwrap_or_default();
    let price = blob_price(context, &found.block.header);
    let receipts = RpcReceipt::of_block(&found.block, found.hash, &found.senders, &receipts, price);
    let timestamp = U64::from(found.block.header.timestamp);
    let row = |receipt: &RpcReceipt| {
        let mut row = object(receipt)?;
        row.insert("logs".into(), Value::Null);
        row.insert("logsBloom".into(), Value::Null);
        row.insert("timestamp".into(), value!(timestamp));
        Ok(row)
    };
    let receipts =
        receipts.get(range).unwrap_or_default().iter().map(row).collect::<Result<Vec<_>, Failure>>()?;
    json(&value!({"fullblock": block, "receipts": receipts}))
}

fn short_input(mut row: Value) -> Value {
    if let Some(Value::String(input)) = row.get_mut("input") {
        input.truncate(10);
    }
    row
}

fn shown(context: &Context, found: &StoredBlock, full: bool) -> RpcBlock {
    let difficulty = total_difficulty(context, found.block.header.number);
    RpcBlock::new(&found.block, found.hash, difficulty, full.then_some(found.senders.as_slice()))
}

fn object(shown: &impl Serialize) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(shown)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Failure::Internal),
    }
}
