//! `eth_subscribe`: pushed after a block is durable and readable, so that a client may ask back at once. What is told faster than
//! it is sent is read from the chain; a client that does not keep up with that is told so and disconnected, rather than left with
//! a gap.

use super::{Progress, logs::Criteria};
use crate::{
    pool::Accepted,
    rpc::{
        RpcError,
        args::Args,
        context::{Beside, Context, Weight},
        dispatch::client,
        error::Failure,
        format::{RpcHeader, RpcLog, RpcReceipt, RpcTransaction, place},
        push::Backlog,
        server::Client,
    },
};
use alloy_primitives::B256;
use jsonrpsee::{
    Extensions, PendingSubscriptionSink, RpcModule, SubscriptionSink,
    core::{SubscriptionError, server::SubscriptionMessage},
    types::Params,
};
use ledger::{At, CommittedBlock, LogFilter};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::broadcast::{self, error::RecvError};

/// Made one by one, as they are sent: those of a full block are too many to hold for every client.
type Message = Result<Box<RawValue>, serde_json::Error>;

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
/// Blocks that are read for a subscriber who missed them; a node that catches up tells of many at once.
const MAX_MISSED: u64 = 1024;
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
    let Some(backlog) = extensions.get::<Arc<Backlog>>() else { return Err("no connection".into()) };
    let Ok(sink) = pending.accept().await else { return Ok(()) };
    let way = Way { sink: &sink, backlog, patience: Duration::from_secs(context.limits.push_s) };
    // A receiver keeps in memory what it does not read, so that of the other one nothing is left.
    let ended = match kind {
        Kind::NewHeads => {
            drop(accepted);
            forward(way, &context, heads, |block| one(new_head(block))).await
        }
        Kind::Logs(filter) => {
            drop(accepted);
            forward(way, &context, heads, |block| logs(&filter, block)).await
        }
        Kind::Receipts(wanted) => {
            drop(accepted);
            forward(way, &context, heads, |block| receipts(&wanted, block).into_iter()).await
        }
        Kind::Pending { full } => {
            drop(heads);
            forward_pending(way, accepted, full).await
        }
        Kind::Syncing => {
            drop((heads, accepted));
            forward_progress(way, &context).await
        }
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

/// How notifications reach a client.
#[derive(Clone, Copy)]
struct Way<'a> {
    sink: &'a SubscriptionSink,
    backlog: &'a Backlog,
    patience: Duration,
}

