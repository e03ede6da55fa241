//! `ots_*`: what the Otterscan explorer asks of a node beside `eth_*` (API level 8).

mod block;
mod page;
mod search;
mod trace;

use super::{
    args::Args,
    block_id::state_at,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
};
use alloy_primitives::Address;

/// Every table of the namespace.
pub(super) const METHODS: &[&[Method]] =
    &[NODE, block::METHODS, page::METHODS, search::METHODS, trace::METHODS];

const NODE: &[Method] =
    &[method("ots_getApiLevel", 0, Run::Now(api_level)), method("ots_hasCode", 2, Run::Read(has_code))];

/// What the explorer checks before it starts.
const API_LEVEL: u32 = 8;

fn api_level(_: &Context, _: &Args) -> Answer {
    json(&API_LEVEL)
}

fn has_code(context: &Context, args: &Args) -> Answer {
    let address: Address = args.required(0)?;
    json(&!context.ledger.code(address, state_at(context, args.optional(1)?)?)?.is_empty())
}
