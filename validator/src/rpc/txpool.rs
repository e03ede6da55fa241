//! `txpool_*`, as go-ethereum answers them.

use super::{
    args::Args,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
    format::RpcTransaction,
};
use crate::pool::{Content, Pooled};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, U64};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

pub(super) const METHODS: &[Method] = &[
    method("txpool_status", 0, Run::Now(status)),
    method("txpool_content", 0, Run::Read(content)),
    method("txpool_contentFrom", 1, Run::Read(content_from)),
    method("txpool_inspect", 0, Run::Read(inspect)),
];

/// Two halves of one shape.
#[derive(Serialize)]
struct Halves<T> {
    pending: T,
    queued: T,
}

/// One sender's transactions; keys are nonces in decimal.
type ByNonce<T> = BTreeMap<String, T>;

fn status(context: &Context, _: &Args) -> Answer {
    let stats = context.pool.stats();
    json(&Halves { pending: U64::from(stats.pending), queued: U64::from(stats.queued) })
}

fn content(context: &Context, _: &Args) -> Answer {
    json(&by_sender(context, full))
}

fn inspect(context: &Context, _: &Args) -> Answer {
    json(&by_sender(context, summary))
}

fn content_from(context: &Context, args: &Args) -> Answer {
    let row = context.pool.content_from(&args.required::<Address>(0)?);
    let (pending, queued) = row.map(|row| (row.pending, row.queued)).unwrap_or_default();
    json(&Halves { pending: by_nonce(&pending, full), queued: by_nonce(&queued, full) })
}

/// Senders are named with the checksum in their letters (EIP-55), as go-ethereum names them here.
fn by_sender<T>(context: &Context, show: fn(&Pooled) -> T) -> Halves<BTreeMap<String, ByNonce<T>>> {
    let mut halves = Halves { pending: BTreeMap::new(), queued: BTreeMap::new() };
    for Content { sender, pending, queued } in context.pool.content() {
        if !pending.is_empty() {
            halves.pending.insert(sender.to_string(), by_nonce(&pending, show));
        }
        if !queued.is_empty() {
            halves.queued.insert(sender.to_string(), by_nonce(&queued, show));
        }
    }
    halves
}

fn by_nonce<T>(list: &[Arc<Pooled>], show: fn(&Pooled) -> T) -> ByNonce<T> {
    list.iter().map(|pooled| (pooled.recovered.tx.nonce().to_string(), show(pooled))).collect()
}

fn full(pooled: &Pooled) -> RpcTransaction {
    RpcTransaction::new(&pooled.recovered.tx, pooled.recovered.sender, None)
}

fn summary(pooled: &Pooled) -> String {
    let tx = &pooled.recovered.tx;
    let to = tx.to().map_or_else(|| "contract creation".to_string(), |to| to.to_string());
    format!("{to}: {} wei + {} gas × {} wei", tx.value(), tx.gas_limit(), tx.max_fee_per_gas())
}
