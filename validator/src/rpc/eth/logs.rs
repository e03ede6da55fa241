//! `eth_getLogs`, and what a log filter may say.

use super::in_time;
use crate::rpc::{
    args::Args,
    block_id::BlockId,
    budget::Encoded,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    error::Failure,
    format::RpcLog,
};
use alloy_primitives::{Address, B256};
use ledger::{At, LogEntry, LogFilter};
use serde::Deserialize;

pub(super) const METHODS: &[Method] = &[method("eth_getLogs", 1, Run::Read(get_logs))];

/// Addresses, or topics of one position, that one filter may name.
const MAX_ALTERNATIVES: usize = 1000;
const MAX_TOPICS: usize = 4;
/// What is aborted when time is up.
const QUERY: &str = "log query";

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// A filter as clients write it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Criteria {
    pub(super) from_block: Option<BlockId>,
    pub(super) to_block: Option<BlockId>,
    pub(super) block_hash: Option<B256>,
    address: Option<OneOrMany<Address>>,
    topics: Option<Vec<Option<OneOrMany<Option<B256>>>>>,
}

impl Criteria {
    /// The part that does not name blocks.
    pub(super) fn matching(self) -> Result<LogFilter, Failure> {
        let addresses = self.address.map(OneOrMany::into_vec).unwrap_or_default();
        let positions = self.topics.unwrap_or_default();
        if positions.len() > MAX_TOPICS {
            return Err(Failure::params("exceed max topics"));
        }
        let least_topics = positions.len();
        let mut topics: [Vec<B256>; MAX_TOPICS] = Default::default();
        for (slot, position) in topics.iter_mut().zip(positions) {
            let alternatives = position.map(OneOrMany::into_vec).unwrap_or_default();
            // A null among alternatives matches anything, as an empty list does.
            *slot = alternatives.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default();
        }
        if addresses.len() > MAX_ALTERNATIVES || topics.iter().any(|list| list.len() > MAX_ALTERNATIVES) {
            return Err(Failure::params(format!(
                "exceed max addresses or topics per search position: {MAX_ALTERNATIVES}"
            )));
        }
        Ok(LogFilter { from: 0, to: u64::MAX, addresses, topics, least_topics })
    }
}

fn get_logs(context: &Context, args: &Args) -> Answer {
    let criteria: Criteria = args.required(0)?;
    let (from, to) = range(context, &criteria)?;
    let filter = LogFilter { from, to, ..criteria.matching()? };
    read(context, &filter)
}

/// Answers with all logs of a filter.
pub(super) fn read(context: &Context, filter: &LogFilter) -> Answer {
    shown(&in_time(context, QUERY, |out| context.ledger.logs_with(filter, out))?)
}

/// Answers with as many logs of a filter as one answer may have, from the log at position `index` of the first block on, and says
/// with which block and position the rest begins.
pub(super) fn read_from(
    context: &Context,
    filter: &LogFilter,
    index: u64,
) -> Result<(Encoded, (u64, u64)), Failure> {
    let (found, mut next) = in_time(context, QUERY, |out| context.ledger.logs_from(filter, index, out))?;
    let mut logs = found.as_slice();
    loop {
        let (fewer, rest) = logs.split_at(logs.len() / 2);
        match (shown(logs), rest.first()) {
            // The ledger does not count what stands around topics and data.
            (Err(Failure::TooLarge { .. }), Some(first)) if !fewer.is_empty() => {
                next = (first.block_number, first.log_index);
                logs = fewer;
            }
            (answer, _) => return Ok((answer?, next)),
        }
    }
}

fn shown(logs: &[LogEntry]) -> Answer {
    json(&logs.iter().map(RpcLog::from).collect::<Vec<_>>())
}

fn range(context: &Context, criteria: &Criteria) -> Result<(u64, u64), Failure> {
    if let Some(hash) = criteria.block_hash {
        if criteria.from_block.is_some() || criteria.to_block.is_some() {
            return Err(Failure::params(
                "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
            ));
        }
        let number =
            context.ledger.number(At::Hash(hash))?.ok_or_else(|| Failure::refused("unknown block"))?;
        return Ok((number, number));
    }
    let head = context.ledger.head().number;
    let number = |id: Option<BlockId>| {
        id.unwrap_or_default()
            .number(context, head)
            .ok_or_else(|| Failure::params("a block number or a tag is expected"))
    };
    let (from, to) = (number(criteria.from_block)?, number(criteria.to_block)?);
    if from > to {
        return Err(Failure::params("invalid block range params"));
    }
    if to > head {
        return Err(Failure::params("block range extends beyond current head block"));
    }
    Ok((from, to))
}
