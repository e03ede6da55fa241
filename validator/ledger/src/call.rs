//! Calls that change nothing: `eth_call`, gas estimates, and consensus reading its contract.

use crate::{
    At, CallError, Ledger, LedgerError,
    execute::{env, overlay::Overlay},
    ledger::Chain,
    store::view::StateView,
};
use alloy_consensus::Header;
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    context::{
        Cfg, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
};

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
    pub fn call(&self, request: &CallRequest, at: At) -> Result<CallOutcome, CallError> {
        let (view, header) = self.state(at)?;
        let cap = self.chain.options.call_gas_cap;
        let gas = request.gas.unwrap_or(cap);
        if gas > cap {
            return Err(CallError::GasCap { got: gas, cap });
        }
        run_call(&self.chain, &view, &header, request, gas)
    }

    /// The lowest gas limit with which the message succeeds, within 1.5 %.
    pub fn estimate_gas(&self, request: &CallRequest, at: At) -> Result<u64, CallError> {
        let (view, header) = self.state(at)?;
        let highest = self.highest_gas(request, &header)?;
        let run = |gas| run_call(&self.chain, &view, &header, request, gas);
        // Plain transfers are most of what is asked, and their cost is known.
        if request.data.is_empty()
            && request.to.is_some()
            && highest >= TRANSFER_GAS
            && run(TRANSFER_GAS).is_ok_and(|outcome| outcome.status == CallStatus::Success)
        {
            return Ok(TRANSFER_GAS);
        }
        let outcome = match run(highest) {
            Err(CallError::Invalid(reason)) if is_gas(&reason) => {
                return Err(CallError::Allowance { allowance: highest });
            }
            other => other?,
        };
        match outcome.status {
            CallStatus::Success => search(outcome.gas_used, highest, run),
            CallStatus::Revert => Err(CallError::Revert { output: outcome.output }),
            CallStatus::Halt(reason) if outcome.gas_used >= highest && reason.starts_with("out of gas") => {
                Err(CallError::Allowance { allowance: highest })
            }
            CallStatus::Halt(reason) => Err(CallError::Halt { reason }),
        }
    }

    /// The most gas that a transaction with this message could have.
    fn highest_gas(&self, request: &CallRequest, header: &Header) -> Result<u64, CallError> {
        let cap = self.chain.options.call_gas_cap;
        if let Some(got) = request.gas.filter(|gas| *gas > cap) {
            return Err(CallError::GasCap { got, cap });
        }
        let rules = env::config(&self.chain.genesis, header.number, header.timestamp);
        let highest = request.gas.unwrap_or(header.gas_limit).min(header.gas_limit).min(cap);
        Ok(highest.min(rules.tx_gas_limit_cap()))
    }
}

/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;

/// Between what was used and what is allowed, the lowest limit that still succeeds. Contracts may need more than they
/// use: refunds come at the end and a call passes on at most 63/64 of what is left (EIP-150).
fn search(
    used: u64,
    highest: u64,
    run: impl Fn(u64) -> Result<CallOutcome, CallError>,
) -> Result<u64, CallError> {
    let enough = |gas| match run(gas) {
        Ok(outcome) => Ok(outcome.status == CallStatus::Success),
        Err(CallError::Invalid(reason)) if is_gas(&reason) => Ok(false),
        Err(error) => Err(error),
    };
    let (mut low, mut high) = (used.saturating_sub(1), highest);
    let guess = used.saturating_add(used / 63).saturating_add(CALL_STIPEND);
    if guess < high {
        if enough(guess)? { high = guess } else { low = guess }
    }
    // Halving a range of 50 M takes at most 26 steps.
    while low + 1 < high && (high - low).saturating_mul(1000) > high.saturating_mul(15) {
        let middle = low + (high - low) / 2;
        if enough(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

/// What a call with value gets on top (EIP-150).
const CALL_STIPEND: u64 = 2300;

/// Whether more gas could make the transaction valid.
const fn is_gas(reason: &InvalidTransaction) -> bool {
    matches!(
        reason,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
            | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
    )
}

/// Runs a message with `gas`, checks off that only a real transaction must pass.
pub(crate) fn run_call(
    chain: &Chain,
    view: &StateView,
    header: &Header,
    request: &CallRequest,
    gas: u64,
) -> Result<CallOutcome, CallError> {
    let mut config = env::config(&chain.genesis, header.number, header.timestamp);
    config.disable_nonce_check = true;
    config.disable_eip3607 = true;
    config.disable_block_gas_limit = true;
    config.disable_base_fee = true;
    config.tx_gas_limit_cap = Some(u64::MAX);
    let caller = request.from.unwrap_or_default();
    let nonce = view.account(&keccak256(caller))?.unwrap_or_default().nonce;
    let context = Context::mainnet()
        .with_db(Overlay::new(view, chain))
        .with_cfg(config)
        .with_block(env::block(&chain.genesis, header));
    let result = context.build_mainnet().transact_one(message(chain, request, caller, nonce, gas));
    outcome(result)
}

fn message(chain: &Chain, request: &CallRequest, caller: Address, nonce: u64, gas: u64) -> TxEnv {
    TxEnv {
        tx_type: u8::from(request.access_list.is_some()),
        caller,
        gas_limit: gas,
        gas_price: request.gas_price.unwrap_or_default(),
        kind: request.to.map_or(TxKind::Create, TxKind::Call),
        value: request.value,
        data: request.data.clone(),
        nonce,
        chain_id: Some(chain.genesis.config.chain_id),
        access_list: request.access_list.clone().unwrap_or_default(),
        gas_priority_fee: None,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: Vec::new(),
    }
}

fn outcome(result: Result<ExecutionResult, EVMError<LedgerError>>) -> Result<CallOutcome, CallError> {
    let result = result.map_err(|error| match error {
        EVMError::Transaction(reason) => CallError::Invalid(reason),
        EVMError::Database(error) => CallError::Ledger(error),
        other => CallError::Ledger(LedgerError::Engine(other.to_string())),
    })?;
    let gas_used = result.tx_gas_used();
    Ok(match result {
        ExecutionResult::Success { output, .. } => {
            CallOutcome { gas_used, output: output.into_data(), status: CallStatus::Success }
        }
        ExecutionResult::Revert { output, .. } => {
            CallOutcome { gas_used, output, status: CallStatus::Revert }
        }
        ExecutionResult::Halt { reason, .. } => {
            CallOutcome { gas_used, output: Bytes::new(), status: CallStatus::Halt(halt_reason(&reason)) }
        }
    })
}

/// As geth words it where clients look at it.
fn halt_reason(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".to_string(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode | HaltReason::NotActivated => {
            format!("invalid opcode: {reason}")
        }
        other => other.to_string(),
    }
}
