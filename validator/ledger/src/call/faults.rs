//! Why frames ended badly, in go-ethereum's words, which name the opcode and the height of the stack.

use revm::{
    Inspector,
    bytecode::opcode::{OpCode, SELFDESTRUCT, SSTORE},
    context::{Cfg, ContextTr},
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
        InterpreterAction,
        interpreter_types::{Jumps, LoopControl},
    },
};
use std::collections::BTreeMap;

/// Items that a stack holds.
const STACK_LIMIT: usize = 1024;

/// Notes down each instruction and each frame that fails.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    last: Option<Step>,
    steps: usize,
    open: Vec<usize>,
    frames: Vec<Option<String>>,
    instructions: BTreeMap<usize, Fault>,
    /// What each open frame found refunded when it began, and what the innermost has now.
    refunded: Vec<i64>,
    refund: i64,
    /// What was refunded in all at an instruction, where revm's own count does not say.
    refunds: BTreeMap<usize, u64>,
    /// Gas that an instruction passed on to what it created.
    passed_on: BTreeMap<usize, u64>,
}

/// An instruction that is about to run.
#[derive(Clone, Copy, Debug)]
struct Step {
    opcode: u8,
    stack: usize,
}

/// What go-ethereum's struct logs say of an instruction.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Of an opcode that is none.
    pub(crate) name: Option<String>,
    /// Why it did not begin; none when it failed while it ran.
    pub(crate) error: Option<String>,
}

impl Faults {
    /// Why each frame failed, in the order in which they were entered.
    pub(crate) fn frames(&self) -> &[Option<String>] {
        &self.frames
    }

    /// Instructions that failed, by their position in the run.
    pub(crate) const fn instructions(&self) -> &BTreeMap<usize, Fault> {
        &self.instructions
    }

    /// What was refunded at an instruction: by the frames around it too, and by itself, which revm counts later.
    pub(crate) fn refund(&self, step: usize) -> Option<u64> {
        self.refunds.get(&step).copied()
    }

    /// Gas that an instruction passed on to what it created, which go-ethereum does not count as its cost.
    pub(crate) fn passed_on(&self, step: usize) -> u64 {
        self.passed_on.get(&step).copied().unwrap_or_default()
    }

    /// Why the outermost frame failed; forgets the run.
    pub(crate) fn take(&mut self) -> Option<String> {
        std::mem::take(self).frames.into_iter().next().flatten()
    }

    fn enter(&mut self) {
        self.open.push(self.frames.len());
        self.frames.push(None);
        self.refunded.push(self.refund);
    }

    fn note_refund(&mut self) {
        self.refunds.insert(self.steps.saturating_sub(1), u64::try_from(self.refund).unwrap_or_default());
    }

    fn leave(&mut self, reason: Option<String>) {
        self.refund = self.refunded.pop().unwrap_or_default();
        if let Some(frame) = self.open.pop().and_then(|index| self.frames.get_mut(index)) {
            *frame = reason;
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Faults {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        let base = self.refunded.last().copied().unwrap_or_default();
        self.refund = base.saturating_add(interpreter.gas.refunded());
        self.steps += 1;
        if base > 0 {
            self.note_refund();
        }
        self.last = Some(Step { opcode: interpreter.bytecode.opcode(), stack: interpreter.stack.len() });
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        if let Some(Step { opcode: SSTORE | SELFDESTRUCT, .. }) = self.last {
            let base = self.refunded.last().copied().unwrap_or_default();
            self.refund = base.saturating_add(interpreter.gas.refunded());
            self.note_refund();
        }
        let action = interpreter.bytecode.action().as_ref();
        let Some(result) = action.and_then(InterpreterAction::instruction_result) else { return };
        if result.is_halt() {
            let name = self.last.and_then(|step| undefined(step.opcode));
            let error = begins(result).then(|| text(result, self.last)).flatten();
            self.instructions.insert(self.steps.saturating_sub(1), Fault { name, error });
        }
    }

    fn call(&mut self, _: &mut CTX, _: &mut CallInputs) -> Option<CallOutcome> {
        self.enter();
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(text(outcome.result.result, self.last));
    }

    fn create(&mut self, _: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        if let Some(step) = self.steps.checked_sub(1) {
            self.passed_on.insert(step, inputs.gas_limit());
        }
        self.enter();
        None
    }

    fn create_end(&mut self, context: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        let result = &outcome.result;
        self.leave(match result.result {
            InstructionResult::CreateContractSizeLimit => Some(format!(
                "max code size exceeded: code size {} limit {}",
                result.output.len(),
                context.cfg().max_code_size()
            )),
            other => text(other, self.last),
        });
    }
}

/// Whether go-ethereum finds this before the instruction runs, and so notes it down beside the instruction.
const fn begins(result: InstructionResult) -> bool {
    use InstructionResult as Result;
    matches!(
        result,
        Result::OutOfGas
            | Result::MemoryOOG
            | Result::MemoryLimitOOG
            | Result::InvalidOperandOOG
            | Result::ReentrancySentryOOG
            | Result::StackUnderflow
            | Result::StackOverflow
    )
}

/// Why a frame failed; none where revm's own words are go-ethereum's.
fn text(result: InstructionResult, last: Option<Step>) -> Option<String> {
    use InstructionResult as Result;
    Some(match result {
        Result::OutOfGas | Result::MemoryOOG | Result::MemoryLimitOOG | Result::PrecompileOOG => {
            "out of gas".to_string()
        }
        Result::InvalidOperandOOG => "gas uint64 overflow".to_string(),
        Result::OpcodeNotFound | Result::NotActivated | Result::InvalidFEOpcode => {
            let opcode = last?.opcode;
            let name = || OpCode::new(opcode).map(|opcode| opcode.as_str().to_string());
            format!("invalid opcode: {}", undefined(opcode).or_else(name)?)
        }
        Result::StackUnderflow => {
            let Step { opcode, stack } = last?;
            format!("stack underflow ({stack} <=> {})", OpCode::new(opcode)?.info().inputs())
        }
        Result::StackOverflow => {
            let Step { opcode, stack } = last?;
            let info = OpCode::new(opcode)?.info();
            let most = (STACK_LIMIT + usize::from(info.inputs())).saturating_sub(info.outputs().into());
            format!("stack limit reached {stack} ({most})")
        }
        _ => return None,
    })
}

fn undefined(opcode: u8) -> Option<String> {
    OpCode::new(opcode).is_none().then(|| format!("opcode {opcode:#x} not defined"))
}
