//! What the shell has read, as plain values.

mod budget;
mod pod;
mod volume;

pub use budget::BudgetObserved;
pub(crate) use pod::fault;
pub use pod::{PodObserved, Trouble, says_disk_full};
pub use volume::{Growth, VolumeObserved};

use crate::{
    api::{PeerAdmission, consortium::PositionStatus},
    build::FIRST_TEMPLATE,
    genesis::StoredGenesis,
    keys::{self, PublicKey, SecretError},
    names::{FENCE_RECORD, FleetName, NodeName, SPEC, TEMPLATE},
    network_info::{Learned, Seen},
    policy::Turn,
    validate::wants,
    vault::{KeyId, KeyPlace, Report},
    votes::{Content, History},
};
use alloy_primitives::{Address, B256, B512, U256};
use chain::{enode::Enode, status::NodeStatus};
use k8s_openapi::{api::apps::v1::StatefulSet, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use std::collections::{BTreeMap, BTreeSet};

/// A key Secret as found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecretState {
    /// There is none.
    #[default]
    Absent,
    /// It has a key.
    Present(StoredKey),
    /// It is not a key Secret.
    Malformed(SecretError),
}

/// A key and the journal recorded beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key's public part.
    pub key: PublicKey,
    /// Id of the vote journal, for identities that have had one.
    pub journal: Option<B256>,
    /// The fence has had a record of it: none is made anew.
    pub recorded: bool,
    /// It has labels and annotations by which it is found; one that a person restored may lack them.
    pub labelled: bool,
    /// The key itself is in a vault, and this version of it is used.
    pub vault: Option<Box<KeyId>>,
}

impl SecretState {
    /// Reads a Secret.
    #[must_use]
    pub fn read(secret: Option<&k8s_openapi::api::core::v1::Secret>) -> Self {
        let Some(secret) = secret else { return Self::Absent };
        let metadata = &secret.metadata;
        let read = match keys::recorded(secret) {
            None => keys::read(secret).and_then(|key| StoredKey::new(PublicKey::from(&key), metadata, None)),
            Some(recorded) => recorded.and_then(|(address, id)| {
                let labelled = keys::announced_id(metadata).as_ref() == Some(&id);
                let stored = StoredKey::new(PublicKey { address, public: None }, metadata, Some(id))?;
                Ok(StoredKey { labelled: stored.labelled && labelled, ..stored })
            }),
        };
        read.map_or_else(Self::Malformed, Self::Present)
    }

    /// The same, unless the key is somewhere else than the spec says: there, or where that is `None` in the Secret itself.
    #[must_use]
    pub fn at(self, wanted: Option<&KeyPlace>, secret: &str) -> Self {
        let Self::Present(stored) = &self else { return self };
        let got = stored.vault.as_ref().map(|id| &id.place);
        if got == wanted {
            return self;
        }
        let told = |place: Option<&KeyPlace>| {
            place.map_or_else(|| "in the Secret itself".to_owned(), |place| format!("at {place}"))
        };
        let (got, want) = (told(got), told(wanted));
        Self::Malformed(SecretError::Elsewhere { secret: secret.to_owned(), got, want })
    }

    /// Takes the word of a Secret's metadata; `None` when it does not say what the key is.
    #[must_use]
    pub fn announced(metadata: &ObjectMeta) -> Option<Self> {
        let stored = StoredKey::new(keys::announced(metadata)?, metadata, keys::announced_id(metadata));
        Some(stored.map_or_else(Self::Malformed, Self::Present))
    }

    /// The key, if there is a good one.
    #[must_use]
    pub const fn key(&self) -> Option<&StoredKey> {
        match self {
            Self::Present(stored) => Some(stored),
            Self::Absent | Self::Malformed(_) => None,
        }
    }
}

impl StoredKey {
    fn new(key: PublicKey, metadata: &ObjectMeta, vault: Option<KeyId>) -> Result<Self, SecretError> {
        let vault = vault.map(Box::new);
        Ok(Self {
            key,
            journal: keys::journal(metadata)?,
            recorded: keys::is_recorded(metadata),
            labelled: keys::is_labelled(metadata),
            vault,
        })
    }
}

/// A StatefulSet as found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatefulSetObserved {
    /// Its container's image.
    pub image: Option<String>,
    /// Revision that a new pod would have.
    pub revision: Option<String>,
    /// Pod template that it was made by.
    pub template: u32,
    /// Hash of the spec that it was made from; `None` for sets of the first versions, which did not record it.
    pub spec: Option<String>,
}

impl StatefulSetObserved {
    /// Reads a StatefulSet.
    #[must_use]
    pub fn read(set: &StatefulSet) -> Self {
        let template = set.spec.template.spec.as_ref();
        let annotation = |name: &str| set.metadata.annotations.as_ref().and_then(|all| all.get(name));
        Self {
            image: template
                .and_then(|pod| pod.containers.first())
                .and_then(|container| container.image.clone()),
            revision: revision(set),
            template: annotation(TEMPLATE).and_then(|text| text.parse().ok()).unwrap_or(FIRST_TEMPLATE),
            spec: annotation(SPEC).cloned(),
        }
    }
}

