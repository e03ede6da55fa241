//! Genesis: rendered from a specification by a pure function, and read back from the file as we, Besu or GoQuorum write it.
//!
//! What a file asks for that is not implemented is refused by the name of its key ([`keys`]), never skipped: a node that
//! runs by other rules than its network forks from it.
//!
//! No clock and no randomness enter: the same specification gives the same text and so the same hash, wherever and
//! whenever it runs. Sources: `qbft-facts` §1.6, `node-facts` E.4 and G; EIP-1559, 4895, 4844, 4788, 7685.

mod engine;
mod fields;
mod file;
mod header;
pub mod keys;
mod render;
mod schedule;
mod transitions;

pub use engine::{Engine, alloc_root};
pub use file::{TIME_FORKS, UP_TO_BERLIN};
pub use header::{EMPTY_REQUESTS_HASH, QBFT_MIX_HASH, genesis_header};
pub use render::{GenesisSpec, Predeploy, render};
pub use schedule::{MAX_CODE_SIZE, Schedule, Selection, Settings, TRANSACTION_GAS_CAP};

use crate::{
    client::Written,
    hash::{ProposalRound, block_hash},
    profile::Family,
};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use alloy_consensus::Header;
use alloy_genesis::{ChainConfig, GenesisAccount};
use alloy_primitives::{Address, B256};
use fields::Fields;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use transitions::Sections;

/// A genesis file, read and checked.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Chain id and forks by number and time, as alloy reads them; a fork that the file leaves out stands with the next.
    pub config: ChainConfig,
    /// What makes a block one of this chain.
    pub engine: Engine,
    /// Whose rules hold.
    pub family: Family,
    /// Parameters of block 0 and how messages look.
    pub qbft: QbftConfig,
    /// What the file says of how nodes speak.
    pub written: Written,
    /// Parameters of every height.
    pub schedule: Schedule,
    /// Blocks that GoQuorum counts among its forks beside those of `config` (`qbft-facts` §6.3).
    pub quorum_forks: Vec<u64>,
    /// Base fee is 0 for ever (Besu's `zeroBaseFee`).
    pub zero_base_fee: bool,
    /// Base fee of the first London block, should it not be block 0 (EIP-1559; Besu takes the file's `baseFeePerGas`).
    pub initial_base_fee: u64,
    /// Header of block 0.
    pub header: Header,
    /// Its on-chain hash.
    pub hash: B256,
    /// State of block 0.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// Consensus parameters of the genesis; keys as Besu writes them, our own beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub struct QbftConfig {
    /// Seconds between blocks, at least 1.
    pub blockperiodseconds: u64,
    /// Whole seconds of the round-0 timeout, for clients that know no other unit.
    pub requesttimeoutseconds: u64,
    /// Milliseconds of the round-0 timeout, counted from the moment a block is due; wins over the seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requesttimeoutmilliseconds: Option<u64>,
    /// Blocks between vote resets in block-header mode.
    #[serde(default = "default_epoch")]
    pub epochlength: u64,
    /// Contract that holds the validator set; block-header mode when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validatorcontractaddress: Option<Address>,
    /// Round that a proposed header carries.
    #[serde(default)]
    pub proposalround: ProposalRound,
    /// Encoding of PROPOSAL and ROUND-CHANGE.
    #[serde(default)]
    pub messageencoding: MessageEncoding,
}

const fn default_epoch() -> u64 {
    30_000
}

/// How PROPOSAL and ROUND-CHANGE are encoded (`qbft-facts` §2.2, §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MessageEncoding {
    /// Four items, with a slot for a block access list: Besu from 26.1 on and every new network of ours.
    #[default]
    FourItem,
    /// Three items: GoQuorum, and Besu before 26.1.
    Legacy,
}

impl QbftConfig {
    /// Round-0 timeout in milliseconds.
    #[must_use]
    pub fn request_timeout_ms(&self) -> u64 {
        self.requesttimeoutmilliseconds.unwrap_or_else(|| self.requesttimeoutseconds.saturating_mul(1000))
    }
}

