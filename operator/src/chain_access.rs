//! The chain: what the governance contract says, and the operator account's transactions to it.

use crate::nodes::{NodeError, Nodes};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, hex};
use alloy_sol_types::SolCall;
use chain::governance::{GOVERNANCE, Governance as Contract, Kind, Label, ProposalView, Snapshot, Status};
use operator_core::{
    keys::Key,
    observed::{AdmissionObserved, Governance, MemberObserved, SeatObserved},
    plan::SeatMove,
};
use serde_json::{Value, json};

/// Far above what `seat` and `unseat` use; gas is free.
const GAS: u64 = 1_000_000;

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
    /// The key does not sign.
    #[error("operator account does not sign: {0}")]
    Sign(#[from] k256::ecdsa::Error),
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
        let input = Bytes::from(Contract::snapshotCall {}.abi_encode());
        let call = json!([{ "to": GOVERNANCE, "input": input }, "latest"]);
        let output = bytes("eth_call", &self.nodes.rpc(self.ip, "eth_call", call).await?)?;
        Ok(governance(&Contract::snapshotCall::abi_decode_returns(&output)?))
    }

    /// Whether a transaction of the account waits for a block.
    pub(crate) async fn in_flight(&self, account: Address) -> Result<bool, ChainError> {
        let (latest, pending) = (self.nonce(account, "latest").await?, self.nonce(account, "pending").await?);
        Ok(pending > latest)
    }

    /// Signs and sends a move. It is confirmed by the state of a later pass, not by a receipt: whatever becomes of the
    /// transaction, the next pass sees what is and decides anew.
    pub(crate) async fn send(
        &self,
        chain_id: u64,
        operator: &Key,
        wanted: &SeatMove,
    ) -> Result<(), ChainError> {
        let nonce = self.nonce(operator.address, "latest").await?;
        let raw = Bytes::from(transaction(chain_id, nonce, operator, wanted)?);
        self.nodes.rpc(self.ip, "eth_sendRawTransaction", json!([raw])).await?;
        Ok(())
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

/// A type-2 transaction without fees.
fn transaction(
    chain_id: u64,
    nonce: u64,
    operator: &Key,
    wanted: &SeatMove,
) -> Result<Vec<u8>, k256::ecdsa::Error> {
    let input = match wanted {
        SeatMove::Seat { identity, proof, .. } => Contract::seatCall {
            identity: *identity,
            proofBlock: proof.block_number,
            signature: proof.signature.clone(),
        }
        .abi_encode(),
        SeatMove::Unseat { identity, .. } => Contract::unseatCall { identity: *identity }.abi_encode(),
    };
    let transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: GAS,
        to: TxKind::Call(GOVERNANCE),
        input: input.into(),
        ..TxEip1559::default()
    };
    let (signature, id) =
        operator.signing.sign_prehash_recoverable(transaction.signature_hash().as_slice())?;
    let envelope = TxEnvelope::from(transaction.into_signed(Signature::from((signature, id))));
    Ok(envelope.encoded_2718())
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
    });
    let seats = snapshot.seats.iter().map(|seat| SeatObserved {
        identity: seat.identity,
        member: seat.member,
        operator: seat.operator,
    });
    Governance {
        height: snapshot.blockNumber,
        members: members.collect(),
        seats: seats.collect(),
        admissions: admissions(snapshot),
    }
}

/// Proposals that can be voted on still; the contract closes them only when somebody touches them.
fn admissions(snapshot: &Snapshot) -> Vec<AdmissionObserved> {
    let open = snapshot.proposals.iter().filter(|proposal| {
        (proposal.kind, proposal.status) == (Kind::AdmitMember, Status::Open)
            && proposal.expiresAt >= snapshot.blockNumber
    });
    let voters = |votes: U256| {
        let members = snapshot.members.iter().filter(move |member| votes.bit(usize::from(member.place)));
        members.map(|member| member.id).collect()
    };
    let admission = |proposal: &ProposalView| AdmissionObserved {
        id: proposal.id,
        admin: Address::from_word(proposal.subject),
        voted_for: voters(proposal.votesFor),
        voted_against: voters(proposal.votesAgainst),
        expires_at: proposal.expiresAt,
    };
    open.map(admission).collect()
}

#[cfg(test)]
mod tests {
    use super::{Address, Kind, ProposalView, Status, U256, governance};
    use alloy_primitives::B256;
    use operator_trials::fake_network;

    #[test]
    fn an_admission_that_is_open_names_the_members_by_their_places() {
        let (admin, operator) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let mut snapshot = fake_network::governance(50, admin, operator, &[]);
        let mut second = snapshot.members[0].clone();
        (second.id, second.place) = (9, 4);
        snapshot.members.push(second);
        let proposal = |id, kind, status, expires| ProposalView {
            id,
            kind,
            status,
            proposer: 1,
            openedAt: 1,
            expiresAt: expires,
            closedAt: 0,
            countFor: 1,
            countAgainst: 1,
            votesFor: U256::from(1_u64 << 4),
            votesAgainst: U256::from(1),
            subject: B256::left_padding_from(Address::repeat_byte(7).as_slice()),
            values: Vec::new().into(),
            memo: String::new(),
        };
        snapshot.proposals = vec![
            proposal(1, Kind::ExpelMember, Status::Open, 60),
            proposal(2, Kind::AdmitMember, Status::Open, 49),
            proposal(3, Kind::AdmitMember, Status::Executed, 60),
            proposal(4, Kind::AdmitMember, Status::Open, 50),
        ];
        let read = governance(&snapshot);
        let [admission] = read.admissions.as_slice() else { panic!("{:?}", read.admissions) };
        assert_eq!((admission.id, admission.admin), (4, Address::repeat_byte(7)));
        assert_eq!((&*admission.voted_for, &*admission.voted_against), (&[9][..], &[1][..]));
        assert_eq!(read.members[1].operators, [operator]);
    }
}
