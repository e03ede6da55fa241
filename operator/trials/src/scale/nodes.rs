//! Answers `GET /status` and the JSON-RPC calls of the operator for every node, each on an address of its own, with heights
//! that advance every two seconds.

use super::Failure;
use crate::players::ports::{self, Ports};
use alloy_primitives::{Address, B256, B512, hex};
use alloy_sol_types::SolCall;
use chain::{
    governance::{Governance, NodeId},
    status::{Head, Identity, Journal, NodeStatus, Peer, Pool, STATUS_VERSION, SeatHeard},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
/// Peers that a node reports: as many as a node of a network of some size has.
const PEERS: usize = 15;
/// Between two blocks.
const PERIOD_MS: u64 = 2_000;

/// One network's chain.
#[derive(Clone, Debug)]
pub struct Network {
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Chain id.
    pub chain_id: u64,
    /// Account of the member that votes.
    pub admin: Address,
    /// Account of the member that seats.
    pub operator: Address,
    /// Identities in the validator set.
    pub seats: Vec<Address>,
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its network.
    pub network: Arc<Network>,
    /// Its identity, if it holds one.
    pub identity: Option<Address>,
}

/// All nodes.
#[derive(Debug, Default)]
pub struct Nodes {
    nodes: Mutex<HashMap<Ipv4Addr, Node>>,
    started_ms: u64,
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The address of the node with this number, from 0.
#[must_use]
pub fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 16, 0, 1)) + number)
}

impl Nodes {
    /// Serves all nodes for as long as the process runs.
    pub async fn serve() -> Result<Arc<Self>, Failure> {
        let nodes = Arc::new(Self { nodes: Mutex::default(), started_ms: now_ms() });
        Ports::open(Ipv4Addr::UNSPECIFIED, nodes.clone()).await?.keep();
        Ok(nodes)
    }

    /// A node answers from now on.
    pub fn start(&self, address: Ipv4Addr, node: Node) {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).insert(address, node);
    }

    fn node(&self, address: Ipv4Addr) -> Option<Node> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).get(&address).cloned()
    }

    fn height(&self) -> u64 {
        100 + now_ms().saturating_sub(self.started_ms) / PERIOD_MS
    }
}

impl ports::Nodes for Nodes {
    fn status(&self, at: Ipv4Addr) -> Option<NodeStatus> {
        Some(document(&self.node(at)?, self.height(), self.started_ms, at))
    }

    async fn rpc(&self, at: Ipv4Addr, request: Value) -> Option<Value> {
        Some(answer(&self.node(at)?, self.height(), &request))
    }
}

fn document(node: &Node, number: u64, started_ms: u64, at: Ipv4Addr) -> NodeStatus {
    let now_ms = now_ms();
    let network = &node.network;
    let peer = |index: usize| Peer {
        node_id: B512::with_last_byte(u8::try_from(index).unwrap_or(u8::MAX)),
        client: "quorate-validator/0.1.0/linux-x86_64".to_owned(),
        remote: format!("10.244.{index}.17:30303"),
        inbound: index.is_multiple_of(2),
        head: number,
    };
    let heard = |seat: &Address| SeatHeard { address: *seat, height: number, at_ms: now_ms };
    NodeStatus {
        version: STATUS_VERSION,
        chain_id: network.chain_id,
        genesis_hash: network.genesis_hash,
        node_id: B512::ZERO,
        now_ms,
        started_ms,
        head: Head {
            number,
            hash: B256::from(alloy_primitives::U256::from(number)),
            timestamp: now_ms / 1000,
        },
        best_peer_head: number,
        ready: true,
        not_ready_reason: None,
        peers: (0..PEERS).map(peer).collect(),
        identity: node.identity.map(|address| Identity {
            address,
            seated: true,
            voting: true,
            signer: None,
            journal: Journal { id: B256::left_padding_from(&at.to_string().into_bytes()), sitting_out: None },
            fence: None,
            seat_proof: None,
        }),
        standby_for: Vec::new(),
        seats: network.seats.iter().map(heard).collect(),
        carriers: Vec::new(),
        consensus: None,
        pool: Pool::default(),
        faults: Vec::new(),
    }
}

fn is_call<C: SolCall>(request: &Value) -> bool {
    let input = request["params"][0]["input"].as_str().and_then(|input| hex::decode(input).ok());
    input.is_some_and(|input| input.starts_with(&C::SELECTOR))
}

fn answer(node: &Node, height: u64, request: &Value) -> Value {
    match request["method"].as_str() {
        // A list without room: nobody's transactions are part of this trial.
        Some("eth_call") if is_call::<Governance::nodeIdsCall>(request) => {
            let id = |number: u8| NodeId { x: B256::with_last_byte(number), y: B256::ZERO };
            let full: Vec<NodeId> = (0..32).map(id).collect();
            json!({ "result": hex::encode_prefixed(Governance::nodeIdsCall::abi_encode_returns(&full)) })
        }
        Some("eth_call") => {
            let network = &node.network;
            let snapshot =
                crate::fake_network::governance(height, network.admin, network.operator, &network.seats);
            json!({ "result": hex::encode_prefixed(Governance::snapshotCall::abi_encode_returns(&snapshot)) })
        }
        Some("eth_getTransactionCount") => json!({ "result": "0x0" }),
        other => {
            json!({ "error": { "code": -32601, "message": format!("{other:?} is not part of this trial") } })
        }
    }
}
