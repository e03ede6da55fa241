//! What the network is started with.

use crate::{ForkSchedule, NodeKey, eth::EthVersion};
use chain::enode::Enode;
use std::net::SocketAddr;

/// Everything [`crate::start`] needs.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Identity of this node on the network.
    pub key: NodeKey,
    /// Where to accept connections; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Static peers, dialled until [`crate::Network::static_peers`] names others; an entry with our own id is skipped.
    pub peers: Vec<Enode>,
    /// Connected peers beside those, at most.
    pub max_peers: u16,
    /// Network id of the eth handshake; the chain id on our networks.
    pub network_id: u64,
    /// Genesis hash and forks.
    pub forks: ForkSchedule,
    /// Versions of eth to offer.
    pub eth_versions: Vec<EthVersion>,
    /// Client name for Hello, for example `quorate/0.1.0`.
    pub client: String,
}
