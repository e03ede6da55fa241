//! Genesis: rendered from a specification by a pure function, and read back from the file as Besu writes it.
//!
//! No clock and no randomness enter: the same specification gives the same text and so the same hash, wherever and
//! whenever it runs. Sources: `qbft-facts` §1.6, `node-facts` E.4 and G; EIP-1559, 4895, 4844, 4788, 7685.

mod header;
mod render;

pub use header::{EMPTY_REQUESTS_HASH, QBFT_MIX_HASH, genesis_header};
pub use render::{GenesisSpec, Predeploy, render};

use crate::{hash::ProposalRound, hash::block_hash};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use alloy_consensus::Header;
use alloy_genesis::{ChainConfig, GenesisAccount};
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// A genesis file, read and checked.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Forks by number and time, as alloy reads them.
    pub config: ChainConfig,
    /// The consensus part.
    pub qbft: QbftConfig,
    /// Base fee is 0 for ever (Besu's `zeroBaseFee`).
    pub zero_base_fee: bool,
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
    /// Reads a genesis file and computes its header and hash.
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        let mut json: serde_json::Value = serde_json::from_str(text)?;
        pad_storage(&mut json);
        let file: alloy_genesis::Genesis = serde_json::from_value(json)?;
        let qbft = qbft_section(&file.config)?;
        let zero_base_fee =
            file.config.extra_fields.get("zeroBaseFee").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let header = genesis_header(&file)?;
        let hash = block_hash(&header).map_err(GenesisError::ExtraData)?;
        Ok(Self { config: file.config, qbft, zero_base_fee, header, hash, alloc: file.alloc })
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

/// Short slots and values (`0x0`, `0x01`) are left-padded to 32 bytes, as every client reads them.
fn pad_storage(json: &mut serde_json::Value) {
    let accounts = json.get_mut("alloc").and_then(serde_json::Value::as_object_mut);
    for account in accounts.into_iter().flat_map(|a| a.values_mut()) {
        let Some(storage) = account.get_mut("storage").and_then(serde_json::Value::as_object_mut) else {
            continue;
        };
        let padded = storage.iter().map(|(slot, value)| {
            let value = value.as_str().map_or_else(|| value.clone(), |text| pad(text).into());
            (pad(slot), value)
        });
        *storage = padded.collect();
    }
}

fn pad(quantity: &str) -> String {
    alloc::format!("0x{:0>64}", quantity.strip_prefix("0x").unwrap_or(quantity))
}

fn qbft_section(config: &ChainConfig) -> Result<QbftConfig, GenesisError> {
    let value = config
        .extra_fields
        .get("qbft")
        .ok_or_else(|| GenesisError::Qbft("the section is missing".to_string()))?;
    let qbft: QbftConfig =
        serde_json::from_value(value.clone()).map_err(|e| GenesisError::Qbft(e.to_string()))?;
    if qbft.blockperiodseconds == 0 {
        return Err(GenesisError::Qbft("blockperiodseconds is 0, expected at least 1".to_string()));
    }
    Ok(qbft)
}

#[cfg(test)]
mod tests;
