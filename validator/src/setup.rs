//! Configuration, genesis and keys, read and checked before anything is started.

use crate::signer::{
    self, Signer, VaultSetupError,
    key_file::{KeyFileError, read_key},
};
use alloy_primitives::Address;
use chain::{
    client::{ClientProfile, ProfileError, WireRules},
    config::{ConfigError, HistoryError, IdentityConfig, NodeConfig, StandbyError},
    enode::EnodeError,
    genesis::{Genesis, GenesisError},
    governance::GOVERNANCE,
};
use devp2p::{IdentityError, NodeKey, eth::EthVersion};
use ledger::Options;
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Everything a node starts from, consistent with itself.
pub struct Setup {
    /// Where the configuration was read; a running node looks there again.
    pub path: PathBuf,
    /// The configuration as written.
    pub config: NodeConfig,
    /// The chain; its id and hash are those of the configuration.
    pub genesis: Genesis,
    /// The p2p key.
    pub node_key: NodeKey,
    /// What this node may vote with: nothing for observers, its own identity, or what a spare stands by for.
    pub candidates: Vec<Candidate>,
    /// Where to listen.
    pub listen: Listen,
    /// How the network's nodes speak.
    pub rules: WireRules,
    /// Versions of eth to offer.
    pub eth_versions: Vec<EthVersion>,
    /// Blocks of state history, `None` for all: whoever opens the ledger says so, or it prunes an archive.
    pub history_blocks: Option<u64>,
}

/// An identity that this node has or stands by for.
pub struct Candidate {
    /// As written.
    pub config: IdentityConfig,
    /// Signs for it; its address is that of the configuration.
    pub signer: Arc<dyn Signer>,
    /// Whether it is this node's own.
    pub is_own: bool,
}

/// Addresses to listen on.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// devp2p.
    pub p2p: SocketAddr,
    /// Health, metrics and status.
    pub metrics: SocketAddr,
}

/// Why the node does not start. Every message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file cannot be read.
    #[error("{what} {path} cannot be read: {source}; check the path and the mount")]
    Unreadable {
        /// What the file should have been.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// The configuration is not valid.
    #[error("{path}: {source}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        source: ConfigError,
    },
    /// The genesis is not valid, or not the configured chain's.
    #[error("{path}: {source}")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: GenesisError,
    },
    /// A spare is told what it may not be.
    #[error(transparent)]
    Standby(#[from] StandbyError),
    /// What a spare stands by for is refused as an identity.
    #[error("standbyFor[{index}], of which the following calls it identity: {source}")]
    StandbyFor {
        /// Which entry.
        index: usize,
        /// What is wrong with it.
        source: Box<SetupError>,
    },
    /// A network in which it would be seen who holds an identity.
    #[error(
        "standbyFor: in a {0} network nodes know a validator by its p2p key, so no other node can stand by for it; set network.overrides.oneKey to false where all nodes are told otherwise"
    )]
    OneKey(ClientProfile),
    /// The p2p key file is refused.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The identity's key file is refused, or the vault that is to hold it cannot be one.
    #[error(transparent)]
    Signer(#[from] VaultSetupError),
    /// The p2p key is no key.
    #[error("key file {path}: {source}")]
    NodeKey {
        /// The file.
        path: PathBuf,
        /// Reason.
        source: IdentityError,
    },
    /// RPC names a namespace, an address or a file that does not serve.
    #[error(transparent)]
    Rpc(#[from] crate::rpc::RpcError),
    /// Settings that no network has.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The network knows validators by their p2p keys.
    #[error(
        "p2p.key is the key of {p2p}, the identity is {identity}: in a {profile} network nodes know a validator by its p2p key; name the identity's key file in p2p.key too, or set network.overrides.oneKey to false where all nodes are told otherwise"
    )]
    TwoKeys {
        /// Account of the p2p key.
        p2p: Address,
        /// The identity.
        identity: Address,
        /// Of the network.
        profile: ClientProfile,
    },
    /// A version of eth that nobody here speaks.
    #[error("p2p.ethVersions names {got}, this node speaks 66, 68 and 69")]
    EthVersion {
        /// Named.
        got: u8,
    },
    /// Less history than a node itself needs.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Nobody could dial the node there.
    #[error("p2p.advertise: {0}; write host:port")]
    Advertise(#[from] EnodeError),
    /// Seats are held by members.
    #[error(
        "identity.member is missing; networks with the governance contract need the admin account of the identity's member"
    )]
    Member,
    /// Not an address to listen on.
    #[error("{field} is {got:?}, expected an IP address and a port such as 0.0.0.0:30303")]
    Listen {
        /// Field of the configuration.
        field: &'static str,
        /// Found.
        got: String,
    },
}

