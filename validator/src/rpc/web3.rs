//! `web3_*`.

use super::{
    args::Args,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
};
use alloy_primitives::{Bytes, keccak256};

pub(super) const METHODS: &[Method] =
    &[method("web3_clientVersion", 0, Run::Now(client_version)), method("web3_sha3", 1, Run::Now(sha3))];

fn client_version(context: &Context, _: &Args) -> Answer {
    json(&context.node.client_version())
}

fn sha3(_: &Context, args: &Args) -> Answer {
    json(&keccak256(args.required::<Bytes>(0)?))
}