/// What the controller has not yet looked at has no revision yet; the old one would make an outdated pod look new.
fn revision(set: &StatefulSet) -> Option<String> {
    let status = set.status.as_ref()?;
    let seen = status.observed_generation.zip(set.metadata.generation).is_none_or(|(seen, is)| seen >= is);
    status.update_revision.clone().filter(|_| seen)
}

/// The Lease of an identity that has no record as far as is known here; of others nobody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaseState {
    /// It was not looked at.
    #[default]
    Unasked,
    /// There is none.
    Absent,
    /// It has no record yet.
    Empty,
    /// It has one.
    Recorded,
}

impl LeaseState {
    /// Reads its metadata.
    #[must_use]
    pub fn read(metadata: Option<&ObjectMeta>) -> Self {
        let Some(metadata) = metadata else { return Self::Absent };
        let recorded = metadata.annotations.as_ref().is_some_and(|all| all.contains_key(FENCE_RECORD));
        if recorded { Self::Recorded } else { Self::Empty }
    }
}

/// A node of the fleet as found.
#[derive(Clone, Debug, Default)]
pub struct NodeObserved {
    /// Its identity's key.
    pub identity: SecretState,
    /// The Lease of its identity.
    pub lease: LeaseState,
    /// Its p2p key.
    pub p2p: SecretState,
    /// Its disk.
    pub volume: Option<VolumeObserved>,
    /// Its StatefulSet.
    pub statefulset: Option<StatefulSetObserved>,
    /// Its pod.
    pub pod: Option<PodObserved>,
    /// What it says of itself.
    pub status: Option<NodeStatus>,
}

impl FleetSummary {
    /// Whether the node of this index is wanted.
    #[must_use]
    pub const fn wants(&self, index: u32) -> bool {
        wants((self.replicas, self.standbys), index)
    }

    /// Whether a pod of it is one that the disruption budget may take for a node that votes. One that ends and is not wanted is not: it
    /// stays for as long as its Kubernetes node is lost.
    #[must_use]
    pub const fn counts(&self, index: u32, terminating: bool) -> bool {
        self.seats && (self.wants(index) || !terminating)
    }
}

impl NodeObserved {
    /// Address of its identity.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.identity.key().map(|stored| stored.key.address)
    }

    /// Whether its pod is ready, and to stay.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.pod.as_ref().is_some_and(PodObserved::is_up)
    }
}

/// A node of the network in this namespace, of whichever fleet, as its p2p Secret's annotations name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerNode {
    /// Which.
    pub name: NodeName,
    /// Its public p2p key.
    pub node_id: B512,
    /// Address or name of its fleet's load balancer for other clusters, once it has one.
    pub outside: Option<String>,
}

/// A node of another fleet of this member, in the same namespace and network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Which.
    pub name: NodeName,
    /// Address of its identity, if its fleet holds seats.
    pub address: Option<Address>,
    /// Its pod.
    pub pod: Option<PodObserved>,
}

/// Everything about a fleet.
#[derive(Clone, Debug, Default)]
pub struct FleetObserved {
    /// Whether the `Consortium` exists.
    pub consortium_exists: bool,
    /// The network is made here, and has not begun: nobody can have voted in it.
    pub founds: bool,
    /// Who may peer with its nodes.
    pub admission: PeerAdmission,
    /// The network's genesis.
    pub genesis: Option<StoredGenesis>,
    /// The fleet's nodes, those above `replicas` that still exist too.
    pub nodes: BTreeMap<u32, NodeObserved>,
    /// Nodes of which only the ConfigMap is there: stopped, and configured since by somebody who did not know it.
    pub configured: Vec<NodeName>,
    /// All nodes of the network in this namespace, in order.
    pub peers: Vec<PeerNode>,
    /// Nodes of other members, as they have published them.
    pub bootnodes: Vec<Enode>,
    /// Whether this member is in the governance contract; `None` while nobody has read it.
    pub member: Option<bool>,
    /// What nodes of the network in this namespace say, of whichever fleet.
    pub network: Vec<NodeStatus>,
    /// Nodes of the member's other fleets.
    pub neighbours: Vec<Neighbour>,
    /// This member's place among the members.
    pub turn: Option<Turn>,
    /// Whether a transaction that moves a seat may wait for a block; `None` before the chain was asked.
    pub moving: Option<bool>,
    /// Image in `status.image`.
    pub recorded_image: Option<String>,
    /// What the vault has said of keys, by the Secrets that stand for them.
    pub vault: BTreeMap<String, Report>,
}

