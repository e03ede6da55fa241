//! Which accounts and slots a message touches (`eth_createAccessList`).

use super::{
    CallRequest, CallStatus, Overrides, outcome,
    scene::{Scene, call_error},
    timer::Timer,
};
use crate::{At, CallError, Ledger};
use alloy_eips::eip2930::AccessList;
use revm::InspectEvm;
use revm_inspectors::access_list::AccessListInspector;

/// Runs until the list no longer changes; what is warm changes what is run only in contracts that look at their gas.
const MAX_RUNS: usize = 8;

/// What a message touched, its list given along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// Accounts and slots, without sender, callee and precompiles.
    pub list: AccessList,
    /// With the list given along.
    pub gas_used: u64,
    /// How the last run ended.
    pub status: CallStatus,
}

impl Ledger {
    /// Runs a message with the list of what it touched before, until nothing is missing or time is up.
    pub fn create_access_list(
        &self,
        request: &CallRequest,
        at: At,
        overrides: &Overrides,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<AccessListOutcome, CallError> {
        let (view, header) = self.state(at)?;
        let gas = self.call_gas(request)?;
        let mut list = request.access_list.clone().unwrap_or_default();
        let mut runs = 0;
        loop {
            let mut scene = Scene::new(&self.chain, &view, &header).overridden(overrides)?.lenient();
            let request = CallRequest { access_list: Some(list.clone()), ..request.clone() };
            let message = scene.message(&request, gas)?;
            let timer = Timer::new(out_of_time);
            timer.check()?;
            let mut evm = scene.evm((timer, AccessListInspector::new(list.clone())));
            let ran = evm.inspect_one_tx(message);
            let (timer, inspector) = evm.into_inspector();
            if timer.is_up() {
                return Err(CallError::OutOfTime);
            }
            let (ran, touched) = (outcome(ran.map_err(call_error)?), inspector.into_access_list());
            runs += 1;
            if touched == list || runs == MAX_RUNS {
                return Ok(AccessListOutcome { list: touched, gas_used: ran.gas_used, status: ran.status });
            }
            list = touched;
        }
    }
}
