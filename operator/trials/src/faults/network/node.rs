//! One node: what its pod gives it, and what it says of itself.

use super::{
    Chain, Network, SYNC_MS, State,
    fence::{Fenced, Records},
    rpc,
};
use crate::players::ports::Ports;
use alloy_primitives::{Address, B256, B512, Signature};
use chain::{
    Seal,
    config::{ConfigError, NodeConfig, SignerConfig},
    governance::{seat_digest, seat_signature},
    signature::seal_from,
    status::{Head, Identity, Journal, NodeStatus, Pool, STATUS_VERSION, SeatProof},
};
use k256::ecdsa::SigningKey;
use operator_core::keys::Key;
use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

/// Blocks for which a node without its journal sits out, here.
const SITS_OUT_BLOCKS: u64 = 2;

/// Why a container ends at once.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// node.json.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The genesis.
    #[error(transparent)]
    Chain(#[from] super::ChainError),
    /// A key that is none.
    #[error("{0} is not a private key")]
    Key(&'static str),
    /// The key is not that of node.json.
    #[error("identity key belongs to {found}, node.json names {wanted}")]
    Identity {
        /// Of the file.
        found: Address,
        /// In node.json.
        wanted: Address,
    },
    /// The disk has another chain.
    #[error("the disk holds a chain with genesis {found}, node.json names {wanted}")]
    Disk {
        /// On the disk.
        found: B256,
        /// In node.json.
        wanted: B256,
    },
    /// No address left, or somebody else has it.
    #[error("no address: {0}")]
    Address(#[from] std::io::Error),
}

/// What a container finds mounted.
#[derive(Clone, Debug)]
pub struct Mounts {
    /// node.json.
    pub config: String,
    /// The genesis file.
    pub genesis: String,
    /// The identity's key, for validators.
    pub identity: Option<String>,
    /// The keys that a spare stands by with, by path.
    pub identities: BTreeMap<String, String>,
    /// The p2p key.
    pub p2p: String,
    /// Uid of the disk's claim.
    pub disk: String,
}

/// A running node.
pub struct Node {
    /// Its StatefulSet's name.
    pub name: String,
    /// Hash of the chain it runs.
    pub genesis: B256,
    identity: Option<Held>,
    /// Identities that can move, its own among them.
    pub(super) fenced: Vec<Fenced>,
    /// The identity that it holds.
    casts: Option<Address>,
    chain_id: u64,
    p2p_id: B512,
    journal: B256,
    started_ms: u64,
    synced: bool,
    voted: bool,
    sits_out: SitsOut,
    head: u64,
    _ports: Ports,
}

struct Held {
    key: Key,
    member: Option<Address>,
}

#[derive(Clone, Copy)]
enum SitsOut {
    No,
    /// Until this height; not known before it is synced.
    Until(Option<u64>),
}

impl Network {
    /// Starts the container of a pod: `uid` the pod's, `ip` an address of its own.
    pub async fn start(
        self: &Arc<Self>,
        uid: &str,
        name: &str,
        ip: &str,
        mounts: Mounts,
    ) -> Result<(), StartError> {
        let config = NodeConfig::from_json(&mounts.config)?;
        let at = ip.parse::<Ipv4Addr>().map_err(std::io::Error::other)?;
        let container = rpc::Container { network: self.clone(), uid: uid.to_owned() };
        let ports = Ports::open(at, Arc::new(container)).await?;
        let p2p = read_key(&mounts.p2p).ok_or(StartError::Key("p2p key"))?;
        let identity = match (&config.identity, &mounts.identity) {
            (Some(wanted), Some(text)) => {
                let key = read_key(text).ok_or(StartError::Key("identity key"))?;
                if key.address != wanted.address {
                    return Err(StartError::Identity { found: key.address, wanted: wanted.address });
                }
                Some(Held { key, member: wanted.member })
            }
            _ => None,
        };
        let fenced = fenced(&config, identity.as_ref(), &mounts)?;
        let mut state = self.lock();
        let State { chains, disks, nodes, violations, .. } = &mut *state;
        let wanted = config.network.genesis_hash;
        let disk = disks.entry(mounts.disk.clone()).or_default();
        disk.open(wanted).map_err(|found| StartError::Disk { found, wanted })?;
        if let std::collections::hash_map::Entry::Vacant(place) = chains.entry(wanted) {
            place.insert(Chain::new(&mounts.genesis, &config)?);
        }
        let twin =
            |node: &&Node| identity.as_ref().is_some_and(|held| node.address() == Some(held.key.address));
        if let Some(twin) = nodes.values().find(twin) {
            violations.push(format!("{name} runs with the identity of {}, which still runs", twin.name));
        }
        let (journal, sits_out) = config
            .identity
            .as_ref()
            .map(|identity| disk.journal(&identity.journal, &mounts.disk))
            .unwrap_or_default();
        let node = Node {
            name: name.to_owned(),
            genesis: wanted,
            chain_id: config.network.chain_id,
            p2p_id: p2p.public,
            casts: identity.as_ref().map(|held| held.key.address).filter(|_| fenced.is_empty()),
            identity,
            fenced,
            journal,
            started_ms: self.now_ms(),
            synced: false,
            voted: false,
            sits_out: if sits_out { SitsOut::Until(None) } else { SitsOut::No },
            head: 0,
            _ports: ports,
        };
        nodes.insert(uid.to_owned(), node);
        Ok(())
    }

    /// Ends the container of a pod, if it runs.
    pub fn stop(&self, uid: &str) {
        self.lock().nodes.remove(uid);
        self.tell();
    }

    /// Ends the containers of pods that are not there any more.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().nodes.retain(|uid, _| is_there(uid));
    }

    /// `/readyz`; `None` when no such container runs.
    #[must_use]
    pub fn is_ready(&self, uid: &str) -> Option<bool> {
        Some(self.lock().nodes.get(uid)?.is_synced())
    }

    /// `/status`.
    pub(super) fn document(&self, uid: &str) -> Option<NodeStatus> {
        let state = self.lock();
        let node = state.nodes.get(uid)?;
        Some(node.document(state.chains.get(&node.genesis)?, &state.records, self.now_ms()))
    }

    /// The chain of a node, for its RPC.
    pub(super) fn with_chain<T>(&self, uid: &str, ask: impl FnOnce(&mut Chain) -> T) -> Option<(B256, T)> {
        let mut state = self.lock();
        let hash = state.nodes.get(uid)?.genesis;
        Some((hash, ask(state.chains.get_mut(&hash)?)))
    }
}

fn seal_with(key: &Key, hash: B256) -> Option<Seal> {
    let (signature, id) = key.signing.sign_prehash_recoverable(hash.as_slice()).ok()?;
    Some(seal_from(&Signature::from((signature, id))))
}

fn read_key(text: &str) -> Option<Key> {
    let bytes = alloy_primitives::hex::decode(text.trim()).ok()?;
    SigningKey::from_slice(&bytes).ok().map(Key::new)
}

/// What the file says of identities that can move, with their keys.
fn fenced(config: &NodeConfig, own: Option<&Held>, mounts: &Mounts) -> Result<Vec<Fenced>, StartError> {
    let own =
        config.identity.as_ref().zip(own).and_then(|(of, held)| Fenced::new(of, held.key.clone(), true));
    let mut fenced: Vec<Fenced> = own.into_iter().collect();
    for of in &config.standby_for {
        let SignerConfig::File { path } = &of.signer else { return Err(StartError::Key("standbyFor")) };
        let key = mounts.identities.get(path).and_then(|text| read_key(text));
        let key = key.ok_or(StartError::Key("a key of standbyFor"))?;
        if key.address != of.address {
            return Err(StartError::Identity { found: key.address, wanted: of.address });
        }
        fenced.extend(Fenced::new(of, key, false));
    }
    Ok(fenced)
}

impl Node {
    /// Address of its own identity.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.identity.as_ref().map(|held| held.key.address)
    }

    /// The identity that it votes with now, if any: where it can move, the one that it holds.
    #[must_use]
    pub const fn casts(&self) -> Option<Address> {
        self.casts
    }

    /// What the records let it vote with; whether that is news.
    pub(super) fn holds(&mut self, identity: Option<Address>) -> bool {
        if self.fenced.is_empty() {
            return false;
        }
        std::mem::replace(&mut self.casts, identity) != identity
    }

    /// Caught up with the chain.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.synced
    }

    /// It has voted since it started: before that nobody counts on it.
    #[must_use]
    pub const fn has_voted(&self) -> bool {
        self.voted
    }

    /// Its vote is heard.
    pub(super) const fn vote(&mut self) {
        self.voted = true;
    }

    /// Whether it has just become so.
    pub(super) fn catch_up(&mut self, now_ms: u64) -> bool {
        let was = self.synced;
        self.synced = was || now_ms >= self.started_ms + SYNC_MS;
        was != self.synced
    }

    /// Sees the chain's newest block.
    pub(super) fn see(&mut self, hash: B256, height: u64) {
        if hash != self.genesis || !self.synced {
            return;
        }
        self.head = height;
        self.sits_out = match self.sits_out {
            SitsOut::Until(None) => SitsOut::Until(Some(height + SITS_OUT_BLOCKS)),
            SitsOut::Until(Some(until)) if height >= until => SitsOut::No,
            other => other,
        };
    }

    /// It would sign a vote now.
    pub(super) fn votes_on(&self, hash: B256, chain: &Chain) -> bool {
        let seated = self.casts.is_some_and(|address| chain.has_seat(&address));
        hash == self.genesis && self.synced && seated && matches!(self.sits_out, SitsOut::No)
    }

    /// Its seal.
    pub(super) fn seal(&self, hash: B256) -> Option<Seal> {
        let held = self.fenced.iter().find(|fenced| Some(fenced.key.address) == self.casts);
        let key = held.map(|fenced| &fenced.key).or_else(|| self.identity.as_ref().map(|held| &held.key))?;
        seal_with(key, hash)
    }

    fn document(&self, chain: &Chain, records: &Records, now_ms: u64) -> NodeStatus {
        let head = chain.ledger().head();
        let (number, hash, timestamp) =
            if self.synced { (head.number, head.hash, head.header.timestamp) } else { (0, self.genesis, 0) };
        NodeStatus {
            version: STATUS_VERSION,
            chain_id: self.chain_id,
            genesis_hash: self.genesis,
            node_id: self.p2p_id,
            now_ms,
            started_ms: self.started_ms,
            head: Head { number, hash, timestamp },
            best_peer_head: head.number,
            ready: self.synced,
            not_ready_reason: (!self.synced).then(|| "catching up".to_owned()),
            peers: Vec::new(),
            identity: self.shown(chain, records),
            standby_for: self.fenced.iter().filter(|of| !of.own).map(|of| of.standby(records)).collect(),
            seats: chain.heard(),
            carriers: Vec::new(),
            consensus: None,
            pool: Pool::default(),
            faults: Vec::new(),
        }
    }

    /// Its own identity, or the one that a spare holds.
    fn shown(&self, chain: &Chain, records: &Records) -> Option<Identity> {
        if let Some(held) = &self.identity {
            let fence = self.fenced.iter().find(|fenced| fenced.own).map(|fenced| fenced.view(records));
            let voting = self.casts == Some(held.key.address);
            return Some(Identity {
                fence,
                ..self.identity((&held.key, held.member), voting, self.journal, chain)
            });
        }
        let held = self.fenced.iter().find(|fenced| Some(fenced.key.address) == self.casts)?;
        // A journal for each identity, on record with nobody.
        let journal =
            alloy_primitives::keccak256([self.p2p_id.as_slice(), held.key.address.as_slice()].concat());
        let identity = self.identity((&held.key, held.member), true, journal, chain);
        Some(Identity { fence: Some(held.view(records)), ..identity })
    }

    fn identity(
        &self,
        (key, member): (&Key, Option<Address>),
        may_vote: bool,
        journal: B256,
        chain: &Chain,
    ) -> Identity {
        let address = key.address;
        let seated = chain.has_seat(&address);
        let proof = member.filter(|_| !seated && self.synced).and_then(|admin| {
            let head = chain.ledger().head();
            let digest = seat_digest(self.chain_id, chain.member(admin)?, address, head.number, head.hash);
            Some(SeatProof {
                member: admin,
                block_number: head.number,
                block_hash: head.hash,
                signature: seat_signature(&seal_with(key, digest)?),
            })
        });
        let waits = "its vote journal is not the one that is recorded";
        Identity {
            address,
            seated,
            voting: seated && may_vote && self.synced && matches!(self.sits_out, SitsOut::No),
            signer: None,
            journal: Journal {
                id: journal,
                sitting_out: (!matches!(self.sits_out, SitsOut::No)).then(|| waits.to_owned()),
            },
            fence: None,
            seat_proof: proof,
        }
    }
}
