//! Blocks that are not there: messages run one after the other in blocks that a caller describes (`eth_simulateV1`).
//!
//! Each block is assembled as a real one would be, with its roots, from unsigned transactions; without `validation` the
//! checks of `eth_call` hold, with it those of a block, signatures and the sender's code aside. The rules follow
//! execution-apis; where they are silent, go-ethereum.

mod assemble;
mod sequence;
mod transfers;

use crate::{
    At, Block, BlockBody, CallError, CallRequest, CallStatus, Ledger, LedgerError, Overrides, SimulateError,
    call::{
        faults::Faults,
        outcome, overrides,
        precompiles::MovablePrecompiles,
        scene::{CallEvm, Scene, call_error},
    },
    execute::{env, overlay::Overlay, rules, system::SystemOperations},
    ledger::Chain,
    past::Past,
};
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes, Log};
use assemble::Assembly;
use revm::{
    DatabaseCommit, ExecuteEvm, InspectEvm,
    context::{Block as _, result::InvalidTransaction},
};
use sequence::Planned;
use std::collections::BTreeMap;
use transfers::Transfers;

/// Blocks of one simulation, those that fill gaps included.
pub const MAX_SIMULATED_BLOCKS: u64 = 256;

/// What to simulate.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// In order.
    pub blocks: Vec<SimulatedBlock>,
    /// Whether calls must be valid as transactions of a block.
    pub validation: bool,
    /// Whether to add a log for every transfer of ether.
    pub trace_transfers: bool,
}

/// One block to simulate.
#[derive(Clone, Debug, Default)]
pub struct SimulatedBlock {
    /// State before its calls, and header fields.
    pub overrides: Overrides,
    /// Paid out after its calls, on chains that have withdrawals.
    pub withdrawals: Vec<Withdrawal>,
    /// In order.
    pub calls: Vec<CallRequest>,
}

/// A block that came out.
#[derive(Clone, Debug)]
pub struct SimulationBlock {
    /// Header and unsigned transactions.
    pub block: Block,
    /// Keccak of the header as it is: no seal is masked, there are none.
    pub hash: B256,
    /// Sender of each transaction.
    pub senders: Vec<Address>,
    /// What each call gave.
    pub calls: Vec<SimulationCall>,
}

/// What a call gave.
#[derive(Clone, Debug)]
pub struct SimulationCall {
    /// Returned, or revert data.
    pub output: Bytes,
    /// Of contracts and, if wanted, of transfers; none unless it succeeded.
    pub logs: Vec<Log>,
    /// Refunds taken off.
    pub gas_used: u64,
    /// The most that it used at any time.
    pub max_used_gas: u64,
    /// How it ended.
    pub status: CallStatus,
}

impl Ledger {
    /// Simulates blocks on the state after a block. `out_of_time` is asked before every block and call.
    pub fn simulate(
        &self,
        wanted: &Simulation,
        at: At,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<Vec<SimulationBlock>, SimulateError> {
        let past = self.past(at)?;
        let hash = self.block_hash(At::Number(past.header.number))?;
        let hash = hash.ok_or_else(|| LedgerError::UnknownBlock(past.header.number.to_string()))?;
        let mut parent = Parent { header: Header::clone(&past.header), hash };
        let planned = sequence::plan(&self.chain.genesis, &parent.header, &wanted.blocks)?;
        let mut overlay = Overlay::new(&past.view, &self.chain);
        overlay.set_block_hashes(BTreeMap::new());
        let gas_left = self.chain.options.call_gas_cap;
        let mut run = Run { chain: &self.chain, past: &past, wanted, out_of_time, gas_left };
        let mut done = Vec::with_capacity(planned.len());
        for block in &planned {
            let (simulated, changed) = run.block(&parent, block, overlay)?;
            overlay = changed;
            parent = Parent { header: simulated.block.header.clone(), hash: simulated.hash };
            overlay.set_block_hashes(BTreeMap::from([(parent.header.number, parent.hash)]));
            done.push(simulated);
        }
        Ok(done)
    }
}

/// What a simulated block follows.
struct Parent {
    header: Header,
    hash: B256,
}

struct Run<'a> {
    chain: &'a Chain,
    past: &'a Past,
    wanted: &'a Simulation,
    out_of_time: &'a dyn Fn() -> bool,
    /// Of the cap that all calls share.
    gas_left: u64,
}

