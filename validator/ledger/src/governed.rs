//! What nodes read of the governance contract beside what consensus reads.

use crate::{
    Ledger, LedgerError,
    consensus::SUCCESSORS,
    ledger::{Chain, Head},
};
use alloy_primitives::{Address, B256, B512, keccak256};
use alloy_sol_types::SolCall;
use chain::{
    genesis::Selection,
    governance::{
        GOVERNANCE,
        Governance::{membersCall, nodeIdsCall, seatsCall},
        MemberView, Seat,
    },
};

impl Ledger {
    /// Changes whenever the governance contract's storage does; none where the next height is not governed by it. Cheap.
    pub fn governance_mark(&self) -> Result<Option<B256>, LedgerError> {
        let head = self.chain.head();
        let Some(contract) = head.contract_in_force(&self.chain)? else { return Ok(None) };
        Ok(head.view.account(&keccak256(contract))?.map(|account| account.storage_root))
    }

    /// The members in the state after the head.
    pub fn members(&self) -> Result<Vec<MemberView>, LedgerError> {
        self.governed(&membersCall {})
    }

    /// The seats in the state after the head.
    pub fn seats(&self) -> Result<Vec<Seat>, LedgerError> {
        self.governed(&seatsCall {})
    }

    /// What the governance contract of the next height answers; nothing where there is none.
    fn governed<T, C: SolCall<Return = Vec<T>>>(&self, call: &C) -> Result<Vec<T>, LedgerError> {
        let head = self.chain.head();
        match head.contract_in_force(&self.chain)? {
            Some(contract) => head.ask(&self.chain, contract, call),
            None => Ok(Vec::new()),
        }
    }

    /// Node ids that the members listed in the governance contract, in the state after the head.
    pub fn node_ids(&self) -> Result<Vec<B512>, LedgerError> {
        let (chain, head) = (&*self.chain, self.chain.head());
        let Some(contract) = head.contract_in_force(chain)? else { return Ok(Vec::new()) };
        let mut ids = Vec::new();
        for member in head.members(chain, contract)? {
            let call = nodeIdsCall { member: member.id };
            for id in head.ask(chain, contract, &call)? {
                let mut bytes = B512::ZERO;
                bytes[..32].copy_from_slice(id.x.as_slice());
                bytes[32..].copy_from_slice(id.y.as_slice());
                ids.push(bytes);
            }
        }
        Ok(ids)
    }
}

impl Head {
    /// The governance contract of the next height, or the successor that a vote named and that is in force.
    pub(crate) fn contract_in_force(&self, chain: &Chain) -> Result<Option<Address>, LedgerError> {
        let height = self.info.number.saturating_add(1);
        if chain.genesis.schedule.at(height).selection != Selection::Contract(GOVERNANCE) {
            return Ok(None);
        }
        let mut contract = GOVERNANCE;
        for _ in 0..SUCCESSORS {
            let view = self.parameters_at(chain, contract, height)?;
            if view.successor.location.is_zero() || view.successor.atBlock > height {
                return Ok(Some(contract));
            }
            contract = view.successor.location;
        }
        Err(self.fault(contract, format!("more than {SUCCESSORS} contracts succeed one another")))
    }

    /// The members in this state.
    pub(crate) fn members(&self, chain: &Chain, contract: Address) -> Result<Vec<MemberView>, LedgerError> {
        self.ask(chain, contract, &membersCall {})
    }

    fn ask<C: SolCall>(&self, chain: &Chain, contract: Address, call: &C) -> Result<C::Return, LedgerError> {
        let output = self.consensus_call(chain, contract, call.abi_encode())?;
        C::abi_decode_returns(&output)
            .map_err(|error| self.fault(contract, format!("{}: {error}", C::SIGNATURE)))
    }
}
