//! What a message runs on: a state that nobody else sees, the rules and the block around it.

use super::{CallRequest, overrides, precompiles::MovablePrecompiles};
use crate::{
    CallError, LedgerError, Overrides,
    execute::{env, overlay::Overlay, system},
    ledger::Chain,
    store::view::StateView,
};
use alloy_consensus::Header;
use alloy_primitives::U256;
use revm::{
    Context, Database, MainContext,
    context::{BlockEnv, CfgEnv, Evm, TxEnv, result::EVMError},
    handler::{EthFrame, MainnetContext, instructions::EthInstructions},
    interpreter::interpreter::EthInterpreter,
};
use std::collections::BTreeMap;

/// The EVM of a call, with whatever looks on.
pub(crate) type CallEvm<'a, I> = Evm<
    MainnetContext<Overlay<'a>>,
    I,
    EthInstructions<EthInterpreter, MainnetContext<Overlay<'a>>>,
    MovablePrecompiles,
    EthFrame<EthInterpreter>,
>;

/// State, rules, block and precompiles.
pub(crate) struct Scene<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) overlay: Overlay<'a>,
    pub(crate) config: CfgEnv,
    pub(crate) block: BlockEnv,
    pub(crate) precompiles: MovablePrecompiles,
}

impl<'a> Scene<'a> {
    /// The state of `view` in the environment of `header`, as a block would be executed there.
    pub(crate) fn new(chain: &'a Chain, view: &'a StateView, header: &Header) -> Self {
        Self::over(chain, Overlay::new(view, chain), header)
    }

    /// The state of `view` as the first transaction of the block of `header` finds it.
    pub(crate) fn begun(chain: &'a Chain, view: &'a StateView, header: &Header) -> Result<Self, LedgerError> {
        Ok(Self::over(chain, system::begun(chain, view, header)?, header))
    }

    /// The same on a state that was worked on before.
    pub(crate) fn over(chain: &'a Chain, overlay: Overlay<'a>, header: &Header) -> Self {
        let config = env::config(&chain.genesis, header.number, header.timestamp);
        Self {
            chain,
            overlay,
            precompiles: MovablePrecompiles::new(*config.spec()),
            config,
            block: env::block(&chain.genesis, header),
        }
    }

    /// The same with `overrides`, rules following the block they make.
    pub(crate) fn overridden(mut self, wanted: &Overrides) -> Result<Self, CallError> {
        overrides::block(&mut self.block, &wanted.block)?;
        let (number, time) = (self.block.number.saturating_to(), self.block.timestamp.saturating_to());
        self.config = env::config(&self.chain.genesis, number, time);
        self.precompiles = MovablePrecompiles::new(*self.config.spec());
        if let Some(hashes) = wanted.block.block_hash.clone().or(wanted.block.number.map(|_| BTreeMap::new()))
        {
            self.overlay.set_block_hashes(hashes);
        }
        overrides::state(&mut self.overlay, &mut self.precompiles, &wanted.state)?;
        Ok(self)
    }

    /// Checks off that only a real transaction must pass, as go-ethereum's `eth_call` has them.
    pub(crate) fn lenient(mut self) -> Self {
        self.config.disable_nonce_check = true;
        self.config.disable_eip3607 = true;
        self.config.disable_block_gas_limit = true;
        self.config.tx_gas_limit_cap = Some(u64::MAX);
        self
    }

    /// The message as the EVM takes it. One without a price pays none, and then sees a base fee of zero.
    pub(crate) fn message(&mut self, request: &CallRequest, gas: u64) -> Result<TxEnv, LedgerError> {
        let caller = request.from.unwrap_or_default();
        let nonce = match request.nonce {
            Some(nonce) => nonce,
            None => self.overlay.nonce(caller)?,
        };
        let price = request.max_fee_per_gas.or(request.gas_price).unwrap_or_default();
        if price == 0 {
            self.config.disable_base_fee = true;
            self.block.basefee = 0;
        }
        if request.max_fee_per_blob_gas.unwrap_or_default() == 0
            && let Some(blobs) =
                self.block.blob_excess_gas_and_price.as_mut().filter(|_| request.blob_hashes.is_some())
        {
            blobs.blob_gasprice = 0;
        }
        Ok(super::transaction(request, self.config.chain_id, caller, nonce, gas, price))
    }

    /// Gas that the sender can pay at the price of the message, its value set aside.
    pub(crate) fn affordable(&mut self, message: &TxEnv) -> Result<u64, CallError> {
        if message.gas_price == 0 {
            return Ok(u64::MAX);
        }
        let balance = self.overlay.basic(message.caller)?.unwrap_or_default().balance;
        let left = balance.checked_sub(message.value).ok_or(CallError::TransferFunds)?;
        Ok((left / U256::from(message.gas_price)).saturating_to())
    }

    /// The EVM on this scene.
    pub(crate) fn evm<I>(self, inspector: I) -> CallEvm<'a, I> {
        let instructions = EthInstructions::new_mainnet_with_spec(*self.config.spec());
        let context = Context::mainnet().with_db(self.overlay).with_cfg(self.config).with_block(self.block);
        Evm::new_with_inspector(context, inspector, instructions, self.precompiles)
    }
}

/// What the EVM could not run, told apart by whose fault it is.
pub(crate) fn call_error(error: EVMError<LedgerError>) -> CallError {
    match error {
        EVMError::Transaction(reason) => CallError::Invalid(reason),
        EVMError::Database(error) => CallError::Ledger(error),
        other => CallError::Ledger(LedgerError::Engine(other.to_string())),
    }
}

/// A 256-bit quantity that must fit 64 bits to mean anything here.
pub(crate) fn word(name: &'static str, value: U256) -> Result<u64, CallError> {
    u64::try_from(value).map_err(|_| CallError::Override(format!("{name} {value} is larger than 64 bits")))
}
