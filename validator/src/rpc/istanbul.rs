//! `istanbul_*`, as GoQuorum answers them (`qbft-facts` §5.2). A set "at" a block is there the set after it.

use super::{
    args::Args,
    block_id::BlockId,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    qbft::check_range,
    validators,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use chain::{hash::commit_hash, signature};
use ledger::At;
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const METHODS: &[Method] = &[
    method("istanbul_getValidators", 1, Run::Read(validators_by_number)),
    method("istanbul_getValidatorsAtHash", 1, Run::Read(validators_by_hash)),
    method("istanbul_getSnapshot", 1, Run::Read(snapshot_by_number)),
    method("istanbul_getSnapshotAtHash", 1, Run::Read(snapshot_by_hash)),
    method("istanbul_getSignersFromBlock", 1, Run::Read(signers_by_number)),
    method("istanbul_getSignersFromBlockByHash", 1, Run::Read(signers_by_hash)),
    method("istanbul_propose", 2, Run::Now(propose)),
    method("istanbul_discard", 1, Run::Now(discard)),
    method("istanbul_candidates", 0, Run::Now(candidates)),
    method("istanbul_nodeAddress", 0, Run::Now(node_address)),
    method("istanbul_isValidator", 1, Run::Read(is_validator)),
    method("istanbul_status", 2, Run::Read(status)),
];

/// Blocks that `istanbul_status` looks at when it is not told.
const STATUS_BLOCKS: u64 = 64;

fn by_number(context: &Context, args: &Args) -> Result<(Header, B256), Failure> {
    let id: Option<BlockId> = args.optional(0)?;
    found(context, id.unwrap_or_default().at(context))
}

fn by_hash(context: &Context, args: &Args) -> Result<(Header, B256), Failure> {
    found(context, At::Hash(args.required(0)?))
}

fn found(context: &Context, at: At) -> Result<(Header, B256), Failure> {
    context.ledger.hashed_header(at)?.ok_or_else(|| Failure::refused("unknown block"))
}

fn validators_by_number(context: &Context, args: &Args) -> Answer {
    json(&validators::after(context, by_number(context, args)?.0.number)?)
}

fn validators_by_hash(context: &Context, args: &Args) -> Answer {
    json(&validators::after(context, by_hash(context, args)?.0.number)?)
}

#[derive(Serialize)]
struct Snapshot {
    epoch: u64,
    number: u64,
    hash: B256,
    votes: Vec<CastVote>,
    tally: BTreeMap<Address, Count>,
    validators: Vec<Address>,
    /// Round robin.
    policy: u64,
}

#[derive(Serialize)]
struct CastVote {
    validator: Address,
    block: u64,
    address: Address,
    authorize: bool,
}

#[derive(Default, Serialize)]
struct Count {
    authorize: bool,
    votes: u64,
}

fn snapshot_by_number(context: &Context, args: &Args) -> Answer {
    snapshot(context, by_number(context, args)?)
}

fn snapshot_by_hash(context: &Context, args: &Args) -> Answer {
    snapshot(context, by_hash(context, args)?)
}

fn snapshot(context: &Context, (header, hash): (Header, B256)) -> Answer {
    let number = header.number;
    let mut votes: Vec<CastVote> = Vec::new();
    if let Some(tally) = context.ledger.votes_after(At::Number(number))? {
        votes.extend(tally.ballots().map(|(address, validator, ballot)| CastVote {
            validator,
            block: ballot.block,
            address,
            authorize: ballot.add,
        }));
    }
    votes.sort_by_key(|vote| vote.block);
    let mut tally: BTreeMap<Address, Count> = BTreeMap::new();
    for vote in &votes {
        let count = tally.entry(vote.address).or_default();
        (count.authorize, count.votes) = (vote.authorize, count.votes + 1);
    }
    json(&Snapshot {
        epoch: context.ledger.genesis().schedule.at(number).epoch_length,
        number,
        hash,
        votes,
        tally,
        validators: validators::after(context, number)?,
        policy: 0,
    })
}

/// GoQuorum writes these names as its language spells them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Signers {
    number: u64,
    hash: B256,
    author: Address,
    committers: Vec<Address>,
}

fn signers_by_number(context: &Context, args: &Args) -> Answer {
    signers(by_number(context, args)?)
}

fn signers_by_hash(context: &Context, args: &Args) -> Answer {
    signers(by_hash(context, args)?)
}

fn signers((header, hash): (Header, B256)) -> Answer {
    let extra = validators::extra(&header)?;
    let signed = commit_hash(&header, extra.round).map_err(|_| Failure::Internal)?;
    let committers = extra.seals.iter().map(|seal| signature::recover(signed, seal));
    let committers = committers.collect::<Result<_, _>>().map_err(|error| {
        tracing::error!(%error, block = header.number, "rpc: stored seal recovers to nobody");
        Failure::Internal
    })?;
    json(&Signers { number: header.number, hash, author: header.beneficiary, committers })
}

fn propose(context: &Context, args: &Args) -> Answer {
    let (address, add) = (args.required::<Address>(0)?, args.required::<bool>(1)?);
    context.votes.propose(address, add).map_err(|full| Failure::Limit(full.to_string()))?;
    tracing::info!(%address, add, "vote is pending");
    json(&None::<()>)
}

fn discard(context: &Context, args: &Args) -> Answer {
    context.votes.discard(&args.required::<Address>(0)?);
    json(&None::<()>)
}

fn candidates(context: &Context, _: &Args) -> Answer {
    json(&context.votes.list())
}

fn identity(context: &Context) -> Result<Address, Failure> {
    context.node.coinbase().ok_or_else(|| Failure::refused("this node has no identity"))
}

fn node_address(context: &Context, _: &Args) -> Answer {
    json(&identity(context)?)
}

/// Nobody is a validator after a block that is not here.
fn is_validator(context: &Context, args: &Args) -> Answer {
    let id: Option<BlockId> = args.optional(0)?;
    let header = context.ledger.header(id.unwrap_or_default().at(context))?;
    let (Some(header), Ok(identity)) = (header, identity(context)) else { return json(&false) };
    json(&validators::after(context, header.number)?.contains(&identity))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    sealer_activity: BTreeMap<Address, u64>,
    num_blocks: u64,
}

/// Who made how many of the blocks `[start, end)`; nobody made block 0, so it is left out.
fn status(context: &Context, args: &Args) -> Answer {
    let head = context.ledger.head().number;
    let number = |id: BlockId| id.number(context, head).unwrap_or(head);
    let (start, end) = match (args.optional(0)?.map(number), args.optional(1)?.map(number)) {
        (None, None) => (head.saturating_sub(STATUS_BLOCKS), head),
        (Some(start), Some(end)) => (start, end),
        (Some(_), None) => return Err(Failure::refused("pass the end block number")),
        (None, Some(_)) => return Err(Failure::refused("pass the start block number")),
    };
    if start > end {
        return Err(Failure::refused("start block number should be less than end block number"));
    }
    if end > head {
        return Err(Failure::refused(
            "end block number should be less than or equal to current block height",
        ));
    }
    let start = start.max(1).min(end);
    check_range(start, end)?;
    let mut sealer_activity: BTreeMap<Address, u64> =
        validators::after(context, end)?.into_iter().map(|address| (address, 0)).collect();
    for number in start..end {
        let (header, _) = found(context, At::Number(number))?;
        *sealer_activity.entry(header.beneficiary).or_default() += 1;
    }
    json(&Status { sealer_activity, num_blocks: end - start })
}
