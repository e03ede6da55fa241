//! The network of the derived vectors, one of its validators a real node and the others scripted.

use super::{
    dial::Dial,
    peer::{Peer, Shown, Story},
    voice::{Payload, Voice, proposed},
};
use crate::support::ports::free_ports;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::Decodable as _;
use chain::{
    Extra, Seal,
    client::{ClientProfile, WireRules},
    config::{
        Admission, CONFIG_VERSION, IdentityConfig, JournalConfig, MetricsConfig, NetworkConfig, NodeConfig,
        P2pConfig, READ_ONLY_SLOTS, SignerConfig,
    },
    enode::Enode,
    genesis::Genesis,
    hash::{block_hash, commit_hash, with_round_and_seals},
};
use devp2p::{
    ForkSchedule, NodeKey,
    eth::{BlockRange, ClaimedHead, EthVersion, Status},
};
use ledger::{Block, BlockBody};
use serde_json::{Value, json};
use std::{future::Future, path::Path, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use validator::{clock::Clock, driver::ProposedBlock, node, setup::Setup};

/// A test that has to wait longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(40);
/// Seconds between blocks: block 1 of the vectors is so much later than their genesis.
pub(super) const PERIOD_S: u64 = 5;
/// Milliseconds of the first round.
pub(super) const TIMEOUT_MS: u64 = 10_000;

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}"))
}

/// A profile, and the version of eth that its clients negotiate with this node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) profile: ClientProfile,
    pub(super) eth: EthVersion,
}

/// GoQuorum speaks `eth/66`, Besu 24.12 both, Besu from 26.2 on the later ones.
pub(super) const CASES: [Case; 5] = [
    Case { profile: ClientProfile::GoQuorum, eth: EthVersion::V66 },
    Case { profile: ClientProfile::Besu24, eth: EthVersion::V66 },
    Case { profile: ClientProfile::Besu24, eth: EthVersion::V68 },
    Case { profile: ClientProfile::Besu, eth: EthVersion::V68 },
    Case { profile: ClientProfile::Besu, eth: EthVersion::V69 },
];

impl Case {
    pub(super) fn rules(self) -> WireRules {
        WireRules::of(self.profile)
    }

    /// Which of the encodings in the vectors this profile's is.
    pub(super) fn rlp(self) -> &'static str {
        if self.profile == ClientProfile::Besu { "rlp_besu26" } else { "rlp_legacy" }
    }

    /// The vectors' name for how this profile's clients propose above round 0.
    pub(super) fn style(self) -> &'static str {
        if self.profile == ClientProfile::GoQuorum { "goquorum_style" } else { "besu_style" }
    }
}

/// The vectors' scenario: four validators, ascending by address, keys 4, 2, 3, 1.
pub(super) struct Vectors(pub(super) Value);

impl Vectors {
    pub(super) fn load() -> Self {
        let text = include_str!("../../../qbft/tests/vectors/qbft-vectors.json");
        let mut all: Value = serde_json::from_str(text).unwrap();
        Self(all["derived_end_to_end"].take())
    }

    pub(super) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("no vector {pointer}"))
    }

    pub(super) fn bytes(&self, pointer: &str) -> Bytes {
        self.at(pointer).as_str().unwrap().parse().unwrap()
    }

    pub(super) fn header(&self, pointer: &str) -> Header {
        Header::decode(&mut &self.bytes(pointer)[..]).unwrap()
    }

    pub(super) fn block(&self) -> Block {
        Block::decode(&mut &self.bytes("/block1_unsealed/block_rlp")[..]).unwrap()
    }

    /// The message with this code in a list whose items name their author.
    pub(super) fn of(&self, list: &str, field: &str, code: u8, author: Address) -> Payload {
        let items = self.at(list).as_array().unwrap();
        let item = items.iter().find(|item| item["author"].as_str().unwrap().parse() == Ok(author));
        let item = item.unwrap_or_else(|| panic!("{list} has none of {author}"));
        (code, item[field].as_str().unwrap().parse().unwrap())
    }

    fn secret(&self, seat: usize) -> B256 {
        self.at(&format!("/validators/{seat}/private_key")).as_str().unwrap().parse().unwrap()
    }
}

