//! Ends a message that runs for too long: gas bounds what it does, not how long that takes on this machine.

use super::scene::{CallEvm, call_error};
use crate::CallError;
use alloy_primitives::{Address, Bytes};
use revm::{
    InspectEvm, Inspector,
    context::{ContextTr, TxEnv, result::ExecutionResult},
    context_interface::context::ContextError,
    interpreter::{
        CallInputs, CallOutcome, Gas, InstructionResult, Interpreter, InterpreterResult,
        interpreter_types::LoopControl,
    },
};
use std::ops::RangeInclusive;

/// Precompiles of one instruction's cost and many milliseconds: modexp, pairings, curves and blobs. Below are hashes and one
/// signature, above is one signature.
const SLOW: RangeInclusive<u64> = 0x05..=0x11;

/// Instructions between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1024;

/// Looks at the clock now and then.
pub(crate) struct Timer<'a> {
    out_of_time: &'a dyn Fn() -> bool,
    steps: u32,
    is_up: bool,
    brief: bool,
}

impl<'a> Timer<'a> {
    /// `out_of_time` is asked before each run and every thousand instructions or so.
    pub(crate) fn new(out_of_time: &'a dyn Fn() -> bool) -> Self {
        Self { out_of_time, steps: 0, is_up: false, brief: false }
    }

    /// The same, asked at each call too; a call that cannot be interrupted ends the run.
    pub(crate) fn brief(out_of_time: &'a dyn Fn() -> bool) -> Self {
        Self { brief: true, ..Self::new(out_of_time) }
    }

    /// Whether a run may begin.
    pub(crate) fn check(&self) -> Result<(), CallError> {
        if self.is_up || (self.out_of_time)() { Err(CallError::OutOfTime) } else { Ok(()) }
    }

    /// Whether a run was ended.
    pub(crate) const fn is_up(&self) -> bool {
        self.is_up
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Timer<'_> {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        self.steps = self.steps.wrapping_add(1);
        if self.is_up || (self.steps.is_multiple_of(STEPS_PER_LOOK) && (self.out_of_time)()) {
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
        self.is_up = self.is_up || is_slow(&inputs.bytecode_address) || (self.out_of_time)();
        self.is_up.then(|| {
            *context.error() = Err(ContextError::Custom("out of time".into()));
            let ended =
                InterpreterResult::new(InstructionResult::FatalExternalError, Bytes::new(), Gas::new(0));
            CallOutcome::new(ended, 0..0)
        })
    }
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
