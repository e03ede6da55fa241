//! `eth_subscribe`: pushed after a block is durable and readable, so that a client may ask back at once. A client that
//! does not keep up is told so and disconnected, rather than left with a gap.

use super::{Progress, logs::Criteria};
use crate::{
    pool::Accepted,
    rpc::{
        RpcError,
        args::Args,
        context::Context,
        dispatch::client,
        error::Failure,
        format::{RpcHeader, RpcLog, RpcReceipt, RpcTransaction, place},
        server::Client,
    },
};
use alloy_primitives::B256;
use jsonrpsee::{
    Extensions, PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::{SubscriptionError, server::SubscriptionMessage},
    types::Params,
};
use ledger::{CommittedBlock, LogFilter};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::broadcast::{self, error::RecvError};

/// How long one message may wait for a client that reads nothing.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

type Messages = Result<Vec<Box<RawValue>>, serde_json::Error>;

/// What a client subscribed to.
enum Kind {
    NewHeads,
    Logs(LogFilter),
    Pending {
        full: bool,
    },
    /// Of these transactions; of all when there are none.
    Receipts(BTreeSet<B256>),
    Syncing,
}

/// Transactions of one receipts subscription.
const MAX_RECEIPTS: usize = 200;
/// How often progress of catching up is looked at.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Which receipts a client wants.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReceiptsOf {
    transaction_hashes: Option<Vec<B256>>,
}

impl ReceiptsOf {
    fn hashes(self) -> Result<BTreeSet<B256>, Failure> {
        let hashes = self.transaction_hashes.unwrap_or_default();
        if hashes.len() > MAX_RECEIPTS {
            return Err(Failure::params(format!(
                "invalid argument 1: {} transaction hashes, at most {MAX_RECEIPTS} are allowed",
                hashes.len()
            )));
        }
        Ok(hashes.into_iter().collect())
    }
}

/// Registers `eth_subscribe` and `eth_unsubscribe`.
pub(in crate::rpc) fn register(module: &mut RpcModule<Context>) -> Result<(), RpcError> {
    module.register_subscription("eth_subscribe", "eth_subscription", "eth_unsubscribe", subscribe)?;
    Ok(())
}

async fn subscribe(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    extensions: Extensions,
) -> Result<(), SubscriptionError> {
    let kind = match Args::new(&params, 2, client(&extensions)).and_then(|args| kind(&args)) {
        Ok(kind) => kind,
        Err(failure) => {
            pending.reject(failure).await;
            return Ok(());
        }
    };
    // Subscribed before the client learns its id, so that no block falls in between.
    let (heads, accepted) = (context.heads(), context.pool.subscribe_accepted());
    let Ok(sink) = pending.accept().await else { return Ok(()) };
    let ended = match kind {
        Kind::NewHeads => forward(&sink, heads, new_head).await,
        Kind::Logs(filter) => forward(&sink, heads, |block| logs(&filter, block)).await,
        Kind::Pending { full } => forward(&sink, accepted, |tx| pending_transaction(tx, full)).await,
        Kind::Receipts(wanted) => forward(&sink, heads, |block| receipts(&wanted, block)).await,
        Kind::Syncing => forward_progress(&sink, &context).await,
    };
    if ended.is_err()
        && let Some(client) = extensions.get::<Client>()
    {
        client.close();
    }
    ended
}

fn kind(args: &Args) -> Result<Kind, Failure> {
    let name: String = args.required(0)?;
    match name.as_str() {
        "newHeads" => Ok(Kind::NewHeads),
        "logs" => Ok(Kind::Logs(args.optional::<Criteria>(1)?.unwrap_or_default().matching()?)),
        "newPendingTransactions" => Ok(Kind::Pending { full: args.optional(1)?.unwrap_or(false) }),
        "transactionReceipts" => {
            Ok(Kind::Receipts(args.optional::<ReceiptsOf>(1)?.unwrap_or_default().hashes()?))
        }
        "syncing" => Ok(Kind::Syncing),
        other => {
            let name: String = other.chars().take(64).collect();
            Err(Failure::params(format!("no \"{name}\" subscription in eth namespace")))
        }
    }
}

