//! Configuration, genesis and keys, read and checked before anything is started.

use crate::signer::{
    FileSigner, Signer,
    key_file::{KeyFileError, read_key},
};
use chain::{
    config::{ConfigError, NodeConfig, SignerConfig},
    genesis::{Genesis, GenesisError},
};
use devp2p::{IdentityError, NodeKey};
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Everything a node starts from, consistent with itself.
pub struct Setup {
    /// The configuration as written.
    pub config: NodeConfig,
    /// The chain; its id and hash are those of the configuration.
    pub genesis: Genesis,
    /// The p2p key.
    pub node_key: NodeKey,
    /// Signs for the identity; its address is that of the configuration.
    pub signer: Option<Arc<dyn Signer>>,
    /// Where to listen.
    pub listen: Listen,
}

/// Addresses to listen on.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    /// devp2p.
    pub p2p: SocketAddr,
    /// JSON-RPC.
    pub rpc: Option<SocketAddr>,
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
    /// An identity or p2p key file is refused.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The p2p key is no key.
    #[error("key file {path}: {source}")]
    NodeKey {
        /// The file.
        path: PathBuf,
        /// Reason.
        source: IdentityError,
    },
    /// RPC names a namespace that does not exist.
    #[error(transparent)]
    Rpc(#[from] crate::rpc::RpcError),
    /// A profile of another client that this version does not speak.
    #[error("genesis config.qbft.{field} is {got}, this version speaks only {want}")]
    Profile {
        /// Field of the genesis.
        field: &'static str,
        /// Found.
        got: String,
        /// Spoken.
        want: String,
    },
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
            rpc: config.rpc.as_ref().map(|rpc| address("rpc.listen", &rpc.listen)).transpose()?,
            metrics: address("metrics.listen", &config.metrics.listen)?,
        };
        if let Some(rpc) = &config.rpc {
            crate::rpc::check_namespaces(&rpc.namespaces)?;
        }
        let genesis = genesis(&config)?;
        check_profile(&genesis)?;
        let node_key = node_key(Path::new(&config.p2p.key))?;
        let signer = signer(&config)?;
        Ok(Self { config, genesis, node_key, signer, listen })
    }
}

fn genesis(config: &NodeConfig) -> Result<Genesis, SetupError> {
    let path = Path::new(&config.network.genesis);
    let text = read("genesis", path)?;
    Genesis::from_json(&text)
        .and_then(|genesis| genesis.expect(config.network.chain_id, config.network.genesis_hash))
        .map_err(|source| SetupError::Genesis { path: path.to_path_buf(), source })
}

fn check_profile(genesis: &Genesis) -> Result<(), SetupError> {
    let (got, want) = (genesis.qbft.proposalround, crate::driver::PROPOSAL_ROUND);
    if got == want {
        return Ok(());
    }
    Err(SetupError::Profile { field: "proposalround", got: format!("{got:?}"), want: format!("{want:?}") })
}

fn node_key(path: &Path) -> Result<NodeKey, SetupError> {
    let secret = read_key(path)?;
    NodeKey::from_bytes(*secret).map_err(|source| SetupError::NodeKey { path: path.to_path_buf(), source })
}

fn signer(config: &NodeConfig) -> Result<Option<Arc<dyn Signer>>, SetupError> {
    let Some(identity) = &config.identity else { return Ok(None) };
    let signer: Arc<dyn Signer> = match &identity.signer {
        SignerConfig::File { path } => Arc::new(FileSigner::open(Path::new(path), identity.address)?),
    };
    Ok(Some(signer))
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
