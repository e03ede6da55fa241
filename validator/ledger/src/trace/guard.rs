//! What a trace may cost, checked while it runs: tracers of the library note down whatever they see.

use super::TraceBounds;
use crate::TraceError;
use alloy_primitives::Log;
use revm::{
    Inspector,
    context::ContextTr,
    context_interface::context::ContextError,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter,
        interpreter_types::{LoopControl, MemoryTr},
    },
};
use revm_inspectors::tracing::{
    DebugInspector, StackSnapshotType, TraceLimitBehavior, TraceLimits, TracingInspector,
    types::{CallTraceNode, CallTraceStep},
};

/// Instructions between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1024;

/// Ends a run that takes too long or whose trace grows too large.
pub(super) struct Guard<'a> {
    bounds: &'a TraceBounds<'a>,
    steps: u32,
    recorded: usize,
    cost: Cost,
    breach: Option<Breach>,
}

/// What the tracer keeps of each instruction.
#[derive(Clone, Copy, Default)]
struct Cost {
    steps: bool,
    stack: bool,
    memory: bool,
}

#[derive(Clone, Copy)]
enum Breach {
    Time,
    Size,
}

impl<'a> Guard<'a> {
    /// Looks after `tracer`, whose own buffers are bounded too.
    pub(super) fn over(tracer: &mut DebugInspector, bounds: &'a TraceBounds<'a>) -> Self {
        let inner = match tracer {
            DebugInspector::CallTracer(inner, _)
            | DebugInspector::PreStateTracer(inner, _)
            | DebugInspector::FlatCallTracer(inner)
            | DebugInspector::Erc7562Tracer(inner, _)
            | DebugInspector::Default(inner, _) => Some(inner),
            _ => None,
        };
        let cost = inner.map(|inner| limit(inner, bounds.recorded_bytes)).unwrap_or_default();
        Self { bounds, steps: 0, recorded: 0, cost, breach: None }
    }

    /// Whether there is time for another transaction.
    pub(super) fn check_time(&self) -> Result<(), TraceError> {
        if (self.bounds.out_of_time)() { Err(TraceError::OutOfTime) } else { Ok(()) }
    }

    /// Why the run was ended, if it was.
    pub(super) fn breach(&self, tracer: &DebugInspector) -> Result<(), TraceError> {
        let full = match tracer {
            DebugInspector::CallTracer(inner, _)
            | DebugInspector::FlatCallTracer(inner)
            | DebugInspector::Erc7562Tracer(inner, _)
            | DebugInspector::Default(inner, _) => inner.limit_exceeded(),
            _ => false,
        };
        match self.breach {
            Some(Breach::Time) => Err(TraceError::OutOfTime),
            Some(Breach::Size) => Err(TraceError::TooLarge { limit: self.bounds.recorded_bytes }),
            None if full => Err(TraceError::TooLarge { limit: self.bounds.recorded_bytes }),
            None => Ok(()),
        }
    }

    fn note(&mut self, bytes: usize) {
        self.recorded = self.recorded.saturating_add(bytes);
        if self.recorded > self.bounds.recorded_bytes {
            self.breach.get_or_insert(Breach::Size);
        }
    }
}

fn limit(tracer: &mut TracingInspector, bytes: usize) -> Cost {
    let limits =
        TraceLimits::default().set_max_recorded_bytes(Some(bytes)).set_behavior(TraceLimitBehavior::Halt);
    *tracer = std::mem::take(tracer).with_limits(limits);
    let config = tracer.config();
    Cost {
        steps: config.record_steps,
        stack: config.record_stack_snapshots != StackSnapshotType::None,
        memory: config.record_memory_snapshots,
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Guard<'_> {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        if self.cost.steps {
            let stack = if self.cost.stack { interpreter.stack.len() * 32 } else { 0 };
            let memory = if self.cost.memory { interpreter.memory.size() } else { 0 };
            self.note(size_of::<CallTraceStep>() + stack + memory);
        }
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_LOOK) && (self.bounds.out_of_time)() {
            self.breach.get_or_insert(Breach::Time);
        }
        if self.breach.is_some() {
            // Seen by the handler as a fault of ours, so that nothing is charged or answered for the rest.
            *context.error() = Err(ContextError::Custom("trace ended".into()));
            interpreter.bytecode.reset_action();
            interpreter.halt_fatal();
        }
    }

    fn log(&mut self, _: &mut CTX, log: Log) {
        self.note(size_of::<Log>() + log.data.data.len());
    }

    fn call(&mut self, _: &mut CTX, _: &mut CallInputs) -> Option<CallOutcome> {
        self.note(size_of::<CallTraceNode>());
        None
    }

    fn create(&mut self, _: &mut CTX, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.note(size_of::<CallTraceNode>());
        None
    }
}