impl<'a> Run<'a> {
    fn block(
        &mut self,
        parent: &Parent,
        planned: &Planned<'_>,
        mut overlay: Overlay<'a>,
    ) -> Result<(SimulationBlock, Overlay<'a>), SimulateError> {
        if (self.out_of_time)() {
            return Err(SimulateError::OutOfTime);
        }
        let header = assemble::draft(self.chain, parent, planned, self.wanted.validation)?;
        let mut precompiles =
            MovablePrecompiles::new(rules::spec(&self.chain.genesis, header.number, header.timestamp));
        if let Some(block) = planned.wanted {
            overrides::state(&mut overlay, &mut precompiles, &block.overrides.state)?;
        }
        let paid = planned.wanted.map(|block| block.withdrawals.clone()).unwrap_or_default();
        let body = BlockBody { withdrawals: Some(paid.into()), ..BlockBody::default() };
        let operations = SystemOperations::of(&self.chain.genesis, &header, &body);
        let overlay = operations.begin(overlay, self.chain, &header)?;
        let mut scene = Scene { precompiles, ..Scene::over(self.chain, overlay, &header) };
        assemble::environment(&mut scene, &header, planned, self.wanted.validation);
        let mut assembly = Assembly::new(header, body);
        let mut evm = scene.evm((Faults::default(), Transfers::new(self.wanted.trace_transfers)));
        for call in planned.wanted.map(|block| block.calls.as_slice()).unwrap_or_default() {
            if (self.out_of_time)() {
                return Err(SimulateError::OutOfTime);
            }
            self.call(&mut evm, &mut assembly, call)?;
        }
        let overlay = evm.ctx.journaled_state.database;
        let (overlay, requests) =
            operations.gather(overlay, self.chain, assembly.header(), assembly.receipts())?;
        let overlay = operations.credited(overlay)?;
        let root = self.past.root_after(&overlay.changes().0)?;
        Ok((assembly.finish(root, requests), overlay))
    }

    fn call(
        &mut self,
        evm: &mut CallEvm<'a, (Faults, Transfers)>,
        assembly: &mut Assembly,
        call: &CallRequest,
    ) -> Result<(), SimulateError> {
        let (gas, capped) = self.gas(assembly, call)?;
        let caller = call.from.unwrap_or_default();
        let nonce = match call.nonce {
            Some(nonce) => nonce,
            None => evm.ctx.journaled_state.database.nonce(caller)?,
        };
        if self.wanted.validation {
            let next = evm.ctx.journaled_state.database.nonce(caller)?;
            check_nonce(nonce, next).map_err(|reason| SimulateError::Invalid {
                reason,
                sender: caller,
                gas,
            })?;
        }
        let priced = assembly.header().base_fee_per_gas.is_some();
        let unsigned = assemble::transaction(call, evm.ctx.cfg.chain_id, nonce, gas, priced);
        let mut message = env::transaction(&unsigned, caller);
        if !self.wanted.validation && message.max_fee_per_blob_gas == 0 {
            // Not checked, but paid.
            message.max_fee_per_blob_gas = evm.ctx.block.blob_gasprice().unwrap_or_default();
        }
        let ran = evm.inspect_one_tx(message);
        let state = evm.finalize();
        let result = ran.map_err(|error| refused(call_error(error), caller, gas))?;
        evm.ctx.journaled_state.database.commit(state);
        let used = result.tx_gas_used();
        self.gas_left = self.gas_left.saturating_sub(used);
        let (faults, transfers) = &mut evm.inspector;
        let (fault, logs) = (faults.take(), transfers.take());
        let mut ran = outcome(result.clone());
        if let CallStatus::Halt(reason) = &mut ran.status {
            *reason = fault.unwrap_or_else(|| std::mem::take(reason));
            reason.push_str(if capped { CAPPED } else { "" });
        }
        assembly.add(unsigned, caller, &result, ran, logs);
        Ok(())
    }

    /// What a call gets: what it asks for, or what is left of its block; never more than is left for all, and whether
    /// that made it less.
    fn gas(&self, assembly: &Assembly, call: &CallRequest) -> Result<(u64, bool), SimulateError> {
        let left = assembly.gas_left();
        let wanted = call.gas.unwrap_or(left);
        if wanted > left {
            return Err(SimulateError::BlockGas { remaining: left, required: wanted });
        }
        if self.gas_left == 0 {
            return Err(SimulateError::GasCap { cap: self.chain.options.call_gas_cap });
        }
        Ok((wanted.min(self.gas_left), wanted > self.gas_left))
    }
}

/// What go-ethereum adds to the reason of a call that got less gas than its block has.
const CAPPED: &str = " (gas limit was capped by the RPC server's global gas cap)";

/// Looked at before all else, as go-ethereum does.
const fn check_nonce(tx: u64, state: u64) -> Result<(), InvalidTransaction> {
    match tx {
        tx if tx < state => Err(InvalidTransaction::NonceTooLow { tx, state }),
        tx if tx > state => Err(InvalidTransaction::NonceTooHigh { tx, state }),
        _ => Ok(()),
    }
}

/// Why a call cannot be in the block.
fn refused(error: CallError, sender: Address, gas: u64) -> SimulateError {
    match error {
        CallError::Invalid(reason) => SimulateError::Invalid { reason, sender, gas },
        other => other.into(),
    }
}
