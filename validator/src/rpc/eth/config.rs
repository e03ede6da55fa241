//! What this node's chain is and what it has: `eth_config` (EIP-7910) and `eth_capabilities`.

use crate::rpc::{
    args::Args,
    context::Context,
    dispatch::{Answer, Method, Run, json, method},
};
use alloy_primitives::{Address, B256, FixedBytes, U64};
use chain::{client::ClientProfile, profile::Family};
use devp2p::ForkSchedule;
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const METHODS: &[Method] =
    &[method("eth_config", 0, Run::Now(config)), method("eth_capabilities", 0, Run::Read(capabilities))];

#[derive(Serialize)]
struct Config {
    current: Rules,
    next: Option<Rules>,
    last: Option<Rules>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rules {
    activation_time: u64,
    /// None where there are no blobs.
    blob_schedule: Option<BlobSchedule>,
    chain_id: U64,
    fork_id: FixedBytes<4>,
    precompiles: BTreeMap<String, Address>,
    /// No block of a chain of ours calls one on its own.
    system_contracts: BTreeMap<&'static str, Address>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BlobSchedule {
    target: u64,
    max: u64,
    base_fee_update_fraction: u128,
}

fn config(context: &Context, _: &Args) -> Answer {
    let header = context.ledger.head().header;
    let genesis = context.ledger.genesis();
    let profile = match genesis.family {
        Family::GoQuorum => ClientProfile::GoQuorum,
        Family::Besu | Family::Quorate => ClientProfile::Quorate,
    };
    let mut schedule = ForkSchedule::from_genesis(genesis, profile);
    schedule.times.sort_unstable();
    schedule.times.dedup();
    let genesis_time = schedule.genesis_time;
    let fork = |time: u64| Rules {
        activation_time: if time <= genesis_time { 0 } else { time },
        blob_schedule: context.ledger.blob_params(header.number, time).map(|params| BlobSchedule {
            target: params.target_blob_count,
            max: params.max_blob_count,
            base_fee_update_fraction: params.update_fraction,
        }),
        chain_id: U64::from(context.chain_id()),
        fork_id: FixedBytes(schedule.current(header.number, time.max(genesis_time)).hash.0),
        precompiles: context.ledger.precompiles(header.number, time),
        system_contracts: context.ledger.system_contracts(header.number, time),
    };
    let passed = schedule.times.iter().rev().find(|time| **time <= header.timestamp);
    let mut coming = schedule.times.iter().filter(|time| **time > header.timestamp);
    let next = coming.next().map(|time| fork(*time));
    json(&Config {
        current: fork(passed.copied().unwrap_or(genesis_time)),
        last: coming
            .next_back()
            .map(|time| fork(*time))
            .or_else(|| next.as_ref().map(|next| fork(next.activation_time))),
        next,
    })
}

#[derive(Serialize)]
struct Capabilities {
    head: Head,
    state: Kept,
    tx: Kept,
    logs: Kept,
    receipts: Kept,
    blocks: Kept,
    stateproofs: Kept,
}

#[derive(Serialize)]
struct Head {
    number: U64,
    hash: B256,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    disabled: bool,
    oldest_block: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_strategy: Option<Window>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Window {
    r#type: &'static str,
    retention_blocks: U64,
}

impl Kept {
    /// Everything from `oldest` on.
    fn since(oldest: u64) -> Self {
        Self { disabled: false, oldest_block: U64::from(oldest), delete_strategy: None }
    }

    /// The last `blocks` blocks, back to `oldest`.
    fn window(oldest: u64, blocks: u64) -> Self {
        let strategy = Window { r#type: "window", retention_blocks: U64::from(blocks) };
        Self { disabled: false, oldest_block: U64::from(oldest), delete_strategy: Some(strategy) }
    }
}

fn capabilities(context: &Context, _: &Args) -> Answer {
    let head = context.ledger.head();
    let (oldest, kept) = (context.ledger.oldest_state()?, context.ledger.history_blocks());
    let earliest = context.ledger.earliest_block();
    let proofs = ledger::PROOF_BLOCKS;
    let proved = oldest.max(head.number.saturating_sub(proofs));
    json(&Capabilities {
        head: Head { number: U64::from(head.number), hash: head.hash },
        state: if kept == 0 { Kept::since(oldest) } else { Kept::window(oldest, kept) },
        tx: Kept::since(earliest),
        logs: Kept::since(earliest),
        receipts: Kept::since(earliest),
        blocks: Kept::since(earliest),
        stateproofs: Kept::window(proved, if kept == 0 { proofs } else { proofs.min(kept) }),
    })
}
