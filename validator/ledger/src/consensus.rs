//! What consensus reads from the state after the head.

use crate::{
    CallStatus, Ledger, LedgerError, Parameters,
    call::run_call,
    ledger::{Chain, Head},
};
use alloy_primitives::Address;
use alloy_sol_types::{SolCall, sol};
use chain::Extra;
use std::sync::Arc;

sol! {
    /// The one function that consensus calls (`qbft-facts` §4.2).
    function getValidators() external view returns (address[]);
}

/// Gas of consensus calls: part of the rules, so not the operator's to choose.
pub(crate) const CONSENSUS_CALL_GAS: u64 = 50_000_000;

impl Ledger {
    /// The validators of head + 1, ascending.
    pub fn validators(&self) -> Result<Vec<Address>, LedgerError> {
        Ok(self.chain.head().validators(&self.chain)?.to_vec())
    }

    /// The parameters of head + 1.
    pub fn parameters(&self) -> Result<Parameters, LedgerError> {
        self.chain.head().parameters(&self.chain)
    }
}

impl Head {
    /// The validators of the next height, worked out once per head.
    pub(crate) fn validators(&self, chain: &Chain) -> Result<Arc<[Address]>, LedgerError> {
        if let Some(known) = self.validators.get() {
            return Ok(Arc::clone(known));
        }
        let mut validators = match chain.genesis.qbft.validatorcontractaddress {
            Some(contract) => self.contract_validators(chain, contract)?,
            None => self.header_validators()?,
        };
        validators.sort_unstable();
        validators.dedup();
        Ok(Arc::clone(self.validators.get_or_init(|| validators.into())))
    }

    /// Parameters of the next height: those of the genesis.
    pub(crate) fn parameters(&self, chain: &Chain) -> Result<Parameters, LedgerError> {
        let qbft = &chain.genesis.qbft;
        Ok(Parameters {
            block_period_s: qbft.blockperiodseconds,
            request_timeout_ms: qbft.request_timeout_ms(),
            gas_limit_target: chain.genesis.header.gas_limit,
        })
    }

    fn contract_validators(&self, chain: &Chain, contract: Address) -> Result<Vec<Address>, LedgerError> {
        let output = self.consensus_call(chain, contract, getValidatorsCall {}.abi_encode())?;
        let fault = |reason| LedgerError::ValidatorContract { contract, block: self.info.number, reason };
        let validators = getValidatorsCall::abi_decode_returns(&output)
            .map_err(|error| fault(format!("answer is no list of addresses: {error}")))?;
        if validators.is_empty() { Err(fault("answers an empty list".to_string())) } else { Ok(validators) }
    }

    /// Calls a contract on this state as consensus does: from the zero address, in the environment of this block.
    fn consensus_call(
        &self,
        chain: &Chain,
        to: Address,
        data: Vec<u8>,
    ) -> Result<alloy_primitives::Bytes, LedgerError> {
        let request = crate::CallRequest { to: Some(to), data: data.into(), ..crate::CallRequest::default() };
        let fault = |reason| LedgerError::ValidatorContract { contract: to, block: self.info.number, reason };
        let outcome = run_call(chain, &self.view, &self.info.header, &request, CONSENSUS_CALL_GAS);
        match outcome {
            Ok(outcome) if outcome.status == CallStatus::Success => Ok(outcome.output),
            Ok(outcome) => Err(fault(format!("ended with {:?} {}", outcome.status, outcome.output))),
            Err(crate::CallError::Ledger(error)) => Err(error),
            Err(error) => Err(fault(error.to_string())),
        }
    }

    fn header_validators(&self) -> Result<Vec<Address>, LedgerError> {
        let extra = Extra::decode_exact(&self.info.header.extra_data);
        extra
            .map(|extra| extra.validators)
            .map_err(|_| LedgerError::Corrupt { what: "extra data of the head" })
    }
}
