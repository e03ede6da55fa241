//! Prices. On a chain with zero base fee everything is `"0x0"`, and must be there: clients that miss a value make up
//! a price that nobody can pay.

use super::in_time;
use crate::rpc::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_consensus::{Header, Transaction};
use alloy_primitives::{U64, U128};
use ledger::{At, CallError, LedgerError};
use serde::Serialize;
use std::ops::RangeInclusive;

pub(super) const METHODS: &[Method] = &[
    method("eth_gasPrice", 0, Run::Now(gas_price)),
    method("eth_maxPriorityFeePerGas", 0, Run::Now(max_priority_fee)),
    method("eth_baseFee", 0, Run::Now(base_fee)),
    method("eth_blobBaseFee", 0, Run::Now(blob_base_fee)),
    method("eth_feeHistory", 3, Run::Read(fee_history)),
];

/// Blocks and percentiles of one query, at most.
const MAX_BLOCKS: u64 = 1024;
const MAX_PERCENTILES: usize = 100;

fn gas_price(context: &Context, _: &Args) -> Answer {
    json(&U64::from(next_base_fee(context, &context.ledger.head().header)))
}

/// Of the next block.
fn base_fee(context: &Context, _: &Args) -> Answer {
    json(&U64::from(next_base_fee(context, &context.ledger.head().header)))
}

/// No tip buys anything here: blocks are filled by turns.
fn max_priority_fee(_: &Context, _: &Args) -> Answer {
    json(&U64::ZERO)
}

/// Zero where there are no blobs.
fn blob_base_fee(context: &Context, _: &Args) -> Answer {
    let fees = context.ledger.blob_fees(&context.ledger.head().header);
    json(&U128::from(fees.map_or(0, |fees| fees.price)))
}

/// Zero for ever, or what EIP-1559 makes of the block.
fn next_base_fee(context: &Context, header: &Header) -> u64 {
    context.ledger.next_base_fee(header).unwrap_or(0)
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    oldest_block: U64,
    base_fee_per_gas: Vec<U64>,
    gas_used_ratio: Vec<Ratio>,
    base_fee_per_blob_gas: Vec<U128>,
    blob_gas_used_ratio: Vec<Ratio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<Vec<Vec<U128>>>,
}

fn fee_history(context: &Context, args: &Args) -> Answer {
    let wanted: U64 = args.required(0)?;
    let newest: BlockId = args.required(1)?;
    let percentiles: Option<Vec<f64>> = args.optional(2)?;
    let percentiles = percentiles.filter(|list| !list.is_empty());
    check_percentiles(percentiles.as_deref().unwrap_or_default())?;
    let head = context.ledger.head().number;
    let newest = newest
        .number(context, head)
        .ok_or_else(|| Failure::params("invalid argument 1: a number or a tag is expected"))?;
    if newest > head {
        return Err(Failure::refused(format!("request beyond head block: requested {newest}, head {head}")));
    }
    let count = wanted.to::<u64>().min(MAX_BLOCKS).min(newest + 1);
    if count == 0 {
        return json(&FeeHistory::default());
    }
    let blocks = newest + 1 - count..=newest;
    json(&in_time(context, "fee query", |out| history(context, blocks, percentiles.as_deref(), out))?)
}

