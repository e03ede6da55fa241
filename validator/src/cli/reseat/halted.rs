//! The state that a record builds on, read from a stopped node's disk or from a running node's JSON-RPC.

use super::{
    ReseatCliError,
    rpc::{Endpoint, Rpc, RpcReadError},
};
use alloy_primitives::{B256, Bytes, U64, keccak256};
use alloy_sol_types::SolCall;
use chain::governance::{
    GOVERNANCE,
    Governance::{membersCall, parametersAtCall, seatsCall},
    MemberView, Seat, governance_code,
};
use ledger::{InvalidBlock, Ledger, RecordRefused};
use serde::Deserialize;
use serde_json::json;

/// A head, and who belongs to the network in the state after it.
pub(super) struct Halted {
    pub(super) chain_id: u64,
    pub(super) head: Head,
    pub(super) members: Vec<MemberView>,
    pub(super) seats: Vec<Seat>,
}

/// The newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Head {
    number: U64,
    pub(super) hash: B256,
}

impl Head {
    pub(super) fn number(&self) -> u64 {
        self.number.to()
    }
}

impl Halted {
    /// Of a stopped node.
    pub(super) fn of(ledger: &Ledger) -> Result<Self, ReseatCliError> {
        let head = ledger.head();
        Ok(Self {
            chain_id: ledger.genesis().config.chain_id,
            head: Head { number: U64::from(head.number), hash: head.hash },
            members: ledger.members()?,
            seats: ledger.seats()?,
        })
    }

    /// Of a running node: all of it in the state after one block, and that block is its head before and after.
    pub(super) fn ask(endpoint: &Endpoint) -> Result<Self, ReseatCliError> {
        let rpc = Rpc::open(endpoint)?;
        let head = rpc.head()?;
        let code: Bytes = rpc.call("eth_getCode", &json!([GOVERNANCE, at(&head)]))?;
        let height = head.number().saturating_add(1);
        if keccak256(&code) != keccak256(governance_code()) {
            return Err(RecordRefused::Block(InvalidBlock::NotRecoverable).into());
        }
        let successor = rpc.read(&head, &parametersAtCall { height })?.successor;
        if !successor.location.is_zero() && successor.atBlock <= height {
            return Err(RecordRefused::Block(InvalidBlock::NotRecoverable).into());
        }
        let halted = Self {
            chain_id: rpc.call::<U64>("eth_chainId", &json!([]))?.to(),
            head,
            members: rpc.read(&head, &membersCall {})?,
            seats: rpc.read(&head, &seatsCall {})?,
        };
        let now = rpc.head()?;
        if now == head {
            Ok(halted)
        } else {
            Err(ReseatCliError::Moves { from: head.number(), to: now.number() })
        }
    }
}

fn at(head: &Head) -> serde_json::Value {
    json!({ "blockHash": head.hash })
}

impl Rpc {
    fn head(&self) -> Result<Head, RpcReadError> {
        self.call("eth_getBlockByNumber", &json!(["latest", false]))
    }

    /// What the governance contract answers in the state after a block.
    fn read<C: SolCall>(&self, head: &Head, call: &C) -> Result<C::Return, RpcReadError> {
        let ask = json!([{ "to": GOVERNANCE, "data": Bytes::from(call.abi_encode()) }, at(head)]);
        let answer: Bytes = self.call("eth_call", &ask)?;
        C::abi_decode_returns(&answer)
            .map_err(|error| RpcReadError::Contract { call: C::SIGNATURE, reason: error.to_string() })
    }
}