/// A fleet as its consortium sees it.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, from another place of the manifest"
)]
pub struct FleetSummary {
    /// Its name.
    pub name: FleetName,
    /// Nodes wanted.
    pub replicas: u32,
    /// Spares wanted.
    pub standbys: u32,
    /// It stands by for the identities of another cluster, which seats and unseats them.
    pub stands_by: bool,
    /// Whether its nodes hold seats.
    pub seats: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// It is let go with its seats.
    pub skip_unseat: bool,
    /// The fleet whose seats its nodes take over.
    pub replaces: Option<FleetName>,
    /// Addresses of its identities, by index.
    pub identities: BTreeMap<u32, Address>,
}

/// Everything about a consortium.
#[derive(Clone, Debug, Default)]
pub struct ConsortiumObserved {
    /// The admin account's key.
    pub admin: SecretState,
    /// The operator account's key.
    pub operator: SecretState,
    /// The stored genesis; why it cannot be read otherwise.
    pub genesis: Option<Result<StoredGenesis, String>>,
    /// Its fleets.
    pub fleets: Vec<FleetSummary>,
    /// What other members publish of it.
    pub sources: SourcesObserved,
    /// All nodes of the network in this namespace, in order.
    pub peers: Vec<PeerNode>,
    /// Nodes of this namespace that are gone for good while their p2p keys are still there.
    pub former: Vec<PeerNode>,
    /// Nodes of this member that may peer, by the contract; `None` while they need no looking at.
    pub allowed: Option<BTreeSet<B512>>,
    /// Pods that exist of nodes that have identities.
    pub running: usize,
    /// Spares that were made.
    pub spares: usize,
    /// What its nodes say.
    pub nodes: Vec<NodeStatus>,
    /// The governance contract at the newest block of a ready node.
    pub governance: Option<Governance>,
    /// A transaction of the operator account waits for a block.
    pub in_flight: bool,
    /// The admin account's part of the chain; `None` while it is not read.
    pub admin_account: Option<AdminObserved>,
    /// What the status said of positions.
    pub positions: Vec<PositionStatus>,
    /// What the vaults have said of the accounts' keys, by the Secrets that stand for them.
    pub vault: BTreeMap<String, Report>,
    /// An eviction that came to nothing and keeps others out.
    pub idle_eviction: Option<String>,
    /// It is being deleted: the fleets that name it still, those with a refused spec too.
    pub deleting: Option<Vec<String>>,
    /// Nodes of ours that do not run and that somebody must help: which, and why.
    pub broken: Vec<(NodeName, &'static str)>,
    /// This member's place among the members, as the status listed them last.
    pub turn: Option<Turn>,
}

/// The admin account on chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminObserved {
    /// Its next nonce, read before everything else: what is sent with it can land only if nothing has happened since.
    pub nonce: u64,
    /// A transaction of it waits for a block.
    pub in_flight: bool,
    /// Its votes.
    pub history: History,
}

/// Network infos, others' and our own.
#[derive(Clone, Debug, Default)]
pub struct SourcesObserved {
    /// What the sources of the spec said last, in its order; `None` before they were asked.
    pub seen: Option<Vec<Seen>>,
    /// What is kept of what they have said.
    pub learned: Learned,
    /// Our own is published.
    pub published: bool,
}

/// What the governance contract says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governance {
    /// Block it was read at.
    pub height: u64,
    /// The members, in on-chain order.
    pub members: Vec<MemberObserved>,
    /// The seats.
    pub seats: Vec<SeatObserved>,
    /// Votes that decide a proposal.
    pub votes_needed: u16,
    /// Proposals that are open, those too that have expired and that nobody has closed yet.
    pub proposals: Vec<ProposalObserved>,
    /// Parameters as they will stand once what is scheduled has begun, in the contract's order.
    pub parameters: [u64; 5],
    /// Hardforks by name, with their first blocks.
    pub hardforks: Vec<(B256, u64)>,
    /// Contracts by name.
    pub named_contracts: Vec<(B256, Address)>,
}

/// An open proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalObserved {
    /// Its id.
    pub id: u64,
    /// What it would do.
    pub content: Content,
    /// What its proposer says.
    pub memo: String,
    /// The member that opened it.
    pub proposer: u32,
    /// Last block in which it can be voted on.
    pub expires_at: u64,
    /// That block is over.
    pub expired: bool,
    /// A bit for each member's place.
    pub votes_for: U256,
    /// The same of those against.
    pub votes_against: U256,
}

/// A member on chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberObserved {
    /// Its id.
    pub id: u32,
    /// Its alias.
    pub alias: String,
    /// Its admin account.
    pub admin: Address,
    /// Its operator accounts.
    pub operators: Vec<Address>,
    /// Seats it may hold.
    pub capacity: u16,
    /// Seats it holds.
    pub seats: u16,
    /// Earliest block in which it may add one.
    pub next_seat_block: u64,
    /// Its bit in votes.
    pub place: u8,
    /// Block that admitted it.
    pub joined_at: u64,
}

/// A seat on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatObserved {
    /// Its identity.
    pub identity: Address,
    /// Its member's id.
    pub member: u32,
    /// Operator account that owns it.
    pub operator: Address,
}
