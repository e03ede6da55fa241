//! What consensus reads from the state after the head.

use crate::{
    CallError, CallRequest, CallStatus, HeadInfo, Ledger, LedgerError, Parameters,
    call::run_call,
    ledger::{Chain, Head},
    trie::root::StateDiff,
};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolCall;
use chain::{
    genesis::{Engine, Selection},
    governance::{
        GOVERNANCE,
        Governance::{getValidatorsCall, parametersAtCall},
        Hardfork, ParametersView, governance_code,
    },
};
use std::sync::{Arc, LazyLock, OnceLock};

/// Gas of consensus calls: part of the rules, so not the operator's to choose.
pub(crate) const CONSENSUS_CALL_GAS: u64 = 50_000_000;

/// Contracts that one may name as its successor in turn, at most: an upgrade is a vote, and rare.
pub(crate) const SUCCESSORS: usize = 16;

/// Forks that every network of ours has from block 0, so that scheduling one changes nothing.
const ACTIVE_FORKS: [&str; 4] = ["shanghai", "cancun", "prague", "osaka"];

/// Hash of the governance contract that we ship.
pub(crate) static KNOWN_CODE: LazyLock<B256> = LazyLock::new(|| keccak256(governance_code()));

/// What the next height takes from the state after this block, worked out once per head.
#[derive(Clone)]
pub(crate) struct NextHeight {
    pub(crate) validators: Arc<[Address]>,
    pub(crate) parameters: Parameters,
    /// The same answer holds for every later height until the governance contract's account changes.
    pub(crate) lasting: bool,
    /// A scheduled fork that this version does not know; it runs up to it.
    unknown_fork: Option<ScheduledFork>,
}

/// A hardfork that a vote scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledFork {
    /// As the vote named it.
    pub name: String,
    /// First block.
    pub block: u64,
}

/// What the governance contract gives for a height.
struct Governed {
    validators: Vec<Address>,
    parameters: Parameters,
    lasting: bool,
    unknown_fork: Option<ScheduledFork>,
}

impl Governed {
    /// What is asked anew at every height, and schedules nothing.
    const fn of(validators: Vec<Address>, parameters: Parameters) -> Self {
        Self { validators, parameters, lasting: false, unknown_fork: None }
    }
}

impl Ledger {
    /// The validators of head + 1, ascending; those of the record that this node took up, if it did.
    pub fn validators(&self) -> Result<Vec<Address>, LedgerError> {
        let head = self.chain.head();
        match self.chain.adopted_on(&head) {
            Some(adopted) => Ok(adopted.validators.to_vec()),
            None => Ok(head.validators(&self.chain)?.to_vec()),
        }
    }

    /// The parameters of head + 1.
    pub fn parameters(&self) -> Result<Parameters, LedgerError> {
        self.chain.head().parameters(&self.chain)
    }

    /// The first fork scheduled above head + 1 that this version does not know: the node has to be upgraded before it.
    pub fn unknown_fork(&self) -> Result<Option<ScheduledFork>, LedgerError> {
        Ok(self.chain.head().next(&self.chain)?.unknown_fork.clone())
    }
}

impl Head {
    /// The validators of the next height.
    pub(crate) fn validators(&self, chain: &Chain) -> Result<Arc<[Address]>, LedgerError> {
        Ok(Arc::clone(&self.next(chain)?.validators))
    }

    /// The parameters of the next height.
    pub(crate) fn parameters(&self, chain: &Chain) -> Result<Parameters, LedgerError> {
        Ok(self.next(chain)?.parameters)
    }

    fn next(&self, chain: &Chain) -> Result<&NextHeight, LedgerError> {
        if let Some(next) = self.next.get() {
            return Ok(next);
        }
        let height = self.info.number + 1;
        if chain.genesis.engine == Engine::Ethereum {
            let next = NextHeight {
                validators: Arc::new([]),
                parameters: scheduled_parameters(chain, height),
                lasting: false,
                unknown_fork: None,
            };
            return Ok(self.next.get_or_init(|| next));
        }
        let Governed { mut validators, parameters, lasting, unknown_fork } =
            match chain.genesis.schedule.at(height).selection {
                Selection::Contract(GOVERNANCE) => self.governed(chain)?,
                Selection::Contract(contract) => Governed::of(
                    self.contract_validators(chain, contract)?,
                    scheduled_parameters(chain, height),
                ),
                Selection::Header => Governed::of(
                    self.tally(chain)?.validators().to_vec(),
                    scheduled_parameters(chain, height),
                ),
            };
        validators.sort_unstable();
        validators.dedup();
        let validators = validators.into();
        Ok(self.next.get_or_init(|| NextHeight { validators, parameters, lasting, unknown_fork }))
    }

    /// Validators and parameters by the governance contract, or the successor that a vote named and that is in force.
    fn governed(&self, chain: &Chain) -> Result<Governed, LedgerError> {
        let height = self.info.number + 1;
        let mut contract = GOVERNANCE;
        for _ in 0..SUCCESSORS {
            let view = self.parameters_at(chain, contract, height)?;
            if !view.successor.location.is_zero() && view.successor.atBlock <= height {
                contract = view.successor.location;
                continue;
            }
            let unknown_fork = check_hardforks(&view.hardforks, height)?;
            let parameters = Parameters {
                block_period_s: view.blockPeriodSeconds,
                min_period_s: view.blockPeriodSeconds,
                empty_block_period_s: 0,
                request_timeout_ms: view.requestTimeoutMillis,
                gas_limit_target: view.gasLimit,
            };
            let lasting = contract == GOVERNANCE && self.is_lasting(chain, &view)?;
            let validators = self.contract_validators(chain, contract)?;
            return Ok(Governed { validators, parameters, lasting, unknown_fork });
        }
        Err(self.fault(contract, format!("more than {SUCCESSORS} contracts succeed one another")))
    }

