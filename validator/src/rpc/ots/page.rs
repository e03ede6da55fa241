//! Every transaction of an address, page by page, from the index that `rpc.otsIndex` keeps.

use crate::{
    ots_index::{Appearance, OtsIndex, Page},
    rpc::{
        args::Args,
        context::Context,
        dispatch::{Answer, Method, Run, json, method},
        error::Failure,
        eth::block::{blob_price, find},
        format::{Before, RpcReceipt, RpcTransaction, place},
    },
};
use alloy_primitives::{Address, U64};
use ledger::{At, Receipt, StoredBlock};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::time::Duration;

pub(super) const METHODS: &[Method] = &[
    method("ots_searchTransactionsBefore", 3, Run::Read(before)),
    method("ots_searchTransactionsAfter", 3, Run::Read(after)),
];

/// Transactions that a client may ask for.
const MAX_PAGE: usize = 100;
/// Transactions of one block that a page shows, the newest; blocks are not cut in two otherwise.
const MAX_OF_BLOCK: usize = 1000;
/// Blocks that the index may be behind the head; more is a first build, of which the answer would hide the rest.
const MAX_BEHIND: u64 = 16;
/// How long a search waits for the block that its client has just seen.
const PATIENCE: Duration = Duration::from_secs(1);

/// The newest transactions come first, whichever way the client goes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    txs: Vec<Box<RawValue>>,
    receipts: Vec<Box<RawValue>>,
    first_page: bool,
    last_page: bool,
    /// Of transactions and receipts.
    #[serde(skip)]
    bytes: usize,
}

#[derive(Serialize)]
struct TimedReceipt {
    #[serde(flatten)]
    receipt: RpcReceipt,
    timestamp: U64,
}

/// As a plain number or a hexadecimal one; 0 means from the end.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u64),
    Hex(U64),
}

impl Number {
    fn value(&self) -> u64 {
        match self {
            Self::Plain(number) => *number,
            Self::Hex(number) => number.to(),
        }
    }
}

struct Search {
    address: Address,
    block: Option<u64>,
    most: usize,
}

fn search(args: &Args) -> Result<Search, Failure> {
    let (block, most) = (args.required::<Number>(1)?.value(), args.required::<Number>(2)?.value());
    if most > MAX_PAGE as u64 {
        return Err(Failure::Limit(format!("{most} transactions a page, at most {MAX_PAGE}")));
    }
    let most = usize::try_from(most).unwrap_or(MAX_PAGE).max(1);
    Ok(Search { address: args.required(0)?, block: Some(block).filter(|block| *block > 0), most })
}

fn before(context: &Context, args: &Args) -> Answer {
    let Search { address, block, most } = search(args)?;
    let Page { found, more } = index(context)?.before(address, block.unwrap_or(u64::MAX), most)?;
    show(context, &found, (block.is_none(), !more))
}

fn after(context: &Context, args: &Args) -> Answer {
    let Search { address, block, most } = search(args)?;
    let Page { mut found, more } = index(context)?.after(address, block, most)?;
    found.reverse();
    show(context, &found, (!more, block.is_none()))
}

/// The index, if it is kept and knows the chain.
fn index(context: &Context) -> Result<&OtsIndex, Failure> {
    let Some(index) = &context.ots else {
        return Err(Failure::refused(
            "this node keeps no index from addresses to transactions; start it with rpc.otsIndex, or ask eth_getLogs",
        ));
    };
    let head = context.ledger.head().number;
    index.wait_for(head, PATIENCE);
    let next = index.next();
    if next.saturating_add(MAX_BEHIND) <= head {
        return Err(Failure::refused(format!(
            "index from addresses to transactions is being built: {next} of {} blocks, ask again later",
            head + 1
        )));
    }
    Ok(index)
}

fn show(context: &Context, found: &[Appearance], (first_page, last_page): (bool, bool)) -> Answer {
    let most = context.limits.response_bytes as usize;
    let mut shown = Shown { txs: Vec::new(), receipts: Vec::new(), first_page, last_page, bytes: 0 };
    for places in found.chunk_by(|one, next| one.block == next.block) {
        let Some(Appearance { block, .. }) = places.first() else { continue };
        let at = At::Number(*block);
        let Some(block) = find(context, at)? else { continue };
        let receipts = context.ledger.stored_receipts(at)?.unwrap_or_default();
        let blob_price = blob_price(context, &block.block.header);
        for place in places.iter().take(MAX_OF_BLOCK) {
            shown.add(&block, &receipts, place.index as usize, blob_price)?;
            if shown.bytes > most {
                return Err(Failure::TooLarge { most });
            }
        }
    }
    json(&shown)
}

impl Shown {
    fn add(
        &mut self,
        found: &StoredBlock,
        receipts: &[Receipt],
        position: usize,
        blob_price: Option<u128>,
    ) -> Result<(), Failure> {
        let rows = (
            found.block.body.transactions.get(position),
            found.senders.get(position),
            receipts.get(position),
        );
        let (Some(tx), Some(sender), Some(receipt)) = rows else {
            tracing::error!(
                block = found.block.header.number,
                position,
                "index of addresses names no transaction"
            );
            return Err(Failure::Internal);
        };
        let place = place(&found.block.header, found.hash, position as u64);
        let before = Before::after(receipts.get(..position).unwrap_or_default());
        let shown = to_raw_value(&RpcTransaction::new(tx, *sender, Some(&place)))?;
        let receipt = to_raw_value(&TimedReceipt {
            receipt: RpcReceipt::new(tx, *sender, &place, receipt, before, blob_price),
            timestamp: U64::from(found.block.header.timestamp),
        })?;
        self.bytes = self.bytes.saturating_add(shown.get().len() + receipt.get().len());
        self.txs.push(shown);
        self.receipts.push(receipt);
        Ok(())
    }
}