/// Why a genesis file is refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// Not a genesis file.
    #[error("genesis is not valid JSON of the expected shape: {0}")]
    Parse(#[from] serde_json::Error),
    /// Not a QBFT chain.
    #[error("genesis has no usable config.qbft section: {0}")]
    Qbft(String),
    /// `extraData` is not QBFT's.
    #[error("genesis extraData is not canonical QBFT extra data: {0}")]
    ExtraData(alloy_rlp::Error),
    /// A key that changes rules and is not implemented.
    #[error(
        "genesis {key} is {got}, which this version does not do; remove the key, or run a version that knows it"
    )]
    Unsupported {
        /// Its path.
        key: String,
        /// Found.
        got: String,
    },
    /// A key that nobody is known to read.
    #[error("genesis {key} is not a known key; correct its name, or begin it with _ if it is a remark")]
    UnknownKey {
        /// Its path.
        key: String,
    },
    /// One key in two spellings.
    #[error("genesis {key} stands there twice in different spellings; keep one")]
    Twice {
        /// Its path.
        key: String,
    },
    /// A value that makes no sense where it stands.
    #[error("genesis {key} is {got}, expected {want}")]
    Value {
        /// Path of the key.
        key: String,
        /// Found.
        got: String,
        /// Expected.
        want: &'static str,
    },
    /// A field that is fixed on QBFT chains has another value.
    #[error("genesis {field} is {got}, QBFT needs {want}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Found.
        got: String,
        /// Needed.
        want: String,
    },
    /// The file is not the chain it should be.
    #[error("genesis hash is {got}, expected {want}; this file belongs to another network")]
    Hash {
        /// Of the file.
        got: B256,
        /// Wanted.
        want: B256,
    },
    /// The file is for another chain id.
    #[error("genesis chain id is {got}, expected {want}")]
    ChainId {
        /// Of the file.
        got: u64,
        /// Wanted.
        want: u64,
    },
}

impl Genesis {
    /// Reads a genesis file and computes its header and hash; the rules are those of the client it was written for.
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        Self::read(text, None)
    }

    /// The same, under the rules of the family given.
    pub fn from_json_as(text: &str, family: Family) -> Result<Self, GenesisError> {
        Self::read(text, Some(family))
    }

    fn read(text: &str, family: Option<Family>) -> Result<Self, GenesisError> {
        let json: serde_json::Map<String, Value> = serde_json::from_str(text)?;
        let sections = sections(&json, family)?;
        let Sections { family, config, qbft } = &sections;
        let file = file::canonical(&json, config, *family)?;
        let schedule = transitions::schedule(&sections)?;
        let header = genesis_header(&file)?;
        let genesis = Self {
            hash: block_hash(&header).map_err(GenesisError::ExtraData)?,
            qbft: consensus(qbft, *family, &schedule)?,
            written: written(qbft)?,
            quorum_forks: quorum_forks(config)?,
            zero_base_fee: config.flag("zeroBaseFee")?.unwrap_or(false),
            initial_base_fee: header::initial_base_fee(&file),
            engine: Engine::Qbft,
            family: *family,
            schedule,
            header,
            config: file.config,
            alloc: file.alloc,
        };
        genesis.check_validators()?;
        Ok(genesis)
    }

    /// Somebody must be able to seal block 1.
    fn check_validators(&self) -> Result<(), GenesisError> {
        let is_header = self.schedule.at(1).selection == Selection::Header;
        if is_header && self.schedule.validators_at(1).is_none() && self.header_validators()?.is_empty() {
            let reason = "extraData names no validators and there is no validatorcontractaddress";
            return Err(GenesisError::Qbft(reason.to_string()));
        }
        Ok(())
    }

    /// Checks that this is the expected chain.
    pub fn expect(self, chain_id: u64, hash: B256) -> Result<Self, GenesisError> {
        if self.config.chain_id != chain_id {
            return Err(GenesisError::ChainId { got: self.config.chain_id, want: chain_id });
        }
        if self.hash != hash {
            return Err(GenesisError::Hash { got: self.hash, want: hash });
        }
        Ok(self)
    }

    /// Validators named by the genesis header; empty in contract mode.
    pub fn header_validators(&self) -> Result<Vec<Address>, GenesisError> {
        let extra = crate::Extra::decode_exact(&self.header.extra_data).map_err(GenesisError::ExtraData)?;
        Ok(extra.validators)
    }
}

