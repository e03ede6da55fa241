//! Nodes that answer status and RPC on loopback addresses, over one chain that knows seats and nonces. The kubelet's part,
//! a pod per StatefulSet, is played here too.

use crate::{
    players::{pod, ports, statefulset},
    world::World,
};
use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, B512, Bytes, U256, hex};
use alloy_sol_types::{SolCall, SolError};
use chain::{
    governance::{Governance, Label, MemberView, NodeId, Seat, Snapshot},
    status::{
        Fence, FenceRole, Head, Identity, Journal, NodeStatus, Pool, STATUS_VERSION, SeatHeard, SeatProof,
        Standby,
    },
};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Pod, Secret},
    policy::v1::PodDisruptionBudget,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use operator_core::names::STANDBY;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

/// The chain that all nodes show.
#[derive(Default)]
pub struct State {
    /// Seats that nobody hears.
    pub silent: Vec<Address>,
    /// Identities in the validator set.
    pub seats: Vec<Address>,
    /// Most of them that there have been.
    pub most_seats: usize,
    /// Fewest of them after a transaction.
    pub least_seats: usize,
    /// Another member, which was there before ours: ours is one only once it is admitted.
    pub founder: Option<Founder>,
    /// The founder has admitted ours.
    pub admitted: bool,
    /// What nodes say of identities that can move; of one that a spare holds, by its name, the spare says that it does.
    pub fences: BTreeMap<Address, Fence>,
    pub(crate) genesis_hash: B256,
    pub(crate) admin: Address,
    pub(crate) operator: Address,
    nonce: u64,
    node_ids: Vec<NodeId>,
    pub(crate) height: u64,
}

/// The member that made a network that ours joins.
#[derive(Clone, Debug)]
pub struct Founder {
    /// Its admin account.
    pub admin: Address,
    /// Its operator account.
    pub operator: Address,
    /// Its seats, which are heard.
    pub seats: Vec<Address>,
}

/// Whose document it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Who {
    /// Its own identity, if it has one.
    pub(crate) address: Option<Address>,
    /// It is a spare: what it is called in records.
    pub(crate) spare: Option<String>,
}

impl Who {
    /// The node of a StatefulSet.
    pub(crate) fn of(set: &StatefulSet, address: Option<Address>) -> Self {
        let name = format!("{}/{}", set.namespace().unwrap_or_default(), set.name_any());
        Self { address, spare: set.labels().contains_key(STANDBY).then_some(name) }
    }

    /// The identity that it shows, with its fence.
    fn shows(&self, state: &State) -> Option<(Address, Option<Fence>)> {
        if let Some(address) = self.address {
            return Some((address, state.fences.get(&address).cloned()));
        }
        let mut held = state.fences.iter().filter(|(_, fence)| self.holds(fence));
        held.next()
            .map(|(address, fence)| (*address, Some(Fence { role: FenceRole::Holder, ..fence.clone() })))
    }

    fn holds(&self, fence: &Fence) -> bool {
        self.spare.is_some() && fence.holder == self.spare
    }

    /// What a spare stands by for.
    fn stands_by(&self, state: &State) -> Vec<Standby> {
        let view = |fence: &Fence| {
            let role = if self.holds(fence) { FenceRole::Holder } else { FenceRole::Standby };
            Fence { role, ..fence.clone() }
        };
        let fences = state.fences.iter().filter(|_| self.spare.is_some());
        fences
            .map(|(address, fence)| Standby { address: *address, signer_ready: true, fence: view(fence) })
            .collect()
    }
}

/// Says that a node holds what is its own, by a record.
#[must_use]
pub fn own_fence() -> Fence {
    Fence { role: FenceRole::Holder, holder: None, epoch: 1, recorded: true, reason: None, message: None }
}

impl State {
    /// The validator set.
    fn all_seats(&self) -> Vec<Address> {
        let founder = self.founder.iter().flat_map(|founder| &founder.seats);
        founder.chain(&self.seats).copied().collect()
    }
}

/// Nodes of one namespace.
pub struct FakeNetwork {
    /// What they answer from.
    pub state: Arc<Mutex<State>>,
    /// Third part of every address, so that tests do not meet.
    net: u8,
    started: BTreeMap<String, u8>,
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis())
        .expect("small")
}

