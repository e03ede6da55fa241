//! Logs in the order they happen, with one for each transfer of ether, those of frames that fail taken out again.

use alloy_primitives::{Address, B256, Log, LogData, U256};
use revm::{
    Inspector,
    bytecode::opcode::SELFDESTRUCT,
    context::{ContextTr, JournalTr},
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, CreateScheme, Interpreter,
        interpreter_types::{InputsTr, Jumps},
    },
};
use revm_inspectors::transfer::{TRANSFER_EVENT_TOPIC, TRANSFER_LOG_EMITTER};

/// Collects the logs of one call at a time.
pub(super) struct Transfers {
    /// Whether transfers have logs.
    wanted: bool,
    logs: Vec<Log>,
    /// How many logs there were when each open frame began.
    frames: Vec<usize>,
}

impl Transfers {
    pub(super) const fn new(wanted: bool) -> Self {
        Self { wanted, logs: Vec::new(), frames: Vec::new() }
    }

    /// The logs of the call that ended, which must be dropped unless it succeeded.
    pub(super) fn take(&mut self) -> Vec<Log> {
        self.frames.clear();
        std::mem::take(&mut self.logs)
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if self.wanted && !value.is_zero() {
            let topics = vec![TRANSFER_EVENT_TOPIC, from.into_word(), to.into_word()];
            let data = LogData::new_unchecked(topics, B256::from(value).into());
            self.logs.push(Log { address: TRANSFER_LOG_EMITTER, data });
        }
    }

    fn close(&mut self, succeeded: bool) {
        let before = self.frames.pop().unwrap_or_default();
        if !succeeded {
            self.logs.truncate(before);
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Transfers {
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        if !self.wanted || interpreter.bytecode.opcode() != SELFDESTRUCT {
            return;
        }
        let own = interpreter.input.target_address();
        let Ok(heir) = interpreter.stack.peek(0) else { return };
        let heir = Address::from_word(B256::from(heir));
        // A read that fails here fails in the instruction too, and ends the call.
        if let Ok(account) = context.journal_mut().load_account(own) {
            let balance = account.data.info.balance;
            self.transfer(own, heir, balance);
        }
    }

    fn log(&mut self, _: &mut CTX, log: Log) {
        self.logs.push(log);
    }

    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.frames.push(self.logs.len());
        if let Some(value) = inputs.transfer_value() {
            self.transfer(inputs.transfer_from(), inputs.transfer_to(), value);
        }
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.close(outcome.result.is_ok());
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.frames.push(self.logs.len());
        if self.wanted
            && !matches!(inputs.scheme(), CreateScheme::Custom { .. })
            && let Ok(caller) = context.journal_mut().load_account(inputs.caller())
        {
            let created = inputs.created_address(caller.data.info.nonce);
            self.transfer(inputs.caller(), created, inputs.value());
        }
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.close(outcome.result.is_ok());
    }
}