impl Setup {
    /// Reads and checks everything the configuration names; starts nothing and writes nothing.
    pub fn load(path: &Path) -> Result<Self, SetupError> {
        let text = read("configuration", path)?;
        let config = NodeConfig::from_json(&text)
            .map_err(|source| SetupError::Config { path: path.to_path_buf(), source })?;
        let listen = Listen {
            p2p: address("p2p.listen", &config.p2p.listen)?,
            metrics: address("metrics.listen", &config.metrics.listen)?,
        };
        config.check_standby_for()?;
        if let Some(rpc) = &config.rpc {
            crate::rpc::check(rpc)?;
        }
        let genesis = genesis(&config)?;
        let rules = WireRules::resolve(&config.network, &genesis)?;
        let node_key = node_key(Path::new(&config.p2p.key))?;
        let candidates = candidates(&config, &node_key, &genesis, rules)?;
        let eth_versions = eth_versions(&config.p2p.eth_versions)?;
        config.p2p.check_advertise()?;
        let history_blocks = config.history_blocks()?;
        Ok(Self {
            path: path.to_path_buf(),
            config,
            genesis,
            node_key,
            candidates,
            listen,
            rules,
            eth_versions,
            history_blocks,
        })
    }

    /// How the ledger is opened where nobody asks it anything over JSON-RPC.
    pub fn ledger_options(&self) -> Options {
        // To the ledger 0 is all.
        Options { history_blocks: self.history_blocks.unwrap_or(0), ..Options::default() }
    }
}

fn genesis(config: &NodeConfig) -> Result<Genesis, SetupError> {
    let path = Path::new(&config.network.genesis);
    let text = read("genesis", path)?;
    let genesis = match config.network.profile {
        // On a network of several clients the file may be another one's than the one whose rules hold.
        Some(profile) => Genesis::from_json_as(&text, profile.family()),
        None => Genesis::from_json(&text),
    };
    genesis
        .and_then(|genesis| genesis.expect(config.network.chain_id, config.network.genesis_hash))
        .map_err(|source| SetupError::Genesis { path: path.to_path_buf(), source })
}

fn eth_versions(named: &[u8]) -> Result<Vec<EthVersion>, SetupError> {
    if named.is_empty() {
        return Ok(EthVersion::ALL.to_vec());
    }
    let spoken = |got: u8| EthVersion::ALL.into_iter().find(|version| version.number() == got);
    named.iter().map(|got| spoken(*got).ok_or(SetupError::EthVersion { got: *got })).collect()
}

fn check_key(identity: &IdentityConfig, node_key: &NodeKey, rules: WireRules) -> Result<(), SetupError> {
    let p2p = node_key.address();
    if rules.one_key && p2p != identity.address {
        return Err(SetupError::TwoKeys { p2p, identity: identity.address, profile: rules.profile });
    }
    Ok(())
}

fn check_member(identity: &IdentityConfig, genesis: &Genesis) -> Result<(), SetupError> {
    let governed = genesis.qbft.validatorcontractaddress == Some(GOVERNANCE);
    if governed && identity.member.is_none() { Err(SetupError::Member) } else { Ok(()) }
}

fn node_key(path: &Path) -> Result<NodeKey, SetupError> {
    let secret = read_key(path)?;
    NodeKey::from_bytes(*secret).map_err(|source| SetupError::NodeKey { path: path.to_path_buf(), source })
}

fn candidates(
    config: &NodeConfig,
    node_key: &NodeKey,
    genesis: &Genesis,
    rules: WireRules,
) -> Result<Vec<Candidate>, SetupError> {
    let open = |identity: &IdentityConfig, is_own| {
        let signer = signer::open(identity, config.azure.as_ref())?;
        check_member(identity, genesis)?;
        Ok(Candidate { config: identity.clone(), signer, is_own })
    };
    if let Some(identity) = &config.identity {
        let own = open(identity, true)?;
        check_key(identity, node_key, rules)?;
        return Ok(vec![own]);
    }
    if rules.one_key && !config.standby_for.is_empty() {
        return Err(SetupError::OneKey(rules.profile));
    }
    let of_spare = |(index, identity)| {
        open(identity, false).map_err(|source| SetupError::StandbyFor { index, source: Box::new(source) })
    };
    config.standby_for.iter().enumerate().map(of_spare).collect()
}

fn read(what: &'static str, path: &Path) -> Result<String, SetupError> {
    fs::read_to_string(path).map_err(|source| SetupError::Unreadable {
        what,
        path: path.to_path_buf(),
        source,
    })
}

fn address(field: &'static str, text: &str) -> Result<SocketAddr, SetupError> {
    text.parse().map_err(|_| SetupError::Listen { field, got: text.chars().take(100).collect() })
}

#[cfg(test)]
mod tests;
