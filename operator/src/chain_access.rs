//! The chain: what the governance contract says, and the operator account's transactions to it.

mod history;

use crate::{
    account::{Account, AccountError},
    context::Context,
    nodes::{NodeError, Nodes},
};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, B512, Bytes, TxKind, U256, hex};
use alloy_sol_types::{SolCall, SolInterface};
use chain::governance::{GOVERNANCE, Governance as Contract, Label, Scheduled, Snapshot, Status};
use operator_core::{
    observed::{Governance, MemberObserved, ProposalObserved, SeatObserved},
    plan::SeatMove,
    votes::Content,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Far above what `seat` and `unseat` use; gas is free.
const SEAT_GAS: u64 = 1_000_000;
/// Above what the costliest deciding vote uses, below what one transaction may (EIP-7825).
const VOTE_GAS: u64 = 12_000_000;
/// What a node answers that has this very transaction, as clients word it.
const KNOWN: &str = "\"already known\"";
/// What it answers that has the same with another signature: a vault signs differently each time.
const SIGNED_OTHERWISE: &str = "replacement transaction underpriced";

/// Why the chain was not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChainError {
    /// The node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// An answer that is not what the method answers.
    #[error("{method} answered {got}, expected {want}")]
    Answer {
        /// Which method.
        method: &'static str,
        /// Found.
        got: String,
        /// Needed.
        want: &'static str,
    },
    /// The contract's answer does not decode.
    #[error("governance contract: {0}")]
    Abi(#[from] alloy_sol_types::Error),
    /// The contract would refuse it.
    #[error("{0}")]
    Refused(String),
    /// The account does not sign.
    #[error(transparent)]
    Sign(#[from] AccountError),
}

/// The chain through one node.
pub(crate) struct Chain<'a> {
    /// Client.
    pub(crate) nodes: &'a Nodes,
    /// Address of the node's pod.
    pub(crate) ip: &'a str,
}

impl Chain<'_> {
    /// The governance contract at head.
    pub(crate) async fn governance(&self) -> Result<Governance, ChainError> {
        let output = self.call(Contract::snapshotCall {}.abi_encode()).await?;
        Ok(governance(&Contract::snapshotCall::abi_decode_returns(&output)?))
    }

    /// Nodes of a member that may peer.
    pub(crate) async fn node_ids(&self, member: u32) -> Result<BTreeSet<B512>, ChainError> {
        let output = self.call(Contract::nodeIdsCall { member }.abi_encode()).await?;
        let ids = Contract::nodeIdsCall::abi_decode_returns(&output)?;
        Ok(ids.iter().map(|id| id.x.concat_const(id.y)).collect())
    }

    async fn call(&self, input: Vec<u8>) -> Result<Vec<u8>, ChainError> {
        let call = json!([{ "to": GOVERNANCE, "input": Bytes::from(input) }, "latest"]);
        bytes("eth_call", &self.nodes.rpc(self.ip, "eth_call", call).await?)
    }

    /// Whether the contract would take this call from this account now.
    pub(crate) async fn would_take(&self, from: Address, data: &Bytes) -> Result<(), ChainError> {
        let call = json!([{ "from": from, "to": GOVERNANCE, "input": data }, "latest"]);
        match self.nodes.rpc(self.ip, "eth_call", call).await {
            Ok(_) => Ok(()),
            Err(NodeError::Rpc { message, data: Some(data), .. }) => {
                Err(ChainError::Refused(refusal(&data).unwrap_or(message)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Next nonce of an account, and whether a transaction of it waits for a block.
    pub(crate) async fn account(&self, account: Address) -> Result<(u64, bool), ChainError> {
        let (latest, pending) = (self.nonce(account, "latest").await?, self.nonce(account, "pending").await?);
        Ok((latest, pending > latest))
    }

    /// Signs and sends a move. It is confirmed by the state of a later pass, not by a receipt: whatever becomes of the
    /// transaction, the next pass sees what is and decides anew.
    pub(crate) async fn move_seat(
        &self,
        context: &Context,
        chain_id: u64,
        operator: &Account,
        wanted: &SeatMove,
    ) -> Result<(), ChainError> {
        let nonce = self.nonce(operator.address(), "latest").await?;
        self.send(context, operator, transaction(chain_id, nonce, SEAT_GAS, seat_call(wanted).into())).await
    }

    /// Signs and sends a call of the admin account with the nonce that was read before everything that led to it: it cannot
    /// land if any other transaction of the account has landed since.
    pub(crate) async fn vote(
        &self,
        context: &Context,
        chain_id: u64,
        admin: &Account,
        nonce: u64,
        data: Bytes,
    ) -> Result<(), ChainError> {
        self.send(context, admin, transaction(chain_id, nonce, VOTE_GAS, data)).await
    }

    async fn send(
        &self,
        context: &Context,
        account: &Account,
        transaction: TxEip1559,
    ) -> Result<(), ChainError> {
        let signature = account.sign(context, transaction.signature_hash()).await?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        let raw = Bytes::from(envelope.encoded_2718());
        match self.nodes.rpc(self.ip, "eth_sendRawTransaction", json!([raw])).await {
            // What is offered anew may be on its way all the same.
            Err(NodeError::Rpc { message, .. })
                if message.contains(KNOWN)
                    || (account.is_in_vault() && message.contains(SIGNED_OTHERWISE)) =>
            {
                Ok(())
            }
            sent => Ok(sent.map(drop)?),
        }
    }

    async fn nonce(&self, account: Address, block: &str) -> Result<u64, ChainError> {
        const METHOD: &str = "eth_getTransactionCount";
        let answer = self.nodes.rpc(self.ip, METHOD, json!([account, block])).await?;
        let digits = answer.as_str().and_then(|text| text.strip_prefix("0x"));
        digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(|| ChainError::Answer {
            method: METHOD,
            got: answer.to_string(),
            want: "a quantity",
        })
    }
}

fn bytes(method: &'static str, answer: &Value) -> Result<Vec<u8>, ChainError> {
    let decoded = answer.as_str().and_then(|text| hex::decode(text).ok());
    decoded.ok_or_else(|| ChainError::Answer {
        method,
        got: answer.to_string().chars().take(200).collect(),
        want: "hex data",
    })
}

/// A number that fits.
fn quantity(word: B256) -> Option<u64> {
    U256::from_be_bytes(word.0).try_into().ok()
}

/// What the contract reverts with, in its words.
fn refusal(data: &[u8]) -> Option<String> {
    let error = Contract::GovernanceErrors::abi_decode(data).ok()?;
    Some(format!("{error:?}").chars().take(300).collect())
}

/// A type-2 transaction without fees.
fn transaction(chain_id: u64, nonce: u64, gas_limit: u64, input: Bytes) -> TxEip1559 {
    TxEip1559 { chain_id, nonce, gas_limit, to: TxKind::Call(GOVERNANCE), input, ..TxEip1559::default() }
}

fn seat_call(wanted: &SeatMove) -> Vec<u8> {
    match wanted {
        SeatMove::Seat { identity, proof, .. } => Contract::seatCall {
            identity: *identity,
            proofBlock: proof.block_number,
            signature: proof.signature.clone(),
        }
        .abi_encode(),
        SeatMove::Replace { identity, old, proof, .. } => Contract::rotateSeatCall {
            old: *old,
            identity: *identity,
            proofBlock: proof.block_number,
            signature: proof.signature.clone(),
        }
        .abi_encode(),
        SeatMove::Unseat { identity, .. } => Contract::unseatCall { identity: *identity }.abi_encode(),
        SeatMove::Allow { id, .. } => {
            let (x, y) = halves(id);
            Contract::addNodeIdCall { x, y }.abi_encode()
        }
        SeatMove::Forget { id, .. } => {
            let (x, y) = halves(id);
            Contract::removeNodeIdCall { x, y }.abi_encode()
        }
    }
}

/// A public key's coordinates.
fn halves(id: &B512) -> (B256, B256) {
    (B256::from_slice(&id[..32]), B256::from_slice(&id[32..]))
}

fn governance(snapshot: &Snapshot) -> Governance {
    let members = snapshot.members.iter().map(|member| MemberObserved {
        id: member.id,
        alias: Label::from_word(member.label).map_or_else(|_| member.admin.to_string(), String::from),
        admin: member.admin,
        operators: member.operators.clone(),
        capacity: member.capacity,
        seats: member.seats,
        next_seat_block: member.nextSeatBlock,
        place: member.place,
        joined_at: member.joinedAt,
    });
    let seats = snapshot.seats.iter().map(|seat| SeatObserved {
        identity: seat.identity,
        member: seat.member,
        operator: seat.operator,
    });
    let proposals = snapshot.proposals.iter().map(|open| ProposalObserved {
        id: open.id,
        content: Content { kind: open.kind, subject: open.subject, values: open.values.clone() },
        memo: open.memo.clone(),
        proposer: open.proposer,
        expires_at: open.expiresAt,
        expired: open.status == Status::Expired,
        votes_for: open.votesFor,
        votes_against: open.votesAgainst,
    });
    let finally = |scheduled: &Scheduled| match scheduled.from {
        0 => scheduled.value,
        _ => scheduled.next,
    };
    Governance {
        height: snapshot.blockNumber,
        members: members.collect(),
        seats: seats.collect(),
        votes_needed: snapshot.votesNeeded,
        proposals: proposals.collect(),
        parameters: std::array::from_fn(|index| snapshot.schedule.get(index).map_or(0, finally)),
        hardforks: snapshot.parameters.hardforks.iter().map(|fork| (fork.name, fork.atBlock)).collect(),
        named_contracts: snapshot.namedContracts.iter().map(|named| (named.name, named.location)).collect(),
    }
}
