//! A node under test: the real network over loopback, with a small chain in memory.

use alloy_consensus::{Header, ReceiptEnvelope, ReceiptWithBloom};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use chain::enode::Enode;
use devp2p::{
    Block, BlockBody, BlockId, ChainReader, ChainStatus, Event, Events, ForkSchedule, Network,
    NetworkOptions, NodeKey, PeerId, eth::EthVersion, start,
};
use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// A test that has to wait longer than this has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) const NETWORK_ID: u64 = 1337;

/// Waits for something that must happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}"))
}

/// Five blocks, one pooled transaction.
pub(crate) struct SmallChain {
    pub(crate) headers: Vec<Header>,
    pub(crate) pooled: Bytes,
    /// Transactions that wait for a block.
    pub(crate) block: Vec<Bytes>,
    /// The first block that is there whole.
    pub(crate) earliest: u64,
}

impl SmallChain {
    pub(crate) fn new() -> Self {
        Self { headers: (0..5).map(header).collect(), pooled: transaction(1), block: Vec::new(), earliest: 2 }
    }

    pub(crate) fn hash(&self, number: usize) -> B256 {
        chain::hash::block_hash(&self.headers[number]).unwrap()
    }

    fn known(&self, hash: &B256) -> bool {
        (0..self.headers.len()).any(|n| self.hash(n) == *hash)
    }
}

/// Header with QBFT's extra data: empty vanity, no validators, no vote, round 0, no seals.
pub(crate) fn header(number: u64) -> Header {
    let mut extra = vec![0xe5, 0xa0];
    extra.extend([0; 32]);
    extra.extend([0xc0, 0xc0, 0x80, 0xc0]);
    Header { number, timestamp: 1000 + number, extra_data: extra.into(), ..Header::default() }
}

/// An empty block of this number.
pub(crate) fn block(number: u64) -> Block {
    Block { header: header(number), body: BlockBody::default() }
}

/// Bytes framed as a typed transaction; the network looks at no more than that.
pub(crate) fn transaction(seed: u8) -> Bytes {
    let mut raw = vec![2];
    raw.extend([seed; 109]);
    raw.into()
}

impl ChainReader for SmallChain {
    fn status(&self) -> ChainStatus {
        let head = self.headers.last().unwrap();
        ChainStatus {
            head_number: head.number,
            head_hash: self.hash(self.headers.len() - 1),
            head_timestamp: head.timestamp,
            earliest: self.earliest,
            total_difficulty: U256::from(head.number + 1),
        }
    }

    fn headers(&self, origin: BlockId, amount: usize, skip: u64, reverse: bool) -> Vec<Header> {
        let origin = match origin {
            BlockId::Number(number) => Some(number),
            BlockId::Hash(hash) => {
                self.headers.iter().find(|h| chain::hash::block_hash(h) == Ok(hash)).map(|h| h.number)
            }
        };
        let Some(origin) = origin else { return Vec::new() };
        let at = |n: u64| {
            let distance = n * (skip + 1);
            let number = if reverse { origin.checked_sub(distance)? } else { origin + distance };
            self.headers.get(usize::try_from(number).ok()?).cloned()
        };
        (0..amount as u64).map_while(at).collect()
    }

    fn bodies(&self, hashes: &[B256]) -> Vec<BlockBody> {
        hashes.iter().filter(|hash| self.known(hash)).map(|_| BlockBody::default()).collect()
    }

    fn receipts(&self, hashes: &[B256]) -> Vec<Vec<ReceiptEnvelope>> {
        let receipts = || vec![ReceiptEnvelope::Eip1559(ReceiptWithBloom::default())];
        hashes.iter().filter(|hash| self.known(hash)).map(|_| receipts()).collect()
    }

    fn pooled(&self, hashes: &[B256]) -> Vec<Bytes> {
        hashes.iter().filter(|hash| **hash == keccak256(&self.pooled)).map(|_| self.pooled.clone()).collect()
    }

    fn each_pooled(&self, each: &mut dyn FnMut(&B256, &Bytes)) {
        self.block.iter().chain([&self.pooled]).for_each(|raw| each(&keccak256(raw), raw));
    }

    fn pooled_hashes(&self) -> Vec<(B256, u8, u32)> {
        vec![(keccak256(&self.pooled), 2, 110)]
    }
}

pub(crate) fn forks() -> ForkSchedule {
    ForkSchedule {
        genesis_hash: SmallChain::new().hash(0),
        genesis_time: 1000,
        blocks: vec![],
        times: vec![],
    }
}

pub(crate) fn options(key: NodeKey, peers: Vec<Enode>) -> NetworkOptions {
    NetworkOptions {
        key,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        peers,
        max_peers: 10,
        network_id: NETWORK_ID,
        forks: forks(),
        eth_versions: EthVersion::ALL.to_vec(),
        client: "quorate/test".to_owned(),
    }
}

/// A running node and what it reports.
pub(crate) struct Node {
    pub(crate) network: Network,
    pub(crate) events: Events,
}

impl Node {
    pub(crate) async fn start(options: NetworkOptions) -> Self {
        Self::over(options, SmallChain::new()).await
    }

    /// Over another chain.
    pub(crate) async fn over(options: NetworkOptions, chain: SmallChain) -> Self {
        let (network, events) = start(options, Arc::new(chain)).await.unwrap();
        Self { network, events }
    }

    /// With a fresh key and these static peers.
    pub(crate) async fn with_peers(peers: Vec<Enode>) -> Self {
        Self::start(options(NodeKey::random(), peers)).await
    }

    pub(crate) fn id(&self) -> PeerId {
        self.network.local_id()
    }

    pub(crate) fn enode(&self) -> Enode {
        let address = self.network.local_address();
        Enode { id: self.id(), host: "localhost".to_owned(), port: address.port() }
    }

    /// First event for which `pick` gives something; others are thrown away.
    pub(crate) async fn event<T>(&mut self, what: &str, pick: impl Fn(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the network is running");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        within(what, found).await
    }

    pub(crate) async fn peer_up(&mut self) -> devp2p::PeerInfo {
        self.event("PeerUp", |event| match event {
            Event::PeerUp { peer } => Some(peer),
            _ => None,
        })
        .await
    }

    pub(crate) async fn peer_down(&mut self) -> (PeerId, devp2p::DownReason) {
        self.event("PeerDown", |event| match event {
            Event::PeerDown { id, reason } => Some((id, reason)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn consensus(&mut self) -> (PeerId, u8, Bytes) {
        self.event("a consensus payload", |event| match event {
            Event::Consensus { from, code, payload } => Some((from, code, payload)),
            _ => None,
        })
        .await
    }

    /// Waits until a counter has at least this value.
    pub(crate) async fn counted(&self, label: &str, least: u64) {
        let reached = async {
            while self.count(label) < least {
                tokio::task::yield_now().await;
            }
        };
        within(label, reached).await;
    }

    pub(crate) fn count(&self, label: &str) -> u64 {
        self.network.counters().into_iter().find(|(l, _)| *l == label).expect("a known counter").1
    }
}

/// A port for nodes that must name each other before they start, given once: below those that the system gives to outgoing
/// connections, so that no dial takes it before its use.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let begin = 8_000 + u16::try_from(std::process::id() % 50).unwrap() * 64;
    let mut ports = std::iter::repeat_with(|| begin + GIVEN.fetch_add(1, Ordering::Relaxed)).take(800);
    ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
