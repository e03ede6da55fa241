//! The members that are not the operator's: wallets that vote, and what the chain says of proposals.

use super::{Chain, Delivery, Network};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use alloy_sol_types::{SolCall, SolEventInterface};
use chain::governance::{GOVERNANCE, Governance, Snapshot};
use k256::ecdsa::SigningKey;
use ledger::LogFilter;
use operator_core::keys::Key;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GAS: u64 = 12_000_000;

/// The account of a played member; everybody has it who knows the seed.
#[must_use]
pub fn wallet(seed: u8) -> Address {
    key(seed).map(|key| key.address).unwrap_or_default()
}

fn key(seed: u8) -> Option<Key> {
    SigningKey::from_slice(&[seed; 32]).ok().map(Key::new)
}

/// What the operator's member did on chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ballots {
    /// Proposals that it opened: content and memo, with how often.
    pub opened: BTreeMap<String, usize>,
    /// Its votes, by the content of their proposals, with how often.
    pub cast: BTreeMap<String, usize>,
    /// How every proposal ended, in their order.
    pub ended: Vec<String>,
}

impl Ballots {
    /// Proposals that were opened more often than in the undisturbed run, and votes cast more often.
    #[must_use]
    pub fn twice(&self, wanted: &Self) -> Vec<String> {
        more(&self.opened, &wanted.opened).chain(more(&self.cast, &wanted.cast)).collect()
    }

    /// Proposals and votes of the undisturbed run that this one lacks.
    #[must_use]
    pub fn lost(&self, wanted: &Self) -> Vec<String> {
        more(&wanted.opened, &self.opened).chain(more(&wanted.cast, &self.cast)).collect()
    }
}

fn more<'a>(
    these: &'a BTreeMap<String, usize>,
    those: &'a BTreeMap<String, usize>,
) -> impl Iterator<Item = String> + 'a {
    let count = |what: &String| those.get(what).copied().unwrap_or_default();
    let above = these.iter().filter(move |(what, times)| **times > count(what));
    above.map(move |(what, times)| format!("{what}: {times} times, not {}", count(what)))
}

impl Network {
    /// The contract of the namespace's one chain.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.lock().chains.values().next().and_then(Chain::snapshot)
    }

    /// Gives a call of a played member to the chain.
    pub fn call_from(&self, seed: u8, data: Vec<u8>) -> Result<(), String> {
        let mut state = self.lock();
        let chain = state.chains.values_mut().next().ok_or("no chain yet")?;
        let key = key(seed).ok_or("no key of this seed")?;
        let raw = signed(chain, &key, data)?;
        let offered = chain.offer(&raw)?;
        chain.take(offered.recovered, Delivery::Whole);
        Ok(())
    }

    /// What the first member has done with proposals.
    #[must_use]
    pub fn ballots(&self) -> Ballots {
        self.lock().chains.values().next().map(Chain::ballots).unwrap_or_default()
    }
}

fn signed(chain: &Chain, key: &Key, data: Vec<u8>) -> Result<Vec<u8>, String> {
    let transaction = TxEip1559 {
        chain_id: chain.ledger().genesis().config.chain_id,
        nonce: chain.nonce(key.address, true),
        gas_limit: GAS,
        to: TxKind::Call(GOVERNANCE),
        input: data.into(),
        ..TxEip1559::default()
    };
    let signed = key.signing.sign_prehash_recoverable(transaction.signature_hash().as_slice());
    let (signature, id) = signed.map_err(|error| error.to_string())?;
    Ok(TxEnvelope::from(transaction.into_signed(Signature::from((signature, id)))).encoded_2718())
}

impl Chain {
    fn snapshot(&self) -> Option<Snapshot> {
        let output = self.call(Address::ZERO, GOVERNANCE, Governance::snapshotCall {}.abi_encode().into());
        Governance::snapshotCall::abi_decode_returns(&output.ok()?).ok()
    }

