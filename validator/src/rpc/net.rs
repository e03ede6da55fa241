//! `net_*`.

use super::{
    args::Args,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
};
use alloy_primitives::U64;

pub(super) const METHODS: &[Method] = &[
    method("net_version", 0, Run::Now(version)),
    method("net_listening", 0, Run::Now(listening)),
    method("net_peerCount", 0, Run::Now(peer_count)),
];

/// A decimal string, unlike everything else.
fn version(context: &Context, _: &Args) -> Answer {
    json(&context.chain_id().to_string())
}

fn listening(_: &Context, _: &Args) -> Answer {
    json(&true)
}

fn peer_count(context: &Context, _: &Args) -> Answer {
    json(&U64::from(context.node.peer_count()))
}
