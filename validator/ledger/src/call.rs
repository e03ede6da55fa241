//! Calls that change nothing: `eth_call`, gas estimates, and consensus reading its contract.

mod access_list;
pub(crate) mod faults;
pub(crate) mod overrides;
pub(crate) mod precompiles;
pub(crate) mod scene;
mod timer;
pub(crate) mod wording;

pub use access_list::AccessListOutcome;
pub use overrides::Overrides;

use crate::{At, CallError, Ledger, execute::env, ledger::Chain, store::view::StateView};
use alloy_consensus::Header;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use chain::genesis::Engine;
use revm::{
    ExecuteEvm,
    context::{
        Cfg, TxEnv,
        either::Either,
        result::{ExecutionResult, InvalidTransaction},
    },
};
use scene::{Scene, call_error};
use timer::{Timer, timed};

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
    /// Most wei per gas (EIP-1559).
    pub max_fee_per_gas: Option<u128>,
    /// Most wei per gas for the beneficiary (EIP-1559).
    pub max_priority_fee_per_gas: Option<u128>,
    /// Nonce; the account's next when absent. Not checked by a call.
    pub nonce: Option<u64>,
    /// Wei sent along.
    pub value: U256,
    /// Input, or init code.
    pub data: Bytes,
    /// EIP-2930 access list.
    pub access_list: Option<AccessList>,
    /// EIP-7702 authorizations; a list makes it a type 4 message.
    pub authorizations: Option<Vec<SignedAuthorization>>,
    /// EIP-4844 blobs, on chains that have them; a list makes it a type 3 message.
    pub blob_hashes: Option<Vec<B256>>,
    /// Most wei per gas of a blob.
    pub max_fee_per_blob_gas: Option<u128>,
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
    /// The most that it used at any time.
    pub max_used_gas: u64,
    /// Returned or revert data; the deployed code of a creation.
    pub output: Bytes,
    /// How it ended.
    pub status: CallStatus,
}

impl Ledger {
    /// Runs a message on the state of a block, in the environment of that block.
    pub fn call(&self, request: &CallRequest, at: At) -> Result<CallOutcome, CallError> {
        self.call_with(request, at, &Overrides::default(), &|| false)
    }