/// How a world is made.
pub(super) struct Plan {
    pub(super) case: Case,
    /// The seat of the node, 0 to 3; from 4 on it has none.
    pub(super) own: usize,
    /// Additions to `config` of the genesis.
    pub(super) config: Value,
    /// Additions to `config.qbft`.
    pub(super) qbft: Value,
    /// Accounts of the genesis.
    pub(super) alloc: Value,
    /// Validators stand in the header; otherwise in a contract.
    pub(super) in_header: bool,
}

impl Plan {
    pub(super) fn new(case: Case, own: usize) -> Self {
        Self { case, own, config: json!({}), qbft: json!({}), alloc: json!({}), in_header: true }
    }
}

pub(super) struct World {
    pub(super) case: Case,
    pub(super) vectors: Vectors,
    pub(super) genesis: Genesis,
    pub(super) clock: Dial,
    /// All four validators, by seat.
    pub(super) voices: Vec<Voice>,
    pub(super) node: Enode,
    own: usize,
    stop: CancellationToken,
    task: Option<JoinHandle<Result<(), node::NodeError>>>,
    _dir: tempfile::TempDir,
}

impl World {
    /// Starts the node a second before block 1 is due.
    pub(super) async fn start(case: Case, own: usize) -> Self {
        Self::make(Plan::new(case, own)).await
    }

