//! The ledgers of one network, and the observer's.

use super::{
    RealBlock,
    accounts::{Accounts, CHAIN_ID},
    store::{Store, StoreError},
};
use crate::{
    flavour::{Rules, Sealed},
    governance::{
        Call, Model, Parameter,
        consortium::{Consortium, Course},
    },
    scenario::Scenario,
    world::EPOCH_MS,
};
use alloy_primitives::{Address, B256, TxHash};
use chain::{
    genesis::{Genesis, GenesisError, GenesisSpec, MessageEncoding, QbftConfig, render},
    governance::{GOVERNANCE, GenesisGovernance, GovernanceError, predeploys},
    hash::ProposalRound,
};
use ledger::{At, CommitError, Ledger, LedgerError};
use qbft::Proposal as _;
use std::{collections::HashMap, sync::Arc};

/// Why a network cannot be made, or what a ledger did that no ledger may.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The genesis.
    #[error(transparent)]
    Governance(#[from] GovernanceError),
    /// The genesis.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The genesis.
    #[error("genesis file: {0}")]
    Render(#[from] serde_json::Error),
    /// A directory or its ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A final block is refused: bad seals, another execution, another state root.
    #[error("final block refused: {0}")]
    Commit(#[from] CommitError),
    /// `extraData` that is not QBFT's, in a block of ours.
    #[error("extra data: {0}")]
    ExtraData(#[from] alloy_rlp::Error),
    /// A proposer did not walk to the voted gas limit.
    #[error("block {height} has gas limit {is} after {was}, the voted one being {target}")]
    GasLimit {
        /// Of the block.
        height: u64,
        /// Before it.
        was: u64,
        /// Its own.
        is: u64,
        /// By the reference model.
        target: u64,
    },
    /// The contract and the reference model differ.
    #[error("after block {height} the contract says {contract}, the reference model {model}")]
    Model {
        /// After which block.
        height: u64,
        /// Validators and parameters.
        contract: String,
        /// Validators and parameters.
        model: String,
    },
    /// Something went wrong earlier.
    #[error("{0}")]
    Before(String),
    /// A block that the ledger should have is not there.
    #[error("block {height} is missing")]
    Missing {
        /// Which.
        height: u64,
    },
}

/// A network of real ledgers.
pub struct RealChain {
    pub(super) accounts: Accounts,
    pub(super) consortium: Consortium,
    pub(super) genesis: Genesis,
    pub(super) first: RealBlock,
    pub(super) nodes: Vec<(Store, Ledger)>,
    /// Votes nowhere, and takes every final block as a syncing node would.
    pub(super) observer: (Store, Ledger),
    /// What the reference model makes of the chain, by block hash.
    pub(super) models: HashMap<B256, Arc<Model>>,
    /// What the observer's contract says of the height after a block.
    pub(super) rules: HashMap<B256, Rules>,
    /// Transactions made, by hash.
    pub(super) calls: HashMap<TxHash, (Address, Call)>,
    /// What went wrong, and at which node, where it could not be told.
    pub(super) fault: Option<(usize, String)>,
}

impl RealChain {
    /// The scenario's nodes, each with a fresh ledger.
    pub fn new(scenario: &Scenario) -> Result<Self, Fault> {
        let course = scenario.course.unwrap_or(Course::fixed(scenario.seats));
        let accounts = Accounts::new(scenario.seats);
        let consortium = Consortium::new(course, accounts.cast.clone(), scenario);
        let governance = consortium.genesis(scenario.period_ms / 1_000, scenario.request_timeout_ms);
        let genesis = genesis(&governance)?;
        let observer = Store::create(&genesis)?;
        let nodes = (0..scenario.nodes()).map(|_| Store::create(&genesis)).collect::<Result<_, _>>()?;
        let first = observer.1.block(At::Head)?.ok_or(Fault::Missing { height: 0 })?;
        let first = RealBlock::new(Arc::new(first))?;
        let mut chain = Self {
            models: [(first.hash(), Arc::new(Model::genesis(&governance)))].into(),
            rules: HashMap::new(),
            calls: HashMap::new(),
            fault: None,
            accounts,
            consortium,
            genesis,
            first,
            nodes,
            observer,
        };
        chain.compare(0, chain.first.hash())?;
        Ok(chain)
    }

    /// The reference model's state after a final block.
    #[must_use]
    pub fn model(&self, hash: B256) -> Option<&Model> {
        self.models.get(&hash).map(Arc::as_ref)
    }

    /// What went wrong since the last import, and at which node.
    #[must_use]
    pub fn fault(&self) -> Option<(usize, &str)> {
        self.fault.as_ref().map(|(node, reason)| (*node, reason.as_str()))
    }

    /// The ledger of a node.
    #[must_use]
    pub fn ledger(&self, node: usize) -> Option<&Ledger> {
        self.nodes.get(node).map(|(_, ledger)| ledger)
    }

    /// The ledger that no validator writes.
    #[must_use]
    pub const fn observer(&self) -> &Ledger {
        &self.observer.1
    }

    /// A final block becomes durable at a node, and at the observer if it is the first to have it.
    pub(super) fn commit(&mut self, node: usize, sealed: &Sealed<RealBlock>) -> Result<(), Fault> {
        if let Some((_, reason)) = self.fault.take() {
            return Err(Fault::Before(reason));
        }
        let block = sealed.block.sealed(sealed.round, &sealed.seals)?;
        let height = block.header.number;
        if self.observer.1.head().number < height {
            self.observer.1.commit(block.clone())?;
            self.follow(&sealed.block)?;
        }
        let Some((_, ledger)) = self.nodes.get(node) else { return Ok(()) };
        ledger.commit(block)?;
        Ok(())
    }

    /// Takes the model on over a block that the observer has.
    fn follow(&mut self, block: &RealBlock) -> Result<(), Fault> {
        let height = block.height();
        let before =
            self.models.get(&block.parent()).ok_or(Fault::Missing { height: height.saturating_sub(1) })?;
        let mut model = Model::clone(before);
        self.check_walk(block, before.parameter(Parameter::GasLimit, height))?;
        for transaction in &block.block().body.transactions {
            if let Some((sender, call)) = self.calls.get(transaction.tx_hash()) {
                // A refused call is a transaction that reverts.
                let _refused = model.apply(height, *sender, call);
            }
        }
        self.models.insert(block.hash(), Arc::new(model));
        self.compare(height, block.hash())
    }

    /// The gas limit goes towards the voted one by less than a 1024th, and no further.
    fn check_walk(&self, block: &RealBlock, target: u64) -> Result<(), Fault> {
        let height = block.height();
        let parent = self.observer.1.header(At::Number(height.saturating_sub(1)))?;
        let was = parent.ok_or(Fault::Missing { height })?.gas_limit;
        let step = (was / 1024).saturating_sub(1);
        let (is, wanted) = (block.block().header.gas_limit, target.clamp(was - step, was + step));
        if is == wanted { Ok(()) } else { Err(Fault::GasLimit { height, was, is, target }) }
    }

    /// The contract's word against the model's.
    fn compare(&mut self, height: u64, hash: B256) -> Result<(), Fault> {
        let contract = rules(&self.observer.1)?;
        let model = self.models.get(&hash).ok_or(Fault::Missing { height })?;
        let expected = Rules {
            validators: model.validators().collect(),
            period_ms: model.parameter(Parameter::BlockPeriodSeconds, height + 1) * 1_000,
            request_timeout_ms: model.parameter(Parameter::RequestTimeoutMillis, height + 1),
            gas_limit: model.parameter(Parameter::GasLimit, height + 1),
        };
        if contract != expected {
            let (contract, model) = (format!("{contract:?}"), format!("{expected:?}"));
            return Err(Fault::Model { height, contract, model });
        }
        self.rules.insert(hash, contract);
        Ok(())
    }

    /// The node's disk is new; what it had up to `height` it gets from the observer.
    pub(super) fn replace(&mut self, node: usize, height: u64) -> Result<(), Fault> {
        let Some((store, ledger)) = self.nodes.get_mut(node) else { return Ok(()) };
        *ledger = store.replace(&self.genesis)?;
        for height in 1..=height {
            let block = self.observer.1.block(At::Number(height))?.ok_or(Fault::Missing { height })?;
            ledger.commit(block)?;
        }
        Ok(())
    }

    /// The node's process ends and starts on the files it left.
    pub(super) fn restart(&mut self, node: usize) -> Result<(), Fault> {
        let Some((store, ledger)) = self.nodes.get_mut(node) else { return Ok(()) };
        *ledger = store.reopen(ledger, &self.genesis)?;
        Ok(())
    }
}

/// What a ledger says of the height after its head.
pub(super) fn rules(ledger: &Ledger) -> Result<Rules, LedgerError> {
    let parameters = ledger.parameters()?;
    Ok(Rules {
        validators: ledger.validators()?.into(),
        period_ms: parameters.block_period_s * 1_000,
        request_timeout_ms: parameters.request_timeout_ms,
        gas_limit: parameters.gas_limit_target,
    })
}

/// The genesis of a new network of ours, its block 0 a second before virtual time 0.
fn genesis(governance: &GenesisGovernance) -> Result<Genesis, Fault> {
    let parameters = governance.parameters;
    let spec = GenesisSpec {
        chain_id: CHAIN_ID,
        gas_limit: parameters.gas_limit,
        qbft: QbftConfig {
            blockperiodseconds: parameters.block_period_seconds,
            requesttimeoutseconds: parameters.request_timeout_millis.div_ceil(1_000),
            requesttimeoutmilliseconds: Some(parameters.request_timeout_millis),
            epochlength: 30_000,
            validatorcontractaddress: Some(GOVERNANCE),
            proposalround: ProposalRound::Real,
            messageencoding: MessageEncoding::FourItem,
        },
        accounts: [].into(),
        predeploys: predeploys(governance)?,
    };
    let timestamp = format!("\"timestamp\": \"{:#x}\"", EPOCH_MS / 1_000 - 1);
    Ok(Genesis::from_json(&render(&spec)?.replace("\"timestamp\": \"0x0\"", &timestamp))?)
}