fn annotation<T: std::str::FromStr>(secret: &Secret, key: &str) -> T {
    secret.annotations().get(key).and_then(|text| text.parse().ok()).expect("the annotation")
}

impl FakeNetwork {
    /// Waits for the genesis; no node yet. They answer on 127.1.`net`.1 and following.
    pub async fn new(world: &World, net: u8) -> Self {
        let status = world
            .until("a genesis", || async {
                world.consortium().await.status.filter(|status| status.genesis_hash.is_some())
            })
            .await;
        let member = status.member.expect("accounts");
        let state = State {
            genesis_hash: status.genesis_hash.expect("a genesis").parse().expect("a hash"),
            admin: member.address.parse().expect("an address"),
            operator: member.operator.parse().expect("an address"),
            height: 10,
            least_seats: usize::MAX,
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(state)), net, started: BTreeMap::new() }
    }

    /// Plays the kubelet once: a ready pod for every StatefulSet, none without one.
    pub async fn kubelet(&mut self, world: &World, first_seats: bool) {
        let sets = world.api::<StatefulSet>().list(&ListParams::default()).await.expect("StatefulSets");
        let pods = world.api::<Pod>();
        for set in &sets.items {
            let name = set.name_any();
            if self.started.contains_key(&name) {
                continue;
            }
            let number = u8::try_from(self.started.len()).expect("few") + 1;
            // Observers have none.
            let secret = world.api::<Secret>().get_opt(&format!("{name}-identity")).await.expect("read");
            let address: Option<Address> = secret.map(|secret| annotation(&secret, "quorate.dev/address"));
            if let Some(address) = address.filter(|_| first_seats) {
                self.state.lock().expect("lock").seats.push(address);
            }
            self.serve(number, Who::of(set, address)).await;
            self.pod(&pods, set, number, None).await;
            self.started.insert(name, number);
        }
    }

    /// A ready pod of a node that has been started before, made from this revision of its set.
    pub async fn again(&self, world: &World, node: &str, revision: &str) {
        let set = world.api::<StatefulSet>().get(node).await.expect("the StatefulSet");
        self.pod(&world.api::<Pod>(), &set, self.started[node], Some(revision)).await;
    }

    async fn pod(&self, pods: &Api<Pod>, set: &StatefulSet, number: u8, revision: Option<&str>) {
        let (set, labels) = (set.name_any(), json!({ "labels": set.labels() }));
        let made = serde_json::from_value(statefulset::plain(&set, labels, "x", revision)).expect("a pod");
        pods.create(&PostParams::default(), &made).await.expect("the pod");
        let status = json!({ "status": pod::running(&self.ip(number).to_string(), true) });
        let (name, params) = (statefulset::pod_of(&set), PatchParams::default());
        pods.patch_status(&name, &params, &Patch::Merge(&status)).await.expect("ready");
    }

    /// Plays the disruption controller once: as many evictions may be asked for as the budgets say.
    pub async fn disruption_controller(&self, world: &World) {
        let budgets = world.api::<PodDisruptionBudget>();
        for budget in budgets.list(&ListParams::default()).await.expect("budgets").items {
            let spec = budget.spec.clone().expect("a spec");
            let Some(IntOrString::Int(least)) = spec.min_available else { panic!("a number") };
            let healthy = i32::try_from(self.started.len()).expect("few");
            let status = json!({ "status": {
                "observedGeneration": budget.metadata.generation, "disruptionsAllowed": (healthy - least).max(0),
                "currentHealthy": healthy, "desiredHealthy": least, "expectedPods": healthy,
            } });
            let (name, params) = (budget.name_any(), PatchParams::default());
            budgets.patch_status(&name, &params, &Patch::Merge(&status)).await.expect("the budget's status");
        }
    }

    fn ip(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 1, self.net, number)
    }

    async fn serve(&self, number: u8, who: Who) {
        let shown = Shown { state: self.state.clone(), who };
        ports::Ports::open(self.ip(number), Arc::new(shown)).await.expect("a free address").keep();
    }
}

/// A node that shows the chain.
pub(crate) struct Shown {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) who: Who,
}

impl ports::Nodes for Shown {
    fn status(&self, _: Ipv4Addr) -> Option<NodeStatus> {
        Some(document(&self.state, &self.who))
    }