    fn ballots(&self) -> Ballots {
        let filter = LogFilter { from: 0, to: u64::MAX, addresses: vec![GOVERNANCE], ..LogFilter::default() };
        let mut ballots = Ballots::default();
        let mut contents: BTreeMap<u64, String> = BTreeMap::new();
        for entry in self.ledger().logs(&filter).unwrap_or_default() {
            let Ok(event) = Governance::GovernanceEvents::decode_log(&entry.log) else { continue };
            match event.data {
                Governance::GovernanceEvents::ProposalOpened(opened) => {
                    let content = format!("{:?} {} {}", opened.kind, opened.subject, opened.values);
                    if opened.proposer == 1 {
                        *ballots.opened.entry(format!("{content} {:?}", opened.memo)).or_default() += 1;
                    }
                    contents.insert(opened.id, content);
                }
                Governance::GovernanceEvents::VoteCast(cast) if cast.member == 1 => {
                    let of = contents.get(&cast.id).cloned().unwrap_or_default();
                    *ballots.cast.entry(format!("{of} {}", cast.inFavour)).or_default() += 1;
                }
                Governance::GovernanceEvents::VoteRescinded(taken) if taken.member == 1 => {
                    let of = contents.get(&taken.id).cloned().unwrap_or_default();
                    *ballots.cast.entry(format!("{of} taken back")).or_default() += 1;
                }
                Governance::GovernanceEvents::ProposalClosed(closed) => {
                    let of = contents.get(&closed.id).cloned().unwrap_or_default();
                    ballots.ended.push(format!("{of} {:?}", closed.status));
                }
                _ => {}
            }
        }
        ballots
    }

    /// `eth_getLogs`.
    pub(super) fn logs(&self, filter: &Value) -> Result<Value, String> {
        let number = |value: &Value| {
            let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
            digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or("no block number")
        };
        let (from, to) = (number(&filter["fromBlock"])?, number(&filter["toBlock"])?);
        if to > self.height() {
            return Err("block range extends beyond current head block".to_owned());
        }
        let mut topics: [Vec<B256>; 4] = Default::default();
        for (slot, position) in topics.iter_mut().zip(filter["topics"].as_array().into_iter().flatten()) {
            let alternatives = position.as_array().cloned().unwrap_or_else(|| vec![position.clone()]);
            *slot = alternatives.iter().filter_map(|topic| topic.as_str()?.parse().ok()).collect();
        }
        let filter = LogFilter { from, to, addresses: vec![GOVERNANCE], topics, least_topics: 0 };
        let found = self.ledger().logs(&filter).map_err(|error| error.to_string())?;
        Ok(found
            .iter()
            .map(|entry| {
                json!({
                    "address": entry.log.address, "topics": entry.log.topics(), "data": entry.log.data.data,
                    "blockNumber": format!("{:#x}", entry.block_number), "transactionHash": entry.transaction_hash,
                })
            })
            .collect())
    }

    /// `eth_getTransactionByHash`, as far as it is asked for.
    pub(super) fn transaction(&self, hash: &str) -> Result<Value, String> {
        use alloy_consensus::Transaction as _;
        let hash = hash.parse().map_err(|_| "no hash".to_owned())?;
        let found = self.ledger().transaction(hash).map_err(|error| error.to_string())?;
        Ok(found.map_or(Value::Null, |found| json!({ "hash": hash, "input": found.tx.input() })))
    }
}

/// The call by which a played member proposes to give a name to a contract, or its own capacity to another.
#[must_use]
pub fn propose(kind: chain::governance::Kind, subject: B256, word: U256, memo: &str) -> Vec<u8> {
    let values = Bytes::from(word.to_be_bytes::<32>().to_vec());
    Governance::proposeCall { kind, subject, values, memo: memo.to_owned() }.abi_encode()
}

/// As a JSON-RPC error carries it.
pub(super) fn reverted(data: &Bytes) -> Value {
    json!({ "code": 3, "message": "execution reverted", "data": hex::encode_prefixed(data) })
}

#[cfg(test)]
mod tests {
    use super::Ballots;

    #[test]
    fn what_was_opened_twice_and_what_was_never_cast_is_found() {
        let ballots = |opened: &[(&str, usize)], cast: &[(&str, usize)]| {
            let map = |all: &[(&str, usize)]| {
                all.iter().map(|(what, times)| ((*what).to_owned(), *times)).collect()
            };
            Ballots { opened: map(opened), cast: map(cast), ended: Vec::new() }
        };
        let wanted = ballots(&[("a", 1)], &[("a", 1), ("b", 1)]);
        assert!(wanted.twice(&wanted).is_empty() && wanted.lost(&wanted).is_empty());
        let found = ballots(&[("a", 2)], &[("a", 1)]);
        assert_eq!(found.twice(&wanted), ["a: 2 times, not 1"]);
        assert_eq!(found.lost(&wanted), ["b: 1 times, not 0"]);
    }
}
