//! This member's votes, read from the contract's logs and the transactions behind them.

use super::{Chain, ChainError, bytes, quantity};
use crate::nodes::NodeError;
use alloy_primitives::{B256, Bytes, hex};
use alloy_sol_types::{SolCall, SolEvent};
use chain::governance::{GOVERNANCE, Governance as Contract, Status};
use operator_core::votes::{Act, Deed, History};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Blocks of one query: as many as a node answers by default.
const BLOCKS: u64 = 10_000;
/// Queries of one pass.
const PAGES: usize = 32;
/// What a node answers about blocks that it does not keep.
const PRUNED: i64 = 4444;

impl Chain<'_> {
    /// Reads on until `height`, from where `history` ends; as far as one pass goes.
    pub(crate) async fn read_on(
        &self,
        history: &mut History,
        member: u32,
        height: u64,
    ) -> Result<(), ChainError> {
        history.complete = false;
        for _ in 0..PAGES {
            if history.upto >= height {
                break;
            }
            let (from, to) = (history.upto + 1, height.min(history.upto + BLOCKS));
            match self.deeds(member, from, to).await {
                Ok(deeds) => deeds.into_iter().for_each(|deed| history.push(deed)),
                // What this node does not keep nobody asks it for: a vote from before is not known here.
                Err(ChainError::Node(NodeError::Rpc { code: PRUNED, .. })) => {
                    tracing::warn!(from, to, "votes in blocks that this node does not keep are not known");
                }
                Err(error) => return Err(error),
            }
            history.upto = to;
        }
        history.complete = history.upto >= height;
        Ok(())
    }

    async fn deeds(&self, member: u32, from: u64, to: u64) -> Result<Vec<Deed>, ChainError> {
        const METHOD: &str = "eth_getLogs";
        let member = B256::left_padding_from(&member.to_be_bytes());
        let filter = json!([{
            "address": GOVERNANCE, "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}"),
            "topics": [[Contract::VoteCast::SIGNATURE_HASH, Contract::VoteRescinded::SIGNATURE_HASH], null, member],
        }]);
        let answer = self.nodes.rpc(self.ip, METHOD, filter).await?;
        let logs = answer.as_array().ok_or_else(|| unexpected(METHOD, &answer, "a list of logs"))?;
        let mut inputs: BTreeMap<String, Bytes> = BTreeMap::new();
        let mut deeds = Vec::new();
        for log in logs {
            let (id, act) = read(log).ok_or_else(|| unexpected(METHOD, log, "a log of a vote"))?;
            let hash = log["transactionHash"].as_str().unwrap_or_default().to_owned();
            if !inputs.contains_key(&hash) {
                inputs.insert(hash.clone(), self.input(&hash).await?);
            }
            let mark = inputs.get(&hash).and_then(|input| History::mark_in(input));
            deeds.push(Deed { id, act, mark });
        }
        Ok(deeds)
    }

    async fn input(&self, hash: &str) -> Result<Bytes, ChainError> {
        const METHOD: &str = "eth_getTransactionByHash";
        let answer = self.nodes.rpc(self.ip, METHOD, json!([hash])).await?;
        Ok(bytes(METHOD, &answer["input"])?.into())
    }

    /// Where a proposal stands.
    pub(crate) async fn proposal_status(&self, id: u64) -> Result<Status, ChainError> {
        let output = self.call(Contract::proposalCall { id }.abi_encode()).await?;
        Ok(Contract::proposalCall::abi_decode_returns(&output)?.status)
    }
}

fn unexpected(method: &'static str, got: &Value, want: &'static str) -> ChainError {
    ChainError::Answer { method, got: got.to_string().chars().take(200).collect(), want }
}

/// Proposal and act of a log: topics are the event, the proposal and the member.
fn read(log: &Value) -> Option<(u64, Act)> {
    let topic = |index: usize| log["topics"][index].as_str()?.parse::<B256>().ok();
    let id = quantity(topic(1)?)?;
    let rescinded = topic(0)? == Contract::VoteRescinded::SIGNATURE_HASH;
    let in_favour = || {
        let data = hex::decode(log["data"].as_str()?).ok()?;
        Some(data.last()? == &1)
    };
    let act = match rescinded || in_favour()? {
        true if rescinded => Act::TakeBack,
        true => Act::For,
        false => Act::Against,
    };
    Some((id, act))
}

#[cfg(test)]
mod tests {
    use super::read;
    use alloy_primitives::B256;
    use alloy_sol_types::SolEvent;
    use chain::governance::Governance as Contract;
    use operator_core::votes::Act;
    use serde_json::json;

    #[test]
    fn a_log_says_which_proposal_and_which_side() {
        let log = |event: B256, data: &str| {
            let word = |number: u8| B256::with_last_byte(number);
            json!({ "topics": [event, word(7), word(1)], "data": data })
        };
        let word = |number: u8| B256::with_last_byte(number).to_string();
        let cast = Contract::VoteCast::SIGNATURE_HASH;
        assert_eq!(read(&log(cast, &word(1))), Some((7, Act::For)));
        assert_eq!(read(&log(cast, &word(0))), Some((7, Act::Against)));
        assert_eq!(read(&log(Contract::VoteRescinded::SIGNATURE_HASH, "0x")), Some((7, Act::TakeBack)));
        assert_eq!(read(&log(cast, "0x")), None, "a vote without its side");
        assert_eq!(read(&json!({ "topics": [] })), None);
    }
}