    pub(super) async fn make(plan: Plan) -> Self {
        let vectors = Vectors::load();
        let dir = tempfile::tempdir().unwrap();
        let text = genesis_text(&plan, &vectors);
        let genesis = Genesis::from_json(&text).unwrap();
        std::fs::write(dir.path().join("genesis.json"), text).unwrap();
        let secret = if plan.own < 4 { vectors.secret(plan.own) } else { B256::repeat_byte(0x77) };
        let (config, node) = config(dir.path(), &plan, &genesis, secret);
        std::fs::write(dir.path().join("key"), hex::encode(secret)).unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, config.to_json().unwrap()).unwrap();
        let setup = Setup::load(&path).unwrap();
        let rules = setup.rules;
        let clock = Dial::at((genesis.header.timestamp + PERIOD_S) * 1000 - 1000);
        let stop = CancellationToken::new();
        let run = node::run_by(setup, Clock::new(clock.clone()), stop.clone());
        let task = tokio::spawn(run);
        within("the node to run", clock.is_watched()).await;
        let voices = (0..4).map(|seat| Voice::new(vectors.secret(seat), rules)).collect();
        let (case, own) = (plan.case, plan.own);
        Self { case, vectors, genesis, clock, voices, node, own, stop, task: Some(task), _dir: dir }
    }

    /// When block 1 is due, Unix milliseconds.
    pub(super) fn due_ms(&self) -> u64 {
        (self.genesis.header.timestamp + PERIOD_S) * 1000
    }

    pub(super) fn address(&self, seat: usize) -> Address {
        self.voices[seat].address()
    }

    /// Block 1 of the vectors as proposed in round 0.
    pub(super) fn block1(&self) -> ProposedBlock {
        proposed(self.vectors.block(), self.case.rules())
    }

    /// Connects the other validators, in the order of their seats.
    pub(super) async fn connect_all(&self) -> Vec<Peer> {
        let mut peers = Vec::new();
        for seat in (0..4).filter(|seat| *seat != self.own) {
            peers.push(self.connect(seat).await);
        }
        peers
    }

    /// Connects one of the validators.
    pub(super) async fn connect(&self, seat: usize) -> Peer {
        let key = NodeKey::from_bytes(self.vectors.secret(seat).0).unwrap();
        self.connect_as(key, self.case.eth, Shown::default()).await
    }

    /// Connects somebody who shows this chain.
    pub(super) async fn connect_as(&self, key: NodeKey, eth: EthVersion, shows: Shown) -> Peer {
        self.connect_deaf(key, eth, shows, 0).await
    }

    /// The same, and leaves this many questions for headers unanswered first.
    pub(super) async fn connect_deaf(&self, key: NodeKey, eth: EthVersion, shows: Shown, deaf: u32) -> Peer {
        self.connect_by(key, eth, shows, (deaf, usize::MAX)).await
    }

    /// The same, and shows so many headers at once at most.
    pub(super) async fn connect_by(
        &self,
        key: NodeKey,
        eth: EthVersion,
        shows: Shown,
        (deaf, at_once): (u32, usize),
    ) -> Peer {
        let last = shows.lock().last().map(|block| block.header.clone());
        let head = last.unwrap_or_else(|| self.genesis.header.clone());
        let hash = block_hash(&head).unwrap();
        let forks = ForkSchedule::from_genesis(&self.genesis, self.case.profile);
        let range = BlockRange { earliest: 0, latest: head.number, latest_hash: hash };
        let difficulty = ClaimedHead::Difficulty { total_difficulty: U256::from(head.number + 1), hash };
        let status = Status {
            version: eth.number(),
            network_id: self.genesis.config.chain_id,
            genesis_hash: self.genesis.hash,
            fork_id: forks.current(head.number, head.timestamp),
            head: if eth.has_ranges() { ClaimedHead::Range(range) } else { difficulty },
        };
        let client = match self.case.profile {
            ClientProfile::GoQuorum => "Geth/v1.10.3-stable(quorum-v24.4.1)/linux-amd64/go1.19",
            _ => "besu/v26.6.0/linux-x86_64/openjdk-java-21",
        };
        Peer::connect(&self.node, Story { key, client, eth, status, shows, deaf, at_once }).await
    }

    /// An empty block on `parent`, made by the validator whose turn it is in round 0.
    pub(super) fn next_block(&self, parent: &Header) -> ProposedBlock {
        let mut addresses: Vec<Address> = (0..4).map(|seat| self.address(seat)).collect();
        addresses.sort_unstable();
        let turn = addresses.iter().position(|address| *address == parent.beneficiary);
        let turn = turn.map_or(0, |seat| (seat + 1) % 4);
        let template = self.vectors.block();
        let header = Header {
            parent_hash: block_hash(parent).unwrap(),
            number: parent.number + 1,
            timestamp: parent.timestamp + PERIOD_S,
            beneficiary: addresses[turn],
            ..template.header
        };
        proposed(Block { header, body: BlockBody::default() }, self.case.rules())
    }

    /// A block sealed by the first three validators in this round.
    pub(super) fn sealed(&self, block: &ProposedBlock, round: u32) -> Block {
        let hash = commit_hash(&block.block().header, round).unwrap();
        let seals: Vec<Seal> = self.voices[..3].iter().map(|voice| voice.seal(hash)).collect();
        block.sealed(round, seals).unwrap()
    }

    /// A chain of empty blocks after genesis.
    pub(super) fn chain(&self, length: u64) -> Vec<Block> {
        let mut parent = self.genesis.header.clone();
        let mut blocks = Vec::new();
        for _ in 0..length {
            let block = self.sealed(&self.next_block(&parent), 0);
            parent = block.header.clone();
            blocks.push(block);
        }
        blocks
    }

    /// Everything that was sent before this has been taken or refused when this ends: `from` sends a harmless vote for a
    /// later round, and the node passes it on to `to`.
    pub(super) async fn barrier(&self, from: (usize, &Peer), to: &mut Peer, round: u32) {
        self.barrier_at(1, from, to, round).await;
    }

    /// The same at another height.
    pub(super) async fn barrier_at(&self, height: u64, from: (usize, &Peer), to: &mut Peer, round: u32) {
        let vote = self.voices[from.0].prepare(height, round, B256::repeat_byte(0xba));
        from.1.send(&vote);
        to.hears("a later vote passed on", &vote).await;
    }

    /// Stops the node, which must have come to no harm.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        let task = self.task.take().unwrap();
        within("the node to stop", task).await.unwrap().unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn genesis_text(plan: &Plan, vectors: &Vectors) -> String {
    let header = vectors.header("/genesis/header_rlp");
    let extra = Extra::decode_exact(&header.extra_data).unwrap();
    let extra = if plan.in_header { extra } else { Extra { validators: vec![], ..extra } };
    let mut file = json!({
        "config": {
            "chainId": 1337, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "muirGlacierBlock": 0, "berlinBlock": 0,
            "qbft": {
                "epochlength": 30_000, "blockperiodseconds": PERIOD_S,
                "requesttimeoutseconds": TIMEOUT_MS / 1000,
            },
        },
        "nonce": "0x0",
        "timestamp": format!("{:#x}", header.timestamp),
        "extraData": extra.to_bytes(),
        "gasLimit": format!("{:#x}", header.gas_limit),
        "difficulty": "0x1",
        "mixHash": header.mix_hash,
        "coinbase": Address::ZERO,
        "alloc": plan.alloc,
    });
    if plan.case.profile == ClientProfile::GoQuorum {
        file["config"]["isQuorum"] = true.into();
    }
    for (at, more) in [("/config", &plan.config), ("/config/qbft", &plan.qbft)] {
        let Value::Object(more) = more.clone() else { panic!("an object") };
        file.pointer_mut(at).unwrap().as_object_mut().unwrap().extend(more);
    }
    file.to_string()
}

