//! A local network in a folder: configurations, genesis and keys for N nodes on the loopback interface.
//!
//! For trying things out without Kubernetes, for tests and for the soak. Keys lie in plain files; use it for nothing
//! of value.

mod foreign;

use crate::signer::key_file::write_key;
use alloy_primitives::{Address, U256};
use chain::{
    client::{ClientProfile, WireRules},
    config::{
        Admission, CONFIG_VERSION, IdentityConfig, JournalConfig, MetricsConfig, NetworkConfig, NodeConfig,
        P2pConfig, READ_ONLY_SLOTS, RpcConfig, SignerConfig,
    },
    enode::Enode,
    genesis::{Genesis, GenesisSpec, MessageEncoding, QbftConfig, render},
    governance::{
        GOVERNANCE, GenesisGovernance, GenesisMember, GenesisParameters, GenesisSeat, Label, predeploys,
    },
    hash::ProposalRound,
};
use devp2p::NodeKey;
use k256::ecdsa::SigningKey;
use rand::TryRngCore as _;
use std::{
    fs,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Ports of one node.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// devp2p.
    pub p2p: u16,
    /// JSON-RPC.
    pub rpc: u16,
    /// Health, metrics and status.
    pub metrics: u16,
}

impl Ports {
    /// Ten ports per node from `base` on: p2p, RPC and metrics are the first three.
    pub fn from_base(base: u16, node: u16) -> Self {
        let first = base.saturating_add(node.saturating_mul(10));
        Self { p2p: first, rpc: first.saturating_add(1), metrics: first.saturating_add(2) }
    }
}

