//! What a block does beside its transactions, as a value that the rules work out and the executor carries out.

use super::{block::engine, env, overlay::Overlay, reseat};
use crate::{BlockBody, LedgerError, Receipt, ethereum::requests, ledger::Chain, store::view::StateView};
use alloy_consensus::Header;
use alloy_eips::{
    eip6110::DEPOSIT_REQUEST_TYPE,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::genesis::{Engine, Genesis};
use revm::{Context, MainBuilder, MainContext, SystemCallCommitEvm};

/// System calls before and after, and what is paid out of nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SystemOperations {
    /// Contracts called before the first transaction, with their input (EIP-4788, EIP-2935).
    pub(crate) before: Vec<(Address, Bytes)>,
    /// The deposit contract, where requests are gathered after the last transaction (EIP-7685).
    pub(crate) requests_from: Option<Address>,
    /// Paid at the end; nothing paid still touches the account.
    pub(crate) credits: Vec<Credit>,
    /// Whether an account that is touched and empty is removed (EIP-161).
    pub(crate) clears_empty: bool,
}

/// A payment out of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credit {
    pub(crate) to: Address,
    pub(crate) wei: U256,
}

impl SystemOperations {
    /// Those of a block of this chain.
    pub(crate) fn of(genesis: &Genesis, header: &Header, body: &BlockBody) -> Self {
        match genesis.engine {
            Engine::Qbft => qbft(genesis, header),
            Engine::Ethereum => crate::ethereum::operations::of(genesis, header, body),
        }
    }

    /// Makes the calls that come before the first transaction, after seats were written that the header names. No code at a contract, or one that fails, changes nothing
    /// and is nobody's fault (EIP-4788, EIP-2935).
    pub(crate) fn begin<'a>(
        &self,
        overlay: Overlay<'a>,
        chain: &Chain,
        header: &Header,
    ) -> Result<Overlay<'a>, LedgerError> {
        let overlay = reseat::write(overlay, chain, header)?;
        if self.before.is_empty() {
            return Ok(overlay);
        }
        let context = Context::mainnet()
            .with_db(overlay)
            .with_cfg(env::config(&chain.genesis, header.number, header.timestamp))
            .with_block(env::block(&chain.genesis, header));
        let mut evm = context.build_mainnet();
        for (contract, input) in &self.before {
            evm.system_call_commit(*contract, input.clone()).map_err(engine)?;
        }
        Ok(evm.ctx.journaled_state.database)
    }
}

impl SystemOperations {
    /// Withdrawals and rewards paid.
    pub(crate) fn credited<'a>(&self, mut overlay: Overlay<'a>) -> Result<Overlay<'a>, LedgerError> {
        for credit in &self.credits {
            overlay.credit(credit.to, credit.wei, self.clears_empty)?;
        }
        Ok(overlay)
    }

    /// Gathers the requests of a block that nobody will check: a contract without code has none, and a deposit that
    /// cannot be read is none. Gives the state afterwards and their hash (EIP-7685).
    pub(crate) fn gather<'a>(
        &self,
        overlay: Overlay<'a>,
        chain: &Chain,
        header: &Header,
        receipts: &[Receipt],
    ) -> Result<(Overlay<'a>, Option<B256>), LedgerError> {
        let Some(contract) = self.requests_from else { return Ok((overlay, None)) };
        let mut requests =
            vec![(DEPOSIT_REQUEST_TYPE, requests::deposits(contract, receipts).unwrap_or_default())];
        let context = Context::mainnet()
            .with_db(overlay)
            .with_cfg(env::config(&chain.genesis, header.number, header.timestamp))
            .with_block(env::block(&chain.genesis, header));
        let mut evm = context.build_mainnet();
        for (kind, queue) in [
            (WITHDRAWAL_REQUEST_TYPE, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
            (CONSOLIDATION_REQUEST_TYPE, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
        ] {
            let result = evm.system_call_commit(queue, Bytes::new()).map_err(engine)?;
            let output = if result.is_success() { result.into_output() } else { None };
            requests.push((kind, output.unwrap_or_default().to_vec()));
        }
        Ok((evm.ctx.journaled_state.database, Some(requests::hash(&requests))))
    }
}

/// The state of `view` as the first transaction of the block of `header` finds it.
pub(crate) fn begun<'a>(
    chain: &'a Chain,
    view: &'a StateView,
    header: &Header,
) -> Result<Overlay<'a>, LedgerError> {
    let operations = SystemOperations::of(&chain.genesis, header, &BlockBody::default());
    operations.begin(Overlay::new(view, chain), chain, header)
}

/// No system calls, whatever the fork: Besu from 26.1 on runs none on chains of this kind (`node-facts` E.4). A reward
/// where the genesis names one; nothing is touched for nothing.
fn qbft(genesis: &Genesis, header: &Header) -> SystemOperations {
    let settings = genesis.schedule.at(header.number);
    let to = settings.reward_beneficiary.unwrap_or(header.beneficiary);
    let reward = Credit { to, wei: settings.block_reward };
    SystemOperations {
        credits: Some(reward).filter(|reward| !reward.wei.is_zero()).into_iter().collect(),
        clears_empty: true,
        ..SystemOperations::default()
    }
}
