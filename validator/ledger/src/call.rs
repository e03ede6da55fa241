//! Calls that change nothing: `eth_call`, gas estimates, and consensus reading its contract.

use crate::{At, CallError, Ledger};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, U256};

/// A message to run on a state. Absent fields take what makes the call succeed: no price, no nonce check, the gas cap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// Caller; the zero address when absent.
    pub from: Option<Address>,
    /// Callee; creates a contract when absent.
    pub to: Option<Address>,
    /// Gas limit.
    pub gas: Option<u64>,
    /// Wei per gas; charged only when given and not zero.
    pub gas_price: Option<u128>,
    /// Wei sent along.
    pub value: U256,
    /// Input, or init code.
    pub data: Bytes,
    /// EIP-2930 access list.
    pub access_list: Option<AccessList>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// It returned.
    Success,
    /// It reverted; the output is the revert data.
    Revert,
    /// The EVM stopped it, with the reason.
    Halt(String),
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// Gas used, refunds taken off.
    pub gas_used: u64,
    /// Returned or revert data; the deployed code of a creation.
    pub output: Bytes,
    /// How it ended.
    pub status: CallStatus,
}

impl Ledger {
    /// Runs a message on the state of a block, in the environment of that block.
    pub fn call(&self, request: &CallRequest, at: At) -> Result<CallOutcome, CallError> { todo!() }
    /// The lowest gas limit with which the message succeeds, within 1.5 %.
    pub fn estimate_gas(&self, request: &CallRequest, at: At) -> Result<u64, CallError> { todo!() }
}