    /// The same on a state and in a block that differ by `overrides`. `out_of_time` is asked every thousand instructions or so.
    pub fn call_with(
        &self,
        request: &CallRequest,
        at: At,
        overrides: &Overrides,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<CallOutcome, CallError> {
        self.call_timed(request, at, overrides, Timer::new(out_of_time))
    }

    /// The same for a message that is likely to end soon: `out_of_time` is asked at each call too and whenever some gas was spent,
    /// and what calls a precompile that runs for milliseconds, or hashes much at once, has none left.
    pub fn call_briefly(
        &self,
        request: &CallRequest,
        at: At,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<CallOutcome, CallError> {
        self.call_timed(request, at, &Overrides::default(), Timer::brief(out_of_time))
    }

    fn call_timed(
        &self,
        request: &CallRequest,
        at: At,
        overrides: &Overrides,
        timer: Timer<'_>,
    ) -> Result<CallOutcome, CallError> {
        let (view, header) = self.state(at)?;
        let gas = self.call_gas(request)?;
        let mut scene = Scene::new(&self.chain, &view, &header).overridden(overrides)?.lenient();
        let message = scene.message(request, gas)?;
        Ok(outcome(timed(&mut scene.evm(timer), message)?))
    }

    /// The lowest gas limit with which the message succeeds, within 1.5 %.
    pub fn estimate_gas(&self, request: &CallRequest, at: At) -> Result<u64, CallError> {
        self.estimate_gas_with(request, at, &Overrides::default(), &|| false)
    }

    /// The same on a state and in a block that differ by `overrides`, in the time that there is for all tries together.
    pub fn estimate_gas_with(
        &self,
        request: &CallRequest,
        at: At,
        overrides: &Overrides,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<u64, CallError> {
        let (view, header) = self.state(at)?;
        let highest = self.highest_gas(request, &header)?;
        let mut scene = Scene::new(&self.chain, &view, &header).overridden(overrides)?.lenient();
        let message = scene.message(request, highest)?;
        // Whoever offers a price gets no more gas than he can pay.
        let highest = highest.min(scene.affordable(&message)?);
        let mut evm = scene.evm(Timer::new(out_of_time));
        // What one try read stays read for the next, what it changed does not.
        let mut run = |gas| {
            let ran = timed(&mut evm, TxEnv { gas_limit: gas, ..message.clone() });
            evm.finalize();
            Ok(outcome(ran?))
        };
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
            CallStatus::Success => search(&outcome, highest, run),
            CallStatus::Revert => Err(CallError::Revert { output: outcome.output }),
            CallStatus::Halt(reason) if outcome.gas_used >= highest && reason.starts_with("out of gas") => {
                Err(CallError::Allowance { allowance: highest })
            }
            CallStatus::Halt(reason) => Err(CallError::Halt { reason }),
        }
    }

    /// The gas a call gets: what it asks for, or the cap. Whoever asks for more is told, except by Ethereum's rules, where
    /// go-ethereum gives him less.
    pub(crate) fn call_gas(&self, request: &CallRequest) -> Result<u64, CallError> {
        let cap = self.chain.options.call_gas_cap;
        match request.gas {
            Some(got) if got > cap => match self.chain.genesis.engine {
                Engine::Qbft => Err(CallError::GasCap { got, cap }),
                Engine::Ethereum => Ok(cap),
            },
            wanted => Ok(wanted.unwrap_or(cap)),
        }
    }

    /// The most gas that a transaction with this message could have.
    fn highest_gas(&self, request: &CallRequest, header: &Header) -> Result<u64, CallError> {
        let cap = self.call_gas(request)?;
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
    tried: &CallOutcome,
    highest: u64,
    mut run: impl FnMut(u64) -> Result<CallOutcome, CallError>,
) -> Result<u64, CallError> {
    let mut enough = |gas| match run(gas) {
        Ok(outcome) => Ok(outcome.status == CallStatus::Success),
        Err(CallError::Invalid(reason)) if is_gas(&reason) => Ok(false),
        Err(error) => Err(error),
    };
    let (mut low, mut high) = (tried.gas_used.saturating_sub(1), highest);
    let guess = tried.max_used_gas.saturating_add(CALL_STIPEND).saturating_mul(64) / 63;
    if guess < high {
        if enough(guess)? { high = guess } else { low = guess }
    }
    // Halving a range of 50 M takes at most 26 steps.
    while low + 1 < high && (high - low).saturating_mul(1000) >= high.saturating_mul(15) {
        // Few need much more than they use.
        let middle = (low + (high - low) / 2).min(low.saturating_mul(2));
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
    let mut scene = Scene::new(chain, view, header).lenient();
    let message = scene.message(request, gas)?;
    Ok(outcome(scene.evm(()).transact_one(message).map_err(call_error)?))
}

/// The message in the shape of the oldest transaction type that holds all its fields.
fn transaction(
    request: &CallRequest,
    chain_id: u64,
    caller: Address,
    nonce: u64,
    gas: u64,
    price: u128,
) -> TxEnv {
    let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    let tx_type = match (&request.authorizations, &request.blob_hashes, dynamic, &request.access_list) {
        (Some(_), ..) => 4,
        (None, Some(_), ..) => 3,
        (None, None, true, _) => 2,
        (None, None, false, Some(_)) => 1,
        (None, None, false, None) => 0,
    };
    let signed = request.authorizations.clone().unwrap_or_default();
    TxEnv {
        tx_type,
        caller,
        gas_limit: gas,
        gas_price: price,
        kind: request.to.map_or(TxKind::Create, TxKind::Call),
        value: request.value,
        data: request.data.clone(),
        nonce,
        chain_id: Some(chain_id),
        access_list: request.access_list.clone().unwrap_or_default(),
        gas_priority_fee: (tx_type >= 2).then(|| request.max_priority_fee_per_gas.unwrap_or_default()),
        blob_hashes: request.blob_hashes.clone().unwrap_or_default(),
        max_fee_per_blob_gas: request.max_fee_per_blob_gas.unwrap_or_default(),
        authorization_list: signed.into_iter().map(Either::Left).collect(),
    }
}

pub(crate) fn outcome(result: ExecutionResult) -> CallOutcome {
    let (gas, gas_used) = (*result.gas(), result.tx_gas_used());
    let (output, status) = match result {
        ExecutionResult::Success { output, .. } => (output.into_data(), CallStatus::Success),
        ExecutionResult::Revert { output, .. } => (output, CallStatus::Revert),
        ExecutionResult::Halt { reason, .. } => (Bytes::new(), CallStatus::Halt(wording::halt(&reason))),
    };
    // The floor of EIP-7623 is used up in any case.
    CallOutcome { gas_used, max_used_gas: gas.total_gas_spent().max(gas.floor_gas()), output, status }
}
