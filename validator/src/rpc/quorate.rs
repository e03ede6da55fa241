//! `quorate_*`: what dashboards ask for in one call where other methods need one per block.

use super::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U64};
use chain::{Extra, hash::commit_hash, reseat::RecoveryRecord, signature};
use ledger::At;
use serde::Serialize;

pub(super) const METHODS: &[Method] = &[
    method("quorate_getBlockSummaries", 3, Run::Read(summaries)),
    method("quorate_takeUpRecovery", 1, Run::Read(recover)),
];

/// Blocks of one answer.
const MAX_BLOCKS: u64 = 1000;
/// Blocks of one answer that says who sealed: a signature takes 40 µs to recover.
const MAX_SEALED_BLOCKS: u64 = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    number: U64,
    hash: B256,
    timestamp: U64,
    /// Whose turn it was in the round that succeeded.
    proposer: Address,
    /// Round of the seals.
    round: U64,
    /// How many there are.
    seals: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealers: Option<Vec<Address>>,
    transactions: U64,
    gas_used: U64,
    gas_limit: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_fee_per_gas: Option<U64>,
}

/// First block, how many, and whether to say who sealed them. Ends at the head.
fn summaries(context: &Context, args: &Args) -> Answer {
    let head = context.ledger.head().number;
    let from = args.required::<BlockId>(0)?.number(context, head);
    let from =
        from.ok_or_else(|| Failure::params("invalid argument 0: a block number or a tag is expected"))?;
    let count: U64 = args.required(1)?;
    let sealers: bool = args.optional(2)?.unwrap_or(false);
    let most = if sealers { MAX_SEALED_BLOCKS } else { MAX_BLOCKS };
    if count > U64::from(most) {
        return Err(Failure::Limit(format!("{count} blocks, at most {most} at a time; ask for less")));
    }
    let end = from.saturating_add(count.to()).min(head + 1);
    let rows = (from..end).map(|number| summary(context, number, sealers));
    json(&rows.collect::<Result<Vec<_>, _>>()?)
}

/// A recovery record that admins signed: checked against the halted state before anything is kept of it.
fn recover(context: &Context, args: &Args) -> Answer {
    let record: RecoveryRecord = args.required(0)?;
    context.ledger.check_record(&record).map_err(|refused| Failure::refused(refused.to_string()))?;
    context.node.recover(&record).map_err(Failure::refused)?;
    json(&true)
}

fn summary(context: &Context, number: u64, sealers: bool) -> Result<Summary, Failure> {
    let at = At::Number(number);
    let (header, hash) = context.ledger.hashed_header(at)?.ok_or_else(Failure::unknown_block)?;
    let transactions = context.ledger.senders(at)?.unwrap_or_default().len();
    // Block 0 of a network of other clients need not have extra data of ours.
    let extra = Extra::decode_exact(&header.extra_data).unwrap_or_else(|_| Extra::unsealed(0));
    Ok(Summary {
        number: U64::from(number),
        hash,
        timestamp: U64::from(header.timestamp),
        proposer: header.beneficiary,
        round: U64::from(extra.round),
        seals: U64::from(extra.seals.len()),
        sealers: sealers.then(|| sealed_by(&header, &extra)),
        transactions: U64::from(transactions),
        gas_used: U64::from(header.gas_used),
        gas_limit: U64::from(header.gas_limit),
        base_fee_per_gas: header.base_fee_per_gas.map(U64::from),
    })
}

/// Who sealed, in the order of the seals; those of a committed block were all checked.
fn sealed_by(header: &Header, extra: &Extra) -> Vec<Address> {
    let Ok(signed) = commit_hash(header, extra.round) else { return Vec::new() };
    extra.seals.iter().filter_map(|seal| signature::recover(signed, seal).ok()).collect()
}