    async fn rpc(&self, _: Ipv4Addr, request: Value) -> Option<Value> {
        Some(answer(&self.state, &request))
    }
}

pub(crate) fn document(state: &Mutex<State>, who: &Who) -> NodeStatus {
    let state = state.lock().expect("lock");
    let (now_ms, number) = (now_ms(), state.height);
    let at = |seat: &Address| if state.silent.contains(seat) { 0 } else { now_ms };
    let heard = |seat: &Address| SeatHeard { address: *seat, height: number, at_ms: at(seat) };
    let proof = SeatProof {
        member: state.admin,
        block_number: number,
        block_hash: B256::ZERO,
        signature: Bytes::from(vec![1; 65]),
    };
    NodeStatus {
        version: STATUS_VERSION,
        chain_id: 10101,
        genesis_hash: state.genesis_hash,
        node_id: B512::ZERO,
        now_ms,
        // Long ago, so that it has been heard since.
        started_ms: now_ms.saturating_sub(60_000),
        head: Head { number, hash: B256::ZERO, timestamp: now_ms / 1000 },
        best_peer_head: number,
        ready: true,
        not_ready_reason: None,
        peers: Vec::new(),
        identity: who.shows(&state).map(|(address, fence)| identity(&state, (address, fence), proof)),
        standby_for: who.stands_by(&state),
        seats: state.all_seats().iter().map(heard).collect(),
        carriers: Vec::new(),
        consensus: None,
        pool: Pool::default(),
        faults: Vec::new(),
    }
}

fn identity(state: &State, (address, fence): (Address, Option<Fence>), proof: SeatProof) -> Identity {
    let seated = state.seats.contains(&address);
    let holds = fence.as_ref().is_none_or(|fence| fence.role == FenceRole::Holder);
    Identity {
        address,
        seated,
        voting: seated && holds && !state.silent.contains(&address),
        signer: None,
        journal: Journal { id: B256::left_padding_from(address.as_slice()), sitting_out: None },
        fence,
        seat_proof: (!seated && (state.founder.is_none() || state.admitted)).then_some(proof),
    }
}

fn answer(state: &Mutex<State>, request: &Value) -> Value {
    let mut state = state.lock().expect("lock");
    let result = match request["method"].as_str() {
        Some("eth_getTransactionCount") => json!(format!("{:#x}", state.nonce)),
        Some("eth_call") => return called(&state, request),
        // Nobody has voted.
        Some("eth_getLogs") => json!([]),
        Some("eth_sendRawTransaction") => execute(&mut state, request["params"][0].as_str().expect("raw")),
        other => panic!("unexpected method {other:?}"),
    };
    json!({ "jsonrpc": "2.0", "id": 1, "result": result })
}

/// The snapshot; whatever else is tried is refused, so that nobody sends what this chain does not play.
fn called(state: &State, request: &Value) -> Value {
    let input = request["params"][0]["input"].as_str().unwrap_or_default();
    let asked = hex::decode(input).unwrap_or_default();
    if asked.starts_with(&Governance::snapshotCall::SELECTOR) {
        let snapshot = Governance::snapshotCall::abi_encode_returns(&snapshot(state));
        return json!({ "jsonrpc": "2.0", "id": 1, "result": hex::encode_prefixed(snapshot) });
    }
    if asked.starts_with(&Governance::nodeIdsCall::SELECTOR) {
        let ids = Governance::nodeIdsCall::abi_encode_returns(&state.node_ids);
        return json!({ "jsonrpc": "2.0", "id": 1, "result": hex::encode_prefixed(ids) });
    }
    if asked.starts_with(&Governance::proposalCall::SELECTOR) {
        let none = Governance::proposalCall::abi_encode_returns(&no_proposal());
        return json!({ "jsonrpc": "2.0", "id": 1, "result": hex::encode_prefixed(none) });
    }
    let why = hex::encode_prefixed(Governance::NothingToChange {}.abi_encode());
    json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 3, "message": "execution reverted", "data": why } })
}

