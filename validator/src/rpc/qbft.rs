//! `qbft_*`, as Besu answers them (`qbft-facts` §5.1).

use super::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    validators,
};
use alloy_primitives::{Address, B256, U64};
use ledger::At;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const METHODS: &[Method] = &[
    method("qbft_getValidatorsByBlockNumber", 1, Run::Read(validators_by_number)),
    method("qbft_getValidatorsByBlockHash", 1, Run::Read(validators_by_hash)),
    method("qbft_proposeValidatorVote", 2, Run::Read(propose)),
    method("qbft_discardValidatorVote", 1, Run::Read(discard)),
    method("qbft_getPendingVotes", 0, Run::Read(pending)),
    method("qbft_getSignerMetrics", 2, Run::Read(signer_metrics)),
    method("qbft_getRequestTimeoutSeconds", 0, Run::Now(request_timeout)),
];

/// Blocks of one query, at most; Besu's default is 100.
pub(super) const MAX_BLOCKS: u64 = 10_000;
const DEFAULT_BLOCKS: u64 = 100;

fn validators_by_number(context: &Context, args: &Args) -> Answer {
    // Besu tells the next block's set from the newest block's.
    if args.required::<Value>(0)?.as_str() == Some("pending") {
        return json(&context.ledger.validators()?);
    }
    validators(context, args.required::<BlockId>(0)?.at(context))
}

fn validators_by_hash(context: &Context, args: &Args) -> Answer {
    validators(context, At::Hash(args.required::<B256>(0)?))
}

fn validators(context: &Context, at: At) -> Answer {
    match context.ledger.header(at)? {
        Some(header) => json(&validators::in_block(context, &header)?),
        None => json(&None::<()>),
    }
}

/// Voting exists where headers decide: a contract has its own way to change the set.
fn check_votes(context: &Context) -> Result<(), Failure> {
    if context.ledger.votes()?.is_some() { Ok(()) } else { Err(Failure::NotEnabled) }
}

fn propose(context: &Context, args: &Args) -> Answer {
    check_votes(context)?;
    let (address, add) = (args.required::<Address>(0)?, args.required::<bool>(1)?);
    context.votes.propose(address, add).map_err(|full| Failure::Limit(full.to_string()))?;
    tracing::info!(%address, add, "vote is pending");
    json(&true)
}

fn discard(context: &Context, args: &Args) -> Answer {
    check_votes(context)?;
    context.votes.discard(&args.required::<Address>(0)?);
    json(&true)
}

fn pending(context: &Context, _: &Args) -> Answer {
    check_votes(context)?;
    json(&context.votes.list())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignerMetric {
    address: Address,
    proposed_block_count: U64,
    last_proposed_block_number: U64,
}

/// How many of the blocks `[from, to)` each validator made, those of the set after the last of them with none included. The range
/// ends before the head, wherever it was to end, and begins 100 blocks before it unless the client says.
fn signer_metrics(context: &Context, args: &Args) -> Answer {
    let head = context.ledger.head().number;
    let number = |id: Option<BlockId>| id.map(|id| id.number(context, head).unwrap_or(head));
    let to = number(args.optional(1)?).unwrap_or(head).min(head);
    let from = number(args.optional(0)?).unwrap_or_else(|| head.saturating_sub(DEFAULT_BLOCKS));
    if from >= to {
        return Err(Failure::params(format!("invalid block range params: from {from} to {to}, head {head}")));
    }
    check_range(from, to)?;
    let mut made: BTreeMap<Address, (u64, u64)> = BTreeMap::new();
    for number in from..to {
        let header = context.ledger.header(At::Number(number))?.ok_or_else(Failure::unknown_block)?;
        let (count, last) = made.entry(header.beneficiary).or_default();
        (*count, *last) = (*count + 1, number);
        if number + 1 == to {
            for validator in validators::after(context, number)? {
                made.entry(validator).or_default();
            }
        }
    }
    let metric = |(address, (count, last))| SignerMetric {
        address,
        proposed_block_count: U64::from(count),
        last_proposed_block_number: U64::from(last),
    };
    json(&made.into_iter().map(metric).collect::<Vec<_>>())
}

/// Refuses a query over too many blocks.
pub(super) fn check_range(from: u64, to: u64) -> Result<(), Failure> {
    let got = to.saturating_sub(from);
    if got <= MAX_BLOCKS {
        return Ok(());
    }
    Err(Failure::Limit(format!(
        "query spans {got} blocks, at most {MAX_BLOCKS} are allowed; split the range"
    )))
}

fn request_timeout(context: &Context, _: &Args) -> Answer {
    let next = context.ledger.head().number.saturating_add(1);
    json(&context.ledger.genesis().schedule.at(next).request_timeout_ms.div_ceil(1000))
}