/// Sends what `messages` makes of each item until the client leaves, falls behind, or the node stops.
async fn forward<T: Clone>(
    sink: &SubscriptionSink,
    mut items: broadcast::Receiver<T>,
    messages: impl Fn(&T) -> Messages,
) -> Result<(), SubscriptionError> {
    loop {
        let item = tokio::select! {
            () = sink.closed() => return Ok(()),
            item = items.recv() => item,
        };
        match item {
            Ok(item) => {
                for message in messages(&item)? {
                    if sink.send_timeout(SubscriptionMessage::from(message), SEND_PATIENCE).await.is_err() {
                        return if sink.is_closed() {
                            Ok(())
                        } else {
                            Err("client reads too slowly, subscribe again".into())
                        };
                    }
                }
            }
            Err(RecvError::Lagged(missed)) => {
                return Err(format!("client fell behind and missed {missed} events, subscribe again").into());
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Sends where the node stands, now and whenever that changes: progress while it is behind, then `false`.
async fn forward_progress(sink: &SubscriptionSink, context: &Context) -> Result<(), SubscriptionError> {
    let mut told = None;
    let mut looks = tokio::time::interval(PROGRESS_EVERY);
    loop {
        tokio::select! {
            () = sink.closed() => return Ok(()),
            _ = looks.tick() => {}
        }
        let now = context.node.syncing();
        if told == Some(now) {
            continue;
        }
        told = Some(now);
        let message = match now {
            None => to_raw_value(&false)?,
            Some(progress) => to_raw_value(&SyncStatus { syncing: true, status: progress.into() })?,
        };
        if sink.send_timeout(SubscriptionMessage::from(message), SEND_PATIENCE).await.is_err() {
            return if sink.is_closed() {
                Ok(())
            } else {
                Err("client reads too slowly, subscribe again".into())
            };
        }
    }
}

#[derive(Serialize)]
struct SyncStatus {
    syncing: bool,
    status: Progress,
}

fn one(value: &impl Serialize) -> Messages {
    Ok(vec![to_raw_value(value)?])
}

fn new_head(committed: &Arc<CommittedBlock>) -> Messages {
    one(&RpcHeader::new(&committed.block.header, committed.hash))
}

fn logs(filter: &LogFilter, committed: &Arc<CommittedBlock>) -> Messages {
    let mut messages = Vec::new();
    let mut log_index = 0;
    let rows = committed.receipts.iter().zip(committed.transaction_hashes.iter()).zip(0..);
    for ((receipt, hash), index) in rows {
        let place = place(&committed.block.header, committed.hash, index);
        for log in receipt.logs() {
            if filter.matches(log) {
                messages.push(to_raw_value(&RpcLog::new(log, &place, *hash, log_index))?);
            }
            log_index += 1;
        }
    }
    Ok(messages)
}

fn receipts(wanted: &BTreeSet<B256>, committed: &Arc<CommittedBlock>) -> Messages {
    let CommittedBlock { block, hash, transaction_hashes, senders, receipts } = committed.as_ref();
    let is_wanted = |hash: &B256| wanted.is_empty() || wanted.contains(hash);
    if !transaction_hashes.iter().any(is_wanted) {
        return Ok(Vec::new());
    }
    let rows = RpcReceipt::of_block(block, *hash, senders, receipts, None);
    let rows: Vec<_> = rows
        .iter()
        .zip(transaction_hashes.iter())
        .filter(|(_, hash)| is_wanted(hash))
        .map(|(row, _)| row)
        .collect();
    one(&rows)
}

fn pending_transaction(accepted: &Accepted, full: bool) -> Messages {
    let recovered = &accepted.recovered;
    if full { one(&RpcTransaction::new(&recovered.tx, recovered.sender, None)) } else { one(&recovered.hash) }
}