fn history(
    context: &Context,
    blocks: RangeInclusive<u64>,
    percentiles: Option<&[f64]>,
    out_of_time: &dyn Fn() -> bool,
) -> Result<FeeHistory, CallError> {
    let mut fees = FeeHistory { oldest_block: U64::from(*blocks.start()), ..FeeHistory::default() };
    fees.reward = percentiles.map(|_| Vec::new());
    let (mut next, mut next_blob_price) = (0, 0);
    for number in blocks {
        if out_of_time() {
            return Err(CallError::OutOfTime);
        }
        let unknown = || LedgerError::UnknownBlock(number.to_string());
        let header = context.ledger.header(At::Number(number))?.ok_or_else(unknown)?;
        fees.base_fee_per_gas.push(U64::from(header.base_fee_per_gas.unwrap_or(0)));
        fees.gas_used_ratio.push(Ratio(ratio(header.gas_used, header.gas_limit)));
        let blobs = context.ledger.blob_fees(&header);
        let most = blobs.map_or(0, |blobs| blobs.most_gas);
        fees.base_fee_per_blob_gas.push(U128::from(blobs.map_or(0, |blobs| blobs.price)));
        fees.blob_gas_used_ratio.push(Ratio(ratio(header.blob_gas_used.unwrap_or(0), most)));
        next_blob_price = blobs.map_or(0, |blobs| blobs.next_price);
        if let (Some(rewards), Some(percentiles)) = (&mut fees.reward, percentiles) {
            rewards.push(tips(context, &header, percentiles)?);
        }
        next = next_base_fee(context, &header);
    }
    fees.base_fee_per_gas.push(U64::from(next));
    fees.base_fee_per_blob_gas.push(U128::from(next_blob_price));
    Ok(fees)
}

/// The tips paid in a block at the given percentiles of its gas.
fn tips(context: &Context, header: &Header, percentiles: &[f64]) -> Result<Vec<U128>, LedgerError> {
    let at = At::Number(header.number);
    let none = vec![U128::ZERO; percentiles.len()];
    let (Some(body), Some(receipts)) = (context.ledger.body(at)?, context.ledger.receipts(at)?) else {
        return Ok(none);
    };
    let base_fee = header.base_fee_per_gas.unwrap_or(0);
    let mut before = 0;
    let mut rows: Vec<(u128, u64)> = body
        .transactions
        .iter()
        .zip(&receipts)
        .map(|(tx, receipt)| {
            let gas = receipt.cumulative_gas_used().saturating_sub(before);
            before = receipt.cumulative_gas_used();
            (tx.effective_tip_per_gas(base_fee).unwrap_or(0), gas)
        })
        .collect();
    rows.sort_by_key(|(tip, _)| *tip);
    Ok(if rows.is_empty() { none } else { at_percentiles(&rows, header.gas_used, percentiles) })
}

/// The tip of the transaction with which each share of the block's gas is reached.
fn at_percentiles(rows: &[(u128, u64)], gas_used: u64, percentiles: &[f64]) -> Vec<U128> {
    let tip_at = |percentile: &f64| {
        let (wanted, mut sum) = (share(gas_used, *percentile), 0_u64);
        let reached = rows.iter().find(|(_, gas)| {
            sum = sum.saturating_add(*gas);
            sum >= wanted
        });
        U128::from(reached.or(rows.last()).map_or(0, |(tip, _)| *tip))
    };
    percentiles.iter().map(tip_at).collect()
}

/// In go-ethereum's words.
fn check_percentiles(percentiles: &[f64]) -> Result<(), Failure> {
    let refuse = |what: String| Err(Failure::refused(format!("invalid reward percentile: {what}")));
    if percentiles.len() > MAX_PERCENTILES {
        return refuse(format!("over the query limit {MAX_PERCENTILES}"));
    }
    if let Some(beyond) = percentiles.iter().find(|value| !(0.0..=100.0).contains(*value)) {
        return refuse(format!("{beyond:.6}"));
    }
    for (index, pair) in percentiles.windows(2).enumerate() {
        if pair[1] <= pair[0] {
            return refuse(format!("#{index}:{:.6} >= #{}:{:.6}", pair[0], index + 1, pair[1]));
        }
    }
    Ok(())
}

/// A number that is written without a fraction where it has none, as Go writes it.
#[derive(Clone, Copy)]
struct Ratio(f64);

impl Serialize for Ratio {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0.0 => serializer.serialize_u64(0),
            1.0 => serializer.serialize_u64(1),
            between => serializer.serialize_f64(between),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for display; gas is far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded down as go-ethereum does; gas is far below 2^52 and a percentile at most 100"
)]
fn share(whole: u64, percentile: f64) -> u64 {
    (whole as f64 * percentile / 100.0) as u64
}