fn no_proposal() -> chain::governance::ProposalView {
    use chain::governance::{Kind, ProposalView, Status};
    ProposalView {
        id: 0,
        kind: Kind::AdmitMember,
        status: Status::None,
        proposer: 0,
        openedAt: 0,
        expiresAt: 0,
        closedAt: 0,
        countFor: 0,
        countAgainst: 0,
        votesFor: U256::ZERO,
        votesAgainst: U256::ZERO,
        subject: B256::ZERO,
        values: Bytes::new(),
        memo: String::new(),
    }
}

fn execute(state: &mut State, raw: &str) -> Value {
    let raw = hex::decode(raw).expect("hex");
    let envelope = TxEnvelope::decode_2718(&mut raw.as_slice()).expect("a transaction");
    assert_eq!(envelope.nonce(), state.nonce, "nonce from the chain");
    assert_eq!(envelope.max_fee_per_gas(), 0, "gas is free");
    let sender = envelope.recover_signer().expect("a signature");
    assert_eq!(sender, state.operator, "seats are the operator account's to move");
    if let Ok(call) = Governance::seatCall::abi_decode(envelope.input()) {
        state.seats.push(call.identity);
    } else if let Ok(call) = Governance::rotateSeatCall::abi_decode(envelope.input()) {
        let held = state.seats.iter_mut().find(|seat| **seat == call.old).expect("a seat to take over");
        *held = call.identity;
    } else if let Ok(call) = Governance::unseatCall::abi_decode(envelope.input()) {
        state.seats.retain(|seat| *seat != call.identity);
    } else if let Ok(call) = Governance::addNodeIdCall::abi_decode(envelope.input()) {
        state.node_ids.push(NodeId { x: call.x, y: call.y });
    } else if let Ok(call) = Governance::removeNodeIdCall::abi_decode(envelope.input()) {
        state.node_ids.retain(|id| (id.x, id.y) != (call.x, call.y));
    } else {
        panic!("a call that is not played");
    }
    state.nonce += 1;
    state.height += 1;
    state.most_seats = state.most_seats.max(state.seats.len());
    state.least_seats = state.least_seats.min(state.seats.len());
    json!(envelope.tx_hash())
}

fn snapshot(state: &State) -> Snapshot {
    let Some(founder) = &state.founder else {
        return governance(state.height, state.admin, state.operator, &state.seats);
    };
    let mut snapshot = governance(state.height, founder.admin, founder.operator, &founder.seats);
    if state.admitted {
        let ours = governance(state.height, state.admin, state.operator, &state.seats);
        let label = Label::new("bank-b").expect("a label").to_word();
        snapshot.members.extend(ours.members.into_iter().map(|member| MemberView { id: 2, label, ..member }));
        snapshot.seats.extend(ours.seats.into_iter().map(|seat| Seat { member: 2, ..seat }));
    }
    snapshot
}

/// What the governance contract of a network with one member says.
#[must_use]
pub fn governance(height: u64, admin: Address, operator: Address, seats: &[Address]) -> Snapshot {
    let seat = |identity: &Address| Seat { identity: *identity, member: 1, seatedAt: 0, operator };
    let member = MemberView {
        id: 1,
        label: Label::new("bank-a").expect("a label").to_word(),
        admin,
        offeredAdmin: Address::ZERO,
        place: 0,
        capacity: 16,
        seats: u16::try_from(seats.len()).expect("few"),
        joinedAt: 0,
        nextSeatBlock: 0,
        operators: vec![operator],
    };
    Snapshot {
        blockNumber: height,
        members: vec![member],
        seats: seats.iter().map(seat).collect(),
        ..empty_snapshot()
    }
}

fn empty_snapshot() -> Snapshot {
    use chain::governance::{ParametersView, Scheduled, Successor};
    let scheduled = || Scheduled { value: 0, next: 0, from: 0 };
    Snapshot {
        blockNumber: 0,
        votesNeeded: 1,
        members: Vec::new(),
        seats: Vec::new(),
        proposals: Vec::new(),
        parameters: ParametersView {
            blockPeriodSeconds: 2,
            requestTimeoutMillis: 1500,
            gasLimit: 250_000_000,
            defaultCapacity: 16,
            votingBlocks: 100,
            hardforks: Vec::new(),
            successor: Successor { location: Address::ZERO, atBlock: 0 },
        },
        schedule: [scheduled(), scheduled(), scheduled(), scheduled(), scheduled()],
        namedContracts: Vec::new(),
    }
}
