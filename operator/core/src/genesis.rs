//! The genesis: a pure function of the spec and the sorted identity addresses, stored once, then only read.

use crate::{
    names::{GENESIS_CHAIN_ID, GENESIS_FILE, GENESIS_HASH, GENESIS_MEMBER},
    validate::{Chain, Network, ValidConsortium},
};
use alloy_primitives::{Address, B256};
use chain::{
    genesis::{Genesis, GenesisError, GenesisSpec, MessageEncoding, QbftConfig, render},
    governance::{
        GOVERNANCE, GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, GovernanceError,
        predeploys,
    },
    hash::ProposalRound,
};
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::BTreeSet;

/// Blocks that a proposal stays open on a new network: a week at two seconds.
const VOTING_BLOCKS: u64 = 302_400;

/// A genesis and what is often asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGenesis {
    /// The file's exact text.
    pub text: String,
    /// Its hash.
    pub hash: B256,
    /// Its chain id.
    pub chain_id: u64,
    /// Seconds between its blocks.
    pub block_period_s: u64,
    /// Admin account of the member that runs this operator.
    pub member: Address,
}

/// Why there is no genesis.
#[derive(Debug, thiserror::Error)]
pub enum GenesisRefused {
    /// The addresses do not make a governance contract.
    #[error("genesis cannot be made: {0}")]
    Governance(#[from] GovernanceError),
    /// The file cannot be written.
    #[error("genesis cannot be written: {0}")]
    Write(#[from] serde_json::Error),
    /// The file is not a genesis of ours.
    #[error("ConfigMap {config_map}: {source}; restore it from a backup")]
    Read {
        /// Where it is.
        config_map: String,
        /// Why.
        source: GenesisError,
    },
    /// An entry is missing.
    #[error("ConfigMap {config_map} has no valid data.{key}; restore it from a backup")]
    Entry {
        /// Where it is.
        config_map: String,
        /// Which.
        key: &'static str,
    },
    /// Not the pinned one.
    #[error(
        "genesis hash is {got}, spec.create.genesisHash pins {want}; this is another network: bring back the keys of the pinned one, or remove the pin from a new object"
    )]
    Pin {
        /// Of the genesis.
        got: B256,
        /// Pinned.
        want: B256,
    },
    /// Not that of the network to join.
    #[error(
        "the stored genesis has hash {got}, spec.join.genesisHash is {want}; the genesis is never replaced: use another name for another network"
    )]
    Joined {
        /// Stored.
        got: B256,
        /// Pinned.
        want: B256,
    },
    /// What another member hands over is no genesis.
    #[error("genesis in the network info: {0}")]
    HandedOver(GenesisError),
    /// Others have made it.
    #[error("the genesis of a network that is joined is not made, but read from its members")]
    NotOurs,
    /// The spec describes another network.
    #[error(
        "the stored genesis has {what} {got}, this object {want}; the genesis is never replaced: correct the spec or restore the Secret"
    )]
    Spec {
        /// Which value.
        what: &'static str,
        /// In the file.
        got: String,
        /// In the spec.
        want: String,
    },
}

/// Makes the genesis of a new network.
pub fn make(
    consortium: &ValidConsortium,
    admin: Address,
    operator: Address,
    identities: &BTreeSet<Address>,
) -> Result<StoredGenesis, GenesisRefused> {
    let Network::Create(chain) = &consortium.network else { return Err(GenesisRefused::NotOurs) };
    let governance = GenesisGovernance {
        members: vec![GenesisMember {
            alias: consortium.alias.clone(),
            admin,
            operator: Some(operator),
            capacity: Some(chain.capacity),
        }],
        seats: identities.iter().map(|identity| GenesisSeat { identity: *identity, member: 0 }).collect(),
        parameters: GenesisParameters {
            block_period_seconds: chain.block_period_s,
            request_timeout_millis: chain.request_timeout_ms,
            gas_limit: chain.gas_limit,
            default_capacity: u64::from(chain.capacity),
            voting_blocks: VOTING_BLOCKS,
        },
    };
    let spec = GenesisSpec {
        chain_id: chain.chain_id,
        gas_limit: chain.gas_limit,
        qbft: qbft(chain),
        accounts: chain.accounts.clone(),
        predeploys: predeploys(&governance)?,
    };
    let text = render(&spec)?;
    let read = Genesis::from_json(&text)
        .map_err(|source| GenesisRefused::Read { config_map: consortium.name.genesis(), source })?;
    let made = StoredGenesis {
        hash: read.hash,
        chain_id: chain.chain_id,
        block_period_s: chain.block_period_s,
        member: admin,
        text,
    };
    pinned(&made, chain)?;
    Ok(made)
}