/// What to make.
#[derive(Clone, Debug)]
pub struct DevnetSpec {
    /// Folder that is made; must not exist or be empty.
    pub dir: PathBuf,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Seconds between blocks.
    pub block_period_s: u64,
    /// Milliseconds of the round-0 timeout.
    pub request_timeout_ms: u64,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Nodes that hold a seat, then nodes that have an identity without one.
    pub nodes: Vec<Ports>,
    /// How many of the nodes hold a seat; the rest start unseated.
    pub seats: usize,
    /// Clients that the network is like: how its nodes speak, and its genesis.
    pub profile: ClientProfile,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Devnet {
    /// Configuration file of each node.
    pub configs: Vec<PathBuf>,
    /// The genesis file.
    pub genesis: PathBuf,
    /// Admin account of the only member, funded; its key is in `admin.key`.
    pub admin: Address,
    /// Its operator account, funded; its key is in `operator.key`.
    pub operator: Address,
}

/// Why no network was made.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// Something is there.
    #[error("{0} is not empty; remove it or name another folder")]
    NotEmpty(PathBuf),
    /// Writing failed.
    #[error("{path}: {source}")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Reason.
        source: std::io::Error,
    },
    /// More seats than nodes, or none.
    #[error("{seats} of {nodes} nodes are to hold seats; at least one and at most all can")]
    Seats {
        /// Wanted.
        seats: usize,
        /// Nodes.
        nodes: usize,
    },
    /// The parameters do not make a network.
    #[error(transparent)]
    Governance(#[from] chain::governance::GovernanceError),
    /// The genesis does not read back.
    #[error(transparent)]
    Genesis(#[from] chain::genesis::GenesisError),
    /// A document cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A configuration cannot be written.
    #[error(transparent)]
    Config(#[from] chain::config::ConfigError),
    /// The operating system has no randomness.
    #[error("no randomness for keys: {0}")]
    Random(String),
}

/// A new identity key and its address.
pub struct NewKey {
    /// The 32 bytes.
    pub secret: Zeroizing<[u8; 32]>,
    /// Its account.
    pub address: Address,
    /// Its name as a node.
    pub node_id: devp2p::PeerId,
}

impl NewKey {
    /// From the operating system's randomness.
    pub fn random() -> Result<Self, DevnetError> {
        loop {
            let mut secret = Zeroizing::new([0; 32]);
            rand::rngs::OsRng
                .try_fill_bytes(secret.as_mut_slice())
                .map_err(|e| DevnetError::Random(e.to_string()))?;
            // Out of the curve's range once in 2^128.
            let (Ok(key), Ok(node)) =
                (SigningKey::from_slice(secret.as_slice()), NodeKey::from_bytes(*secret))
            else {
                continue;
            };
            return Ok(Self { address: Address::from_private_key(&key), node_id: node.id(), secret });
        }
    }

    /// The same key, for a second use.
    fn again(&self) -> Self {
        Self { secret: self.secret.clone(), address: self.address, node_id: self.node_id }
    }
}

struct NodeKeys {
    identity: NewKey,
    p2p: NewKey,
}

/// Writes the network; nothing is started.
pub fn create(spec: &DevnetSpec) -> Result<Devnet, DevnetError> {
    let accounts = prepare(spec, WireRules::of(spec.profile).one_key)?;
    let text = genesis_text(spec, &accounts)?;
    finish(spec, &accounts, &text)
}

/// The same with a genesis file of another client: `text` makes it from the identities, in order of the nodes. The chain
/// id is the file's; of `spec` only folder and nodes count. Each node has one key, as on such networks.
pub fn create_foreign(
    spec: &DevnetSpec,
    text: impl FnOnce(&[Address]) -> String,
) -> Result<Devnet, DevnetError> {
    let accounts = prepare(spec, true)?;
    let identities: Vec<_> = accounts.keys.iter().map(|keys| keys.identity.address).collect();
    finish(spec, &accounts, &text(&identities))
}

/// Everybody's keys.
struct Accounts {
    admin: NewKey,
    operator: NewKey,
    keys: Vec<NodeKeys>,
}

fn prepare(spec: &DevnetSpec, one_key: bool) -> Result<Accounts, DevnetError> {
    if spec.seats == 0 || spec.seats > spec.nodes.len() {
        return Err(DevnetError::Seats { seats: spec.seats, nodes: spec.nodes.len() });
    }
    if fs::read_dir(&spec.dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(DevnetError::NotEmpty(spec.dir.clone()));
    }
    make_dir(&spec.dir)?;
    let (admin, operator) = (NewKey::random()?, NewKey::random()?);
    save_key(&spec.dir.join("admin.key"), &admin)?;
    save_key(&spec.dir.join("operator.key"), &operator)?;
    let node_keys = |_| {
        let identity = NewKey::random()?;
        let p2p = if one_key { identity.again() } else { NewKey::random()? };
        Ok(NodeKeys { identity, p2p })
    };
    let keys = spec.nodes.iter().map(node_keys).collect::<Result<Vec<_>, DevnetError>>()?;
    Ok(Accounts { admin, operator, keys })
}

fn finish(spec: &DevnetSpec, accounts: &Accounts, text: &str) -> Result<Devnet, DevnetError> {
    let Accounts { admin, operator, keys } = accounts;
    let path = spec.dir.join("genesis.json");
    write(&path, text)?;
    let genesis = Genesis::from_json(text)?;
    let governed = genesis.qbft.validatorcontractaddress == Some(GOVERNANCE);
    let member = governed.then_some(admin.address);
    let mut configs = Vec::new();
    for node in 0..spec.nodes.len() {
        configs.push(write_node(spec, &genesis, &path, member, keys, node)?);
    }
    Ok(Devnet { configs, genesis: path, admin: admin.address, operator: operator.address })
}

fn genesis_text(spec: &DevnetSpec, accounts: &Accounts) -> Result<String, DevnetError> {
    let Accounts { admin, operator, keys } = accounts;
    let seats = keys.iter().take(spec.seats);
    let funds = U256::from(1_000_000) * U256::from(10).pow(U256::from(18));
    if spec.profile != ClientProfile::Quorate {
        let validators = seats.map(|k| k.identity.address).collect();
        let accounts = [(admin.address, funds), (operator.address, funds)];
        return Ok(foreign::genesis_text(spec, validators, &accounts)?);
    }
    let governance = GenesisGovernance {
        members: vec![GenesisMember {
            alias: Label::new("devnet")?,
            admin: admin.address,
            operator: Some(operator.address),
            capacity: None,
        }],
        seats: seats.map(|k| GenesisSeat { identity: k.identity.address, member: 0 }).collect(),
        parameters: GenesisParameters {
            block_period_seconds: spec.block_period_s,
            request_timeout_millis: spec.request_timeout_ms,
            gas_limit: spec.gas_limit,
            default_capacity: 100,
            voting_blocks: 1000,
        },
    };
    Ok(render(&GenesisSpec {
        chain_id: spec.chain_id,
        gas_limit: spec.gas_limit,
        qbft: QbftConfig {
            blockperiodseconds: spec.block_period_s,
            requesttimeoutseconds: spec.request_timeout_ms.div_ceil(1000),
            requesttimeoutmilliseconds: Some(spec.request_timeout_ms),
            epochlength: 30_000,
            validatorcontractaddress: Some(GOVERNANCE),
            proposalround: ProposalRound::Real,
            messageencoding: MessageEncoding::FourItem,
        },
        accounts: [(admin.address, funds), (operator.address, funds)].into(),
        predeploys: predeploys(&governance)?,
    })?)
}

fn write_node(
    spec: &DevnetSpec,
    genesis: &Genesis,
    genesis_path: &Path,
    member: Option<Address>,
    keys: &[NodeKeys],
    node: usize,
) -> Result<PathBuf, DevnetError> {
    let dir = spec.dir.join(format!("node{node}"));
    make_dir(&dir)?;
    let (Some(own), Some(ports)) = (keys.get(node), spec.nodes.get(node)) else {
        return Err(DevnetError::Seats { seats: spec.seats, nodes: spec.nodes.len() });
    };
    save_key(&dir.join("identity.key"), &own.identity)?;
    save_key(&dir.join("p2p.key"), &own.p2p)?;
    let peers = keys
        .iter()
        .zip(&spec.nodes)
        .enumerate()
        .filter(|(i, _)| *i != node)
        .map(|(_, (k, ports))| Enode { id: k.p2p.node_id, host: "127.0.0.1".into(), port: ports.p2p });
    let listen = |port: u16| format!("127.0.0.1:{port}");
    let config = NodeConfig {
        version: CONFIG_VERSION,
        network: NetworkConfig {
            profile: (spec.profile != ClientProfile::Quorate).then_some(spec.profile),
            ..NetworkConfig::new(genesis.config.chain_id, genesis.hash, text(genesis_path))
        },
        identity: Some(IdentityConfig {
            address: own.identity.address,
            member,
            signer: SignerConfig::File { path: text(&dir.join("identity.key")) },
            journal: JournalConfig::Initialise,
            fence: None,
        }),
        standby_for: Vec::new(),
        azure: None,
        p2p: P2pConfig {
            key: text(&dir.join("p2p.key")),
            listen: listen(ports.p2p),
            peers: peers.collect(),
            max_peers: 50,
            admission: Admission::default(),
            read_only_slots: READ_ONLY_SLOTS,
            advertise: None,
            eth_versions: Vec::new(),
        },
        rpc: Some(RpcConfig::new(
            listen(ports.rpc),
            ["eth", "net", "web3", "txpool", "debug", "qbft", "istanbul"].map(String::from).to_vec(),
        )),
        metrics: MetricsConfig { listen: listen(ports.metrics) },
        data_dir: text(&dir.join("data")),
        history: None,
    };
    let path = dir.join("config.json");
    write(&path, &config.to_json()?)?;
    Ok(path)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn make_dir(path: &Path) -> Result<(), DevnetError> {
    fs::create_dir_all(path).map_err(|source| DevnetError::Io { path: path.to_path_buf(), source })
}

fn write(path: &Path, text: &str) -> Result<(), DevnetError> {
    fs::write(path, text).map_err(|source| DevnetError::Io { path: path.to_path_buf(), source })
}

fn save_key(path: &Path, key: &NewKey) -> Result<(), DevnetError> {
    write_key(path, &key.secret).map_err(|source| DevnetError::Io { path: path.to_path_buf(), source })
}