    /// Whether nothing is scheduled that a later height brings into force by itself. Asked only of the code we know: it
    /// keeps one change per parameter, so what holds at this height and at the last one holds at all between.
    fn is_lasting(&self, chain: &Chain, view: &ParametersView) -> Result<bool, LedgerError> {
        let height = self.info.number + 1;
        let account = self.view.account(&keccak256(GOVERNANCE))?;
        let is_known = account.is_some_and(|account| account.code_hash == *KNOWN_CODE);
        let in_force = view.hardforks.iter().all(|fork| fork.atBlock <= height);
        if !is_known || !in_force || !view.successor.location.is_zero() {
            return Ok(false);
        }
        Ok(self.parameters_at(chain, GOVERNANCE, u64::MAX)? == *view)
    }

    pub(crate) fn parameters_at(
        &self,
        chain: &Chain,
        contract: Address,
        height: u64,
    ) -> Result<ParametersView, LedgerError> {
        let output = self.consensus_call(chain, contract, parametersAtCall { height }.abi_encode())?;
        let view = parametersAtCall::abi_decode_returns(&output);
        let view = view.map_err(|error| self.fault(contract, format!("parametersAt: {error}")))?;
        if view.blockPeriodSeconds == 0 {
            return Err(self.fault(contract, "answers a block period of 0".to_string()));
        }
        Ok(view)
    }

    fn contract_validators(&self, chain: &Chain, contract: Address) -> Result<Vec<Address>, LedgerError> {
        let output = self.consensus_call(chain, contract, getValidatorsCall {}.abi_encode())?;
        let validators = getValidatorsCall::abi_decode_returns(&output);
        let validators =
            validators.map_err(|error| self.fault(contract, format!("getValidators: {error}")))?;
        if validators.is_empty() {
            return Err(self.fault(contract, "answers an empty list of validators".to_string()));
        }
        Ok(validators)
    }

    /// Calls a contract on this state as consensus does: from the zero address, in the environment of this block.
    pub(crate) fn consensus_call(
        &self,
        chain: &Chain,
        to: Address,
        data: Vec<u8>,
    ) -> Result<Bytes, LedgerError> {
        let request = CallRequest { to: Some(to), data: data.into(), ..CallRequest::default() };
        match run_call(chain, &self.view, &self.info.header, &request, CONSENSUS_CALL_GAS) {
            Ok(outcome) if outcome.status == CallStatus::Success => Ok(outcome.output),
            Ok(outcome) => Err(self.fault(to, format!("ended with {:?} {}", outcome.status, outcome.output))),
            Err(CallError::Ledger(error)) => Err(error),
            Err(error) => Err(self.fault(to, error.to_string())),
        }
    }

    pub(crate) fn fault(&self, contract: Address, reason: String) -> LedgerError {
        LedgerError::ValidatorContract { contract, block: self.info.number, reason }
    }
}

/// What the genesis and its transitions say of a height. A proposer waits for the longer of the two periods.
fn scheduled_parameters(chain: &Chain, height: u64) -> Parameters {
    let settings = chain.genesis.schedule.at(height);
    Parameters {
        block_period_s: settings.block_period_s.max(settings.min_period_s),
        min_period_s: settings.min_period_s,
        empty_block_period_s: settings.empty_block_period_s,
        request_timeout_ms: settings.request_timeout_ms,
        gas_limit_target: settings.gas_limit_target.unwrap_or(chain.genesis.header.gas_limit),
    }
}

/// Stops before a fork that this version does not know, rather than run on by the old rules; the first such one to come.
fn check_hardforks(hardforks: &[Hardfork], height: u64) -> Result<Option<ScheduledFork>, LedgerError> {
    let named = hardforks.iter().map(|fork| ScheduledFork {
        name: String::from_utf8_lossy(fork.name.as_slice()).trim_end_matches('\0').to_string(),
        block: fork.atBlock,
    });
    let unknown = named.filter(|fork| !ACTIVE_FORKS.contains(&fork.name.as_str()));
    match unknown.min_by_key(|fork| fork.block) {
        Some(ScheduledFork { name, block }) if block <= height => {
            Err(LedgerError::UnknownHardfork { name, block })
        }
        upcoming => Ok(upcoming),
    }
}

impl Chain {
    /// What the head after `parent` knows of its next height before anybody asks.
    pub(crate) fn carried(&self, parent: &Head, info: &HeadInfo, diff: &StateDiff) -> OnceLock<NextHeight> {
        let selection = self.genesis.schedule.at(info.number.saturating_add(1)).selection;
        let governance = keccak256(GOVERNANCE);
        let is_untouched =
            || diff.accounts.binary_search_by_key(&governance, |change| change.account).is_err();
        let known = parent
            .next
            .get()
            .filter(|next| next.lasting && selection == Selection::Contract(GOVERNANCE) && is_untouched());
        known.cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduled_fork_that_is_not_known_stops_the_node_at_its_block() {
        let fork = |name: &str| [Hardfork { name: B256::right_padding_from(name.as_bytes()), atBlock: 100 }];
        let upcoming = check_hardforks(&fork("amsterdam"), 99).unwrap();
        assert_eq!(upcoming, Some(ScheduledFork { name: "amsterdam".to_string(), block: 100 }));
        let error = check_hardforks(&fork("amsterdam"), 100).unwrap_err();
        assert!(
            matches!(error, LedgerError::UnknownHardfork { ref name, block: 100 } if name == "amsterdam")
        );
        assert_eq!(check_hardforks(&fork("osaka"), 99).unwrap(), None);
        assert_eq!(check_hardforks(&fork("osaka"), 100).unwrap(), None);
    }
}