/// The genesis that other members have handed over, to be kept like one of our own.
pub fn joined(text: &str, pin: B256, admin: Address) -> Result<StoredGenesis, GenesisRefused> {
    let read = Genesis::from_json(text).map_err(GenesisRefused::HandedOver)?;
    if read.hash != pin {
        return Err(GenesisRefused::Joined { got: read.hash, want: pin });
    }
    Ok(StoredGenesis {
        text: text.to_owned(),
        hash: read.hash,
        chain_id: read.config.chain_id,
        block_period_s: read.qbft.blockperiodseconds,
        member: admin,
    })
}

fn qbft(chain: &Chain) -> QbftConfig {
    QbftConfig {
        blockperiodseconds: chain.block_period_s,
        requesttimeoutseconds: chain.request_timeout_ms.div_ceil(1000),
        requesttimeoutmilliseconds: Some(chain.request_timeout_ms),
        epochlength: 30_000,
        validatorcontractaddress: Some(GOVERNANCE),
        proposalround: ProposalRound::default(),
        messageencoding: MessageEncoding::default(),
    }
}

/// Reads the stored genesis; its hash is computed anew.
pub fn read(object: &ConfigMap) -> Result<StoredGenesis, GenesisRefused> {
    let config_map = object.metadata.name.clone().unwrap_or_default();
    let entry = |key: &'static str| {
        let value = object.data.as_ref().and_then(|data| data.get(key)).cloned();
        value.ok_or_else(|| GenesisRefused::Entry { config_map: config_map.clone(), key })
    };
    let malformed = |key| GenesisRefused::Entry { config_map: config_map.clone(), key };
    let text = entry(GENESIS_FILE)?;
    let hash = entry(GENESIS_HASH)?.parse().map_err(|_| malformed(GENESIS_HASH))?;
    let chain_id = entry(GENESIS_CHAIN_ID)?.parse().map_err(|_| malformed(GENESIS_CHAIN_ID))?;
    let member = entry(GENESIS_MEMBER)?.parse().map_err(|_| malformed(GENESIS_MEMBER))?;
    let genesis = Genesis::from_json(&text)
        .and_then(|genesis| genesis.expect(chain_id, hash))
        .map_err(|source| GenesisRefused::Read { config_map: config_map.clone(), source })?;
    Ok(StoredGenesis { text, hash, chain_id, block_period_s: genesis.qbft.blockperiodseconds, member })
}

/// Whether a stored genesis is the network that the spec describes. Seats and contract code are not compared: seats move,
/// and a newer operator brings newer code, but neither may turn a running network into another.
pub fn agrees(stored: &StoredGenesis, consortium: &ValidConsortium) -> Result<(), GenesisRefused> {
    let chain = match &consortium.network {
        Network::Create(chain) => chain,
        Network::Join(joined) if joined.genesis_hash == stored.hash => return Ok(()),
        Network::Join(joined) => {
            return Err(GenesisRefused::Joined { got: stored.hash, want: joined.genesis_hash });
        }
    };
    pinned(stored, chain)?;
    let read = Genesis::from_json(&stored.text)
        .map_err(|source| GenesisRefused::Read { config_map: consortium.name.genesis(), source })?;
    let pairs = [
        ("chain id", stored.chain_id, chain.chain_id),
        ("block period (s)", read.qbft.blockperiodseconds, chain.block_period_s),
        ("request timeout (ms)", read.qbft.request_timeout_ms(), chain.request_timeout_ms),
        ("gas limit", read.header.gas_limit, chain.gas_limit),
    ];
    for (what, got, want) in pairs {
        if got != want {
            return Err(GenesisRefused::Spec { what, got: got.to_string(), want: want.to_string() });
        }
    }
    for (address, want) in &chain.accounts {
        let got = read.alloc.get(address).map(|account| account.balance).unwrap_or_default();
        if got != *want {
            return Err(GenesisRefused::Spec {
                what: "an account's balance",
                got: got.to_string(),
                want: want.to_string(),
            });
        }
    }
    Ok(())
}

/// Whether a stored genesis was made with this admin account.
pub fn same_member(stored: StoredGenesis, admin: Address) -> Result<StoredGenesis, GenesisRefused> {
    if stored.member == admin {
        return Ok(stored);
    }
    Err(GenesisRefused::Spec {
        what: "admin account",
        got: stored.member.to_string(),
        want: admin.to_string(),
    })
}

fn pinned(genesis: &StoredGenesis, chain: &Chain) -> Result<(), GenesisRefused> {
    match chain.pin {
        Some(want) if want != genesis.hash => Err(GenesisRefused::Pin { got: genesis.hash, want }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
