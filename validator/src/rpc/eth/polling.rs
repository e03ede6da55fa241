//! Filters that clients poll.

use super::logs::{self, Criteria};
use crate::rpc::{
    args::Args,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    filters::Due,
};
use alloy_primitives::{B256, U128};
use ledger::{At, LogFilter};

pub(super) const METHODS: &[Method] = &[
    method("eth_newFilter", 1, Run::Now(new_filter)),
    method("eth_newBlockFilter", 0, Run::Now(new_block_filter)),
    method("eth_newPendingTransactionFilter", 1, Run::Now(new_pending_filter)),
    method("eth_getFilterChanges", 1, Run::Read(changes)),
    method("eth_getFilterLogs", 1, Run::Read(filter_logs)),
    method("eth_uninstallFilter", 1, Run::Now(uninstall)),
];

/// Blocks of hashes that one poll of a block filter returns; the next poll goes on from there.
const MAX_BLOCKS: u64 = 10_000;

fn new_filter(context: &Context, args: &Args) -> Answer {
    let criteria: Criteria = args.required(0)?;
    if criteria.block_hash.is_some() {
        return Err(Failure::params("cannot use blockHash in a filter, use eth_getLogs"));
    }
    let head = context.ledger.head().number;
    let from = criteria.from_block.and_then(|id| id.number(context, head)).unwrap_or(head);
    // A tag as the end means "from now on": the head moves.
    let to = criteria.to_block.and_then(|id| id.number(context, u64::MAX)).unwrap_or(u64::MAX);
    if from > to {
        return Err(Failure::params("invalid block range params"));
    }
    let filter = LogFilter { from, to, ..criteria.matching()? };
    json(&context.filters.add_logs(head, filter)?)
}

fn new_block_filter(context: &Context, _: &Args) -> Answer {
    json(&context.filters.add_blocks(context.ledger.head().number)?)
}

fn new_pending_filter(context: &Context, args: &Args) -> Answer {
    // What waits for a client who may never poll is hashes only.
    if args.optional(0)?.unwrap_or(false) {
        return Err(Failure::params(
            "filters give hashes only: ask for each by eth_getTransactionByHash, or subscribe to newPendingTransactions",
        ));
    }
    json(&context.filters.add_pending(|| context.pool.subscribe_accepted())?)
}

fn uninstall(context: &Context, args: &Args) -> Answer {
    json(&context.filters.remove(args.required(0)?))
}

fn changes(context: &Context, args: &Args) -> Answer {
    let id: U128 = args.required(0)?;
    let head = context.ledger.head().number;
    match context.filters.poll(id)? {
        Due::Pending(hashes) => json(&hashes),
        Due::Blocks { from } => {
            let to = head.min(from.saturating_add(MAX_BLOCKS - 1));
            let hashes = json(&block_hashes(context, from, to)?)?;
            context.filters.advance(id, (to.saturating_add(1), 0));
            Ok(hashes)
        }
        Due::Logs { from: (from, index), filter } => {
            let filter = LogFilter { from, to: head.min(filter.to), ..filter };
            let (logs, next) = logs::read_from(context, &filter, index)?;
            context.filters.advance(id, next);
            Ok(logs)
        }
    }
}

fn block_hashes(context: &Context, from: u64, to: u64) -> Result<Vec<B256>, Failure> {
    let mut hashes = Vec::new();
    for number in from..=to {
        hashes.extend(context.ledger.block_hash(At::Number(number))?);
    }
    Ok(hashes)
}

fn filter_logs(context: &Context, args: &Args) -> Answer {
    let filter = context.filters.logs(args.required(0)?)?;
    let to = filter.to.min(context.ledger.head().number);
    if filter.from > to {
        return json(&[(); 0]);
    }
    logs::read(context, &LogFilter { to, ..filter })
}
