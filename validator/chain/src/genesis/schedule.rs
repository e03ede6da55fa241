//! Parameters by height: what the genesis says of block 0, changed by its transitions.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, U256};

/// Largest contract of EIP-170, bytes.
pub const MAX_CODE_SIZE: usize = 24_576;

/// Gas that one transaction may have from Osaka on (EIP-7825).
pub const TRANSACTION_GAS_CAP: u64 = 1 << 24;

/// Where the validators of a block come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// From votes in the headers before it; the header lists them.
    Header,
    /// From `getValidators()` of this contract in the state before it; the header lists none.
    Contract(Address),
}

/// Rules and parameters of one height. Periods in seconds, timeouts in milliseconds, sizes in bytes, rewards in wei.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the validators come from.
    pub selection: Selection,
    /// Blocks between vote resets, at least 1.
    pub epoch_length: u64,
    /// When a block is due after its parent, at least 1.
    pub block_period_s: u64,
    /// Earliest that a block may follow its parent. GoQuorum looks it up by the parent's number, so it lags there.
    pub min_period_s: u64,
    /// When a block without transactions is due; 0, or not above the block period: like any other.
    pub empty_block_period_s: u64,
    /// Timeout of round 0.
    pub request_timeout_ms: u64,
    /// Created out of nothing for every block.
    pub block_reward: U256,
    /// Who gets the reward, and in Besu the fees, in place of the header's beneficiary.
    pub reward_beneficiary: Option<Address>,
    /// Largest contract.
    pub max_code_size: usize,
    /// Largest transaction that a pool takes; no rule of blocks.
    pub max_transaction_size: Option<usize>,
    /// Whether a transaction may offer a price for gas.
    pub gas_price_allowed: bool,
    /// Gas that one transaction may have from Osaka on; `None`: as much as the block.
    pub transaction_gas_cap: Option<u64>,
    /// Where proposers walk the gas limit to; the genesis limit when `None`.
    pub gas_limit_target: Option<u64>,
}

/// Whom a block pays.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payee {
    /// Its beneficiary.
    Author,
    Fixed(Address),
}

impl Payee {
    pub(super) const fn fixed(self) -> Option<Address> {
        match self {
            Self::Author => None,
            Self::Fixed(address) => Some(address),
        }
    }
}

/// What changes at one height; a field that is `None` stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) selection: Option<Selection>,
    pub(super) epoch_length: Option<u64>,
    pub(super) block_period_s: Option<u64>,
    pub(super) min_period_s: Option<u64>,
    pub(super) empty_block_period_s: Option<u64>,
    pub(super) request_timeout_ms: Option<u64>,
    pub(super) block_reward: Option<U256>,
    pub(super) reward_beneficiary: Option<Payee>,
    pub(super) max_code_size: Option<usize>,
    pub(super) max_transaction_size: Option<usize>,
    pub(super) gas_price_allowed: Option<bool>,
    pub(super) gas_limit_target: Option<u64>,
}

impl Change {
    fn apply(self, settings: &mut Settings) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        let Self { selection, epoch_length, block_period_s, min_period_s, .. } = self;
        set(&mut settings.selection, selection);
        set(&mut settings.epoch_length, epoch_length);
        set(&mut settings.block_period_s, block_period_s);
        set(&mut settings.min_period_s, min_period_s);
        set(&mut settings.empty_block_period_s, self.empty_block_period_s);
        set(&mut settings.request_timeout_ms, self.request_timeout_ms);
        set(&mut settings.block_reward, self.block_reward);
        set(&mut settings.reward_beneficiary, self.reward_beneficiary.map(Payee::fixed));
        set(&mut settings.max_code_size, self.max_code_size);
        set(&mut settings.max_transaction_size, self.max_transaction_size.map(Some));
        set(&mut settings.gas_price_allowed, self.gas_price_allowed);
        set(&mut settings.gas_limit_target, self.gas_limit_target.map(Some));
    }
}

/// Settings of every height, and where the set of validators is given rather than voted. Heights are those of the block
/// that a setting first holds for, whatever number the client's file counts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    genesis: Settings,
    /// Cumulative, ascending by first height.
    later: BTreeMap<u64, Settings>,
    validators: BTreeMap<u64, Vec<Address>>,
}

impl Schedule {
    pub(super) fn new(
        genesis: Settings,
        changes: BTreeMap<u64, Vec<Change>>,
        validators: BTreeMap<u64, Vec<Address>>,
    ) -> Self {
        let mut settings = genesis.clone();
        let mut later = BTreeMap::new();
        for (height, changes) in changes {
            for change in changes {
                change.apply(&mut settings);
            }
            later.insert(height, settings.clone());
        }
        Self { genesis, later, validators }
    }

    /// What holds for the block of this height.
    #[must_use]
    pub fn at(&self, height: u64) -> &Settings {
        self.later.range(..=height).next_back().map_or(&self.genesis, |(_, settings)| settings)
    }

    /// The validators of the block of this height, where the file names them (block-header mode only).
    #[must_use]
    pub fn validators_at(&self, height: u64) -> Option<&[Address]> {
        self.validators.get(&height).map(Vec::as_slice)
    }

    /// Whether votes are reset in the block of this height.
    #[must_use]
    pub fn is_epoch(&self, height: u64) -> bool {
        height.is_multiple_of(self.at(height).epoch_length.max(1))
    }

    /// Heights at which a setting changes.
    pub fn heights(&self) -> impl Iterator<Item = u64> {
        self.later.keys().copied()
    }
}
