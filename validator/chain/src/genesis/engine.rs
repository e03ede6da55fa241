//! What makes a block one of this chain, and chains that are not ours to run but to be measured by.

use super::{
    Genesis, GenesisError, MAX_CODE_SIZE, MessageEncoding, QbftConfig, Schedule, Selection, Settings,
    TRANSACTION_GAS_CAP, header,
};
use crate::{
    client::Written,
    hash::{ProposalRound, block_hash},
    profile::Family,
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_consensus::Header;
use alloy_genesis::{ChainConfig, GenesisAccount};
use alloy_primitives::{Address, B256, U256};

/// Which rules a header, the seals on it and what happens around its transactions follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Sealed by a quorum of validators: every chain that a node runs.
    #[default]
    Qbft,
    /// Ethereum's own blocks, from proof of work to the newest fork, without a seal: official tests are such chains.
    /// Nobody vouches for one, so no genesis file leads here; only [`Genesis::ethereum`] does.
    Ethereum,
}

impl Genesis {
    /// An Ethereum chain from a file in go-ethereum's form. Merged from `mergeNetsplitBlock` on, or from block 1 where
    /// the file names forks that only merged chains have and no such block.
    pub fn ethereum_from_json(json: &str) -> Result<Self, GenesisError> {
        let file: alloy_genesis::Genesis = serde_json::from_str(json)?;
        let header = header::header_of(&file);
        Ok(Self::ethereum(file.config, header, file.alloc))
    }

    /// An Ethereum chain from the header of its block 0, verbatim.
    #[must_use]
    pub fn ethereum(config: ChainConfig, header: Header, alloc: BTreeMap<Address, GenesisAccount>) -> Self {
        Self {
            engine: Engine::Ethereum,
            family: Family::Besu,
            qbft: QbftConfig {
                blockperiodseconds: 1,
                requesttimeoutseconds: 1,
                requesttimeoutmilliseconds: None,
                epochlength: super::default_epoch(),
                validatorcontractaddress: None,
                proposalround: ProposalRound::default(),
                messageencoding: MessageEncoding::default(),
            },
            written: Written::default(),
            schedule: Schedule::new(settings(), BTreeMap::new(), BTreeMap::new()),
            quorum_forks: Vec::new(),
            zero_base_fee: false,
            initial_base_fee: header::INITIAL_BASE_FEE,
            hash: header.hash_slow(),
            header,
            config,
            alloc,
        }
    }

    /// On-chain hash of a header of this chain.
    pub fn block_hash(&self, header: &Header) -> Result<B256, alloy_rlp::Error> {
        match self.engine {
            Engine::Qbft => block_hash(header),
            Engine::Ethereum => Ok(header.hash_slow()),
        }
    }
}

const fn settings() -> Settings {
    Settings {
        selection: Selection::Header,
        epoch_length: 1,
        block_period_s: 1,
        min_period_s: 1,
        empty_block_period_s: 0,
        request_timeout_ms: 1000,
        block_reward: U256::ZERO,
        reward_beneficiary: None,
        max_code_size: MAX_CODE_SIZE,
        max_transaction_size: None,
        gas_price_allowed: true,
        transaction_gas_cap: Some(TRANSACTION_GAS_CAP),
        gas_limit_target: None,
    }
}

/// State root of a genesis, by a full build over its accounts.
#[must_use]
pub fn alloc_root(alloc: &BTreeMap<Address, GenesisAccount>) -> B256 {
    header::state_root(alloc)
}