fn config(dir: &Path, plan: &Plan, genesis: &Genesis, secret: B256) -> (NodeConfig, Enode) {
    let text = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let ports = free_ports(2);
    let key = NodeKey::from_bytes(secret.0).unwrap();
    let node = Enode { id: key.id(), host: "127.0.0.1".to_owned(), port: ports[0] };
    let network = NetworkConfig {
        profile: Some(plan.case.profile),
        ..NetworkConfig::new(genesis.config.chain_id, genesis.hash, text("genesis.json"))
    };
    let identity = IdentityConfig {
        address: key.address(),
        member: None,
        signer: SignerConfig::File { path: text("key") },
        journal: JournalConfig::Initialise,
        fence: None,
    };
    let config = NodeConfig {
        version: CONFIG_VERSION,
        network,
        identity: (plan.own < 4).then_some(identity),
        standby_for: Vec::new(),
        azure: None,
        p2p: P2pConfig {
            key: text("key"),
            listen: format!("127.0.0.1:{}", ports[0]),
            peers: vec![],
            max_peers: 10,
            admission: Admission::default(),
            read_only_slots: READ_ONLY_SLOTS,
            advertise: None,
            eth_versions: vec![],
        },
        rpc: None,
        metrics: MetricsConfig { listen: format!("127.0.0.1:{}", ports[1]) },
        data_dir: text("data"),
        history: None,
    };
    (config, node)
}

/// Seals of a finalised block by who made them, and whether they are over this round's header.
pub(super) fn sealers(header: &Header) -> (u32, Vec<Address>) {
    let extra = Extra::decode_exact(&header.extra_data).unwrap();
    let hash = commit_hash(header, extra.round).unwrap();
    let mut sealers: Vec<_> =
        extra.seals.iter().map(|seal| chain::signature::recover(hash, seal).unwrap()).collect();
    sealers.sort_unstable();
    sealers.dedup();
    assert_eq!(sealers.len(), extra.seals.len(), "no seal twice");
    (extra.round, sealers)
}

/// The same block with other round and seals taken off.
pub(super) fn unsealed(block: &Block) -> Header {
    with_round_and_seals(&block.header, 0, vec![]).unwrap()
}

/// Runs a scenario for every profile, one after the other.
pub(super) async fn for_every_profile<F: Future<Output = ()>>(scenario: impl Fn(Case) -> F) {
    for case in CASES {
        eprintln!("{case:?}");
        scenario(case).await;
    }
}

/// A shown chain.
pub(super) fn shown(blocks: Vec<Block>) -> Shown {
    Arc::new(parking_lot::Mutex::new(blocks))
}
