//! Ends a message that runs for too long: gas bounds what it does, not how long that takes on this machine.

use super::scene::{CallEvm, call_error};
use crate::CallError;
use alloy_primitives::{Address, Bytes, U256};
use revm::{
    InspectEvm, Inspector,
    bytecode::opcode::KECCAK256,
    context::{ContextTr, TxEnv, result::ExecutionResult},
    context_interface::context::ContextError,
    interpreter::{
        CallInputs, CallOutcome, Gas, InstructionResult, Interpreter, InterpreterResult,
        interpreter_types::{Jumps, LoopControl},
    },
};
use std::ops::RangeInclusive;

/// Precompiles of one instruction's cost and many milliseconds: modexp, pairings, curves and blobs. Below are hashes and one
/// signature, above is one signature.
const SLOW: RangeInclusive<u64> = 0x05..=0x11;

/// Instructions between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1024;
/// Gas between two looks where there is a moment only: about ten microseconds, whatever it is spent on.
const GAS_PER_LOOK: u64 = 10_000;
/// Bytes that are hashed in a tenth of a millisecond or two; more cannot be interrupted.
const HASHED_AT_ONCE: usize = 64 << 10;

/// Looks at the clock now and then.
pub(crate) struct Timer<'a> {
    out_of_time: &'a dyn Fn() -> bool,
    steps: u32,
    is_up: bool,
    brief: bool,
    /// Gas left when the clock was looked at last, of the contract that ran then.
    looked_at: u64,
}

impl<'a> Timer<'a> {
    /// `out_of_time` is asked before each run and every thousand instructions or so.
    pub(crate) fn new(out_of_time: &'a dyn Fn() -> bool) -> Self {
        Self { out_of_time, steps: 0, is_up: false, brief: false, looked_at: 0 }
    }

    /// The same, asked at each call too and whenever some gas was spent; what cannot be interrupted ends the run.
    pub(crate) fn brief(out_of_time: &'a dyn Fn() -> bool) -> Self {
        Self { brief: true, ..Self::new(out_of_time) }
    }

    /// Whether a run may begin.
    pub(crate) fn check(&self) -> Result<(), CallError> {
        if self.is_up || (self.out_of_time)() { Err(CallError::OutOfTime) } else { Ok(()) }
    }

    /// Whether much gas was spent since the last look; a contract that is called or goes on has another amount left, and is looked
    /// at too.
    const fn has_spent(&mut self, left: u64) -> bool {
        let much = self.looked_at.abs_diff(left) >= GAS_PER_LOOK;
        if much {
            self.looked_at = left;
        }
        much
    }

    /// Whether a run was ended.
    pub(crate) const fn is_up(&self) -> bool {
        self.is_up
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Timer<'_> {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.steps = self.steps.wrapping_add(1);
        let is_due = self.steps.is_multiple_of(STEPS_PER_LOOK)
            || (self.brief && self.has_spent(interpreter.gas.remaining()));
        if self.is_up || (self.brief && hashes_much(interpreter)) || (is_due && (self.out_of_time)()) {
            self.is_up = true;
            // Seen by the handler as a fault of ours, so that no caller inside goes on.
            *context.error() = Err(ContextError::Custom("out of time".into()));
            interpreter.bytecode.reset_action();
            interpreter.halt_fatal();
        }
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        if !self.brief {
            return None;
        }
        self.is_up = self.is_up
            || is_slow(&inputs.bytecode_address)
            || inputs.input.len() > HASHED_AT_ONCE
            || (self.out_of_time)();
        self.is_up.then(|| {
            *context.error() = Err(ContextError::Custom("out of time".into()));
            let ended =
                InterpreterResult::new(InstructionResult::FatalExternalError, Bytes::new(), Gas::new(0));
            CallOutcome::new(ended, 0..0)
        })
    }
}

/// Whether the next instruction hashes more than could be interrupted.
fn hashes_much(interpreter: &Interpreter) -> bool {
    interpreter.bytecode.opcode() == KECCAK256
        && interpreter.stack.peek(1).is_ok_and(|bytes| bytes > U256::from(HASHED_AT_ONCE))
}

fn is_slow(address: &Address) -> bool {
    let (above, low) = address.0.split_at(12);
    let low = low.try_into().map_or(u64::MAX, u64::from_be_bytes);
    above.iter().all(|byte| *byte == 0) && SLOW.contains(&low)
}

/// Runs a message as long as there is time.
pub(crate) fn timed(evm: &mut CallEvm<'_, Timer<'_>>, message: TxEnv) -> Result<ExecutionResult, CallError> {
    evm.inspector.check()?;
    let ran = evm.inspect_one_tx(message);
    if evm.inspector.is_up() {
        return Err(CallError::OutOfTime);
    }
    ran.map_err(call_error)
}