fn sections(
    json: &serde_json::Map<String, Value>,
    family: Option<Family>,
) -> Result<Sections<'_>, GenesisError> {
    let missing = |what: &str| GenesisError::Qbft(alloc::format!("{what} is missing"));
    let config = file::top(json, "config")?.and_then(Value::as_object);
    let config = Fields::new("config", config.ok_or_else(|| missing("config"))?, keys::CONFIG)?;
    let qbft = config.get("qbft").and_then(Value::as_object);
    let qbft = Fields::new("config.qbft", qbft.ok_or_else(|| missing("the section"))?, keys::QBFT)?;
    let family = family.unwrap_or_else(|| detect(&config, &qbft));
    if family == Family::GoQuorum
        && let Some(key) = keys::BESU_CONFIG.iter().find(|key| config.has_any(&[key]))
    {
        return Err(config.bad(key, "nothing: GoQuorum does not know the key"));
    }
    Ok(Sections { family, config, qbft })
}

/// Whose file it is: GoQuorum's has its own keys or transitions in a plain list, ours has keys of ours.
fn detect(config: &Fields<'_>, qbft: &Fields<'_>) -> Family {
    let listed = config.get("transitions").is_some_and(Value::is_array);
    if listed || config.has_any(&keys::GOQUORUM_CONFIG) || qbft.has_any(&keys::GOQUORUM_QBFT) {
        return Family::GoQuorum;
    }
    if qbft.has_any(&keys::OURS) { Family::Quorate } else { Family::Besu }
}

/// Parameters of block 0; how messages look is the family's custom where the file does not say.
fn consensus(qbft: &Fields<'_>, family: Family, schedule: &Schedule) -> Result<QbftConfig, GenesisError> {
    let settings = schedule.at(0);
    let (round, encoding) = match family {
        Family::GoQuorum => (ProposalRound::Zero, MessageEncoding::Legacy),
        Family::Besu | Family::Quorate => (ProposalRound::Real, MessageEncoding::FourItem),
    };
    Ok(QbftConfig {
        blockperiodseconds: settings.block_period_s,
        requesttimeoutseconds: settings.request_timeout_ms.div_ceil(1000),
        requesttimeoutmilliseconds: qbft.uint("requesttimeoutmilliseconds")?,
        epochlength: settings.epoch_length,
        validatorcontractaddress: match settings.selection {
            Selection::Contract(contract) => Some(contract),
            Selection::Header => None,
        },
        proposalround: qbft.parsed("proposalround", "\"real\" or \"zero\"")?.unwrap_or(round),
        messageencoding: qbft.parsed("messageencoding", "\"fourItem\" or \"legacy\"")?.unwrap_or(encoding),
    })
}

fn written(qbft: &Fields<'_>) -> Result<Written, GenesisError> {
    let policy = qbft.uint("policy")?.unwrap_or(0);
    if policy > 1 {
        return Err(qbft.bad("policy", "0 (round-robin) or 1 (sticky)"));
    }
    let cap_s = qbft.uint("maxrequesttimeoutseconds")?.filter(|seconds| *seconds > 0);
    Ok(Written {
        encoding: qbft.parsed("messageencoding", "\"fourItem\" or \"legacy\"")?,
        round: qbft.parsed("proposalround", "\"real\" or \"zero\"")?,
        sticky: policy == 1,
        timeout_cap_ms: cap_s.map(|seconds| seconds.saturating_mul(1000)),
    })
}

fn quorum_forks(config: &Fields<'_>) -> Result<Vec<u64>, GenesisError> {
    // Without a private transaction manager the privacy enhancements change nothing but the fork id.
    let keys = ["maxCodeSizeChangeBlock", "enableGasPriceBlock", "privacyEnhancementsBlock"];
    let forks = keys.into_iter().map(|key| config.uint(key)).collect::<Result<Vec<_>, _>>()?;
    Ok(forks.into_iter().flatten().filter(|at| *at > 0).collect())
}

#[cfg(test)]
mod tests;