impl Way<'_> {
    /// Sends one; false when the client has left, an error when it does not keep up.
    async fn send(&self, message: Box<RawValue>) -> Result<bool, SubscriptionError> {
        let slow = tokio::select! {
            () = self.sink.closed() => return Ok(false),
            counted = self.backlog.add(message.get().len(), self.patience) => counted,
        };
        slow.map_err(|slow| slow.to_string())?;
        if self.sink.send_timeout(SubscriptionMessage::from(message), self.patience).await.is_ok() {
            return Ok(true);
        }
        if self.sink.is_closed() { Ok(false) } else { Err("client reads too slowly, subscribe again".into()) }
    }

    /// The same for each of several.
    async fn send_all(&self, messages: impl Iterator<Item = Message>) -> Result<bool, SubscriptionError> {
        for message in messages {
            if !self.send(message?).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Sends what `messages` makes of each block until the client leaves, falls behind, or the node stops.
async fn forward<I: Iterator<Item = Message>>(
    way: Way<'_>,
    context: &Arc<Context>,
    mut heads: broadcast::Receiver<Arc<CommittedBlock>>,
    messages: impl Fn(&Arc<CommittedBlock>) -> I,
) -> Result<(), SubscriptionError> {
    let mut missed = 0_u64;
    loop {
        let told = tokio::select! {
            () = way.sink.closed() => return Ok(()),
            told = heads.recv() => told,
        };
        match told {
            Ok(block) => {
                // Blocks are told in their order, so that those missed are the ones right before.
                let number = block.block.header.number;
                for before in number.saturating_sub(missed)..number {
                    let before = committed(context, before).await?;
                    if !way.send_all(messages(&before)).await? {
                        return Ok(());
                    }
                }
                missed = 0;
                if !way.send_all(messages(&block)).await? {
                    return Ok(());
                }
            }
            Err(RecvError::Lagged(more)) => {
                missed = missed.saturating_add(more);
                if missed > MAX_MISSED {
                    return Err(fell_behind(missed, "blocks"));
                }
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// A final block as it was told to those who did not miss it.
async fn committed(context: &Arc<Context>, number: u64) -> Result<Arc<CommittedBlock>, Failure> {
    let read = move |context: &Context| {
        let at = At::Number(number);
        let found = context.ledger.stored_block(at)?.zip(context.ledger.stored_receipts(at)?);
        let (stored, receipts) = found.ok_or_else(Failure::unknown_block)?;
        let transactions = &stored.block.body.transactions;
        Ok(Arc::new(CommittedBlock {
            block: stored.block.clone(),
            hash: stored.hash,
            transaction_hashes: Arc::new(transactions.iter().map(|tx| *tx.tx_hash()).collect()),
            senders: Arc::new(stored.senders.clone()),
            receipts,
        }))
    };
    // As one of many: the thread that serves connections goes on meanwhile.
    context.read(Weight::Light, Beside::Batch, read).await
}

fn fell_behind(missed: u64, what: &str) -> SubscriptionError {
    format!("client fell behind and missed {missed} {what}, subscribe again").into()
}

/// Sends each transaction that was accepted until the client leaves, falls behind, or the node stops.
async fn forward_pending(
    way: Way<'_>,
    mut accepted: broadcast::Receiver<Accepted>,
    full: bool,
) -> Result<(), SubscriptionError> {
    loop {
        let item = tokio::select! {
            () = way.sink.closed() => return Ok(()),
            item = accepted.recv() => item,
        };
        match item {
            Ok(item) => {
                if !way.send(pending_transaction(&item, full)?).await? {
                    return Ok(());
                }
            }
            Err(RecvError::Lagged(missed)) => return Err(fell_behind(missed, "transactions")),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Sends where the node stands, now and whenever that changes: progress while it is behind, then `false`.
async fn forward_progress(way: Way<'_>, context: &Context) -> Result<(), SubscriptionError> {
    let mut told = None;
    let mut looks = tokio::time::interval(PROGRESS_EVERY);
    loop {
        tokio::select! {
            () = way.sink.closed() => return Ok(()),
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
        if !way.send(message).await? {
            return Ok(());
        }
    }
}

#[derive(Serialize)]
struct SyncStatus {
    syncing: bool,
    status: Progress,
}

fn one(message: Message) -> std::iter::Once<Message> {
    std::iter::once(message)
}

fn new_head(committed: &Arc<CommittedBlock>) -> Message {
    to_raw_value(&RpcHeader::new(&committed.block.header, committed.hash))
}

fn logs<'a>(
    filter: &'a LogFilter,
    committed: &Arc<CommittedBlock>,
) -> impl Iterator<Item = Message> + use<'a> {
    let committed = Arc::clone(committed);
    let (mut transaction, mut in_transaction, mut in_block) = (0, 0, 0);
    std::iter::from_fn(move || {
        loop {
            let receipt = committed.receipts.get(transaction)?;
            let Some(log) = receipt.logs().get(in_transaction) else {
                (transaction, in_transaction) = (transaction + 1, 0);
                continue;
            };
            let index = in_block;
            (in_transaction, in_block) = (in_transaction + 1, in_block + 1);
            if filter.matches(log) {
                let hash = committed.transaction_hashes.get(transaction)?;
                let place = place(&committed.block.header, committed.hash, transaction as u64);
                return Some(to_raw_value(&RpcLog::new(log, &place, *hash, index)));
            }
        }
    })
}

/// One message, if any of the receipts is wanted.
fn receipts(wanted: &BTreeSet<B256>, committed: &Arc<CommittedBlock>) -> Option<Message> {
    let CommittedBlock { block, hash, transaction_hashes, senders, receipts } = committed.as_ref();
    let is_wanted = |hash: &B256| wanted.is_empty() || wanted.contains(hash);
    if !transaction_hashes.iter().any(is_wanted) {
        return None;
    }
    let rows = RpcReceipt::of_block(block, *hash, senders, receipts, None);
    let rows: Vec<_> = rows
        .iter()
        .zip(transaction_hashes.iter())
        .filter(|(_, hash)| is_wanted(hash))
        .map(|(row, _)| row)
        .collect();
    Some(to_raw_value(&rows))
}

fn pending_transaction(accepted: &Accepted, full: bool) -> Message {
    let recovered = &accepted.recovered;
    if full {
        to_raw_value(&RpcTransaction::new(&recovered.tx, recovered.sender, None))
    } else {
        to_raw_value(&recovered.hash)
    }
}
