//! Who voted what, in which block: from the contract's events.

use crate::rpc::Rpc;
use alloy_primitives::{B256, Bytes, U64};
use alloy_sol_types::SolEvent;
use anyhow::{Context, Result};
use chain::governance::{GOVERNANCE, Governance as Contract, Label, Snapshot};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt};

/// One vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Block that has it.
    pub block: u64,
    /// The proposal.
    pub proposal: u64,
    /// What the proposal would do.
    pub what: String,
    /// The member's alias, or its id once it is gone.
    pub member: String,
    /// For it, or against.
    pub in_favour: bool,
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vote = if self.in_favour { "for" } else { "against" };
        write!(
            f,
            "block {:>4}  {:<8} {vote:<8} proposal {}: {}",
            self.block, self.member, self.proposal, self.what
        )
    }
}

/// Every vote since block 0, in order.
pub async fn votes(rpc: &Rpc) -> Result<Vec<Cast>> {
    let mut aliases = BTreeMap::new();
    for log in logs(rpc, Contract::MemberAdmitted::SIGNATURE_HASH).await? {
        let event = decode::<Contract::MemberAdmitted>(&log)?;
        aliases.insert(event.member, alias(event.label));
    }
    for member in snapshot(rpc).await?.members {
        aliases.insert(member.id, alias(member.label));
    }
    let mut subjects = BTreeMap::new();
    for log in logs(rpc, Contract::ProposalOpened::SIGNATURE_HASH).await? {
        let event = decode::<Contract::ProposalOpened>(&log)?;
        subjects.insert(event.id, format!("{:?}, {:?}", event.kind, event.memo));
    }
    let mut all = Vec::new();
    for log in logs(rpc, Contract::VoteCast::SIGNATURE_HASH).await? {
        let event = decode::<Contract::VoteCast>(&log)?;
        let block: U64 =
            serde_json::from_value(log["blockNumber"].clone()).context("blockNumber of a log")?;
        all.push(Cast {
            block: block.to(),
            proposal: event.id,
            what: subjects.get(&event.id).cloned().unwrap_or_default(),
            member: aliases.get(&event.member).cloned().unwrap_or_else(|| format!("member {}", event.member)),
            in_favour: event.inFavour,
        });
    }
    Ok(all)
}

/// The governance contract at head.
pub async fn snapshot(rpc: &Rpc) -> Result<Snapshot> {
    use alloy_sol_types::SolCall as _;
    let data = Bytes::from(Contract::snapshotCall {}.abi_encode());
    let answer: Bytes = rpc.call("eth_call", json!([{ "to": GOVERNANCE, "data": data }, "latest"])).await?;
    Contract::snapshotCall::abi_decode_returns(&answer).context("answer of snapshot()")
}

async fn logs(rpc: &Rpc, topic: B256) -> Result<Vec<Value>> {
    let filter =
        json!([{ "fromBlock": "0x0", "toBlock": "latest", "address": GOVERNANCE, "topics": [topic] }]);
    rpc.call("eth_getLogs", filter).await
}

fn decode<E: SolEvent>(log: &Value) -> Result<E> {
    let topics: Vec<B256> = serde_json::from_value(log["topics"].clone()).context("topics of a log")?;
    let data: Bytes = serde_json::from_value(log["data"].clone()).context("data of a log")?;
    E::decode_raw_log(topics, &data).with_context(|| format!("{} in {log}", E::SIGNATURE))
}

fn alias(word: B256) -> String {
    Label::from_word(word).map_or_else(|_| word.to_string(), String::from)
}
